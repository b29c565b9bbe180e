"""Segmentation by tiles is the same, to the last digits, as of the whole image at once."""

import numpy as np
import pytest

import minitorch_cv as mt
import models
from minitorch_cv import nn
from minitorch_cv.autograd import no_grad
from minitorch_cv.inference import mirrored, segment


def small_unet(seed: int = 0, **options: object) -> nn.Module:
    mt.manual_seed(seed)
    return models.create("unet", num_classes=3, width=1 / 16, depth=0.5, **options).double().eval()


def image(*shape: int) -> mt.Tensor:
    return mt.from_numpy(np.random.default_rng(0).standard_normal(shape))


@pytest.mark.parametrize("size", [(40, 40), (21, 50), (5, 3), (1, 30)])
@pytest.mark.parametrize("tile", [12, 30, (16, 200)])
def test_tiling_changes_nothing(size: tuple[int, int], tile: int | tuple[int, int]) -> None:
    model = small_unet()
    images = image(2, 1, *size)
    whole, tiled = segment(model, images), segment(model, images, tile)
    assert whole.shape == (2, 3, *size)
    assert np.abs(whole.numpy()).max() > 0.1
    np.testing.assert_allclose(tiled.numpy(), whole.numpy(), rtol=0, atol=1e-10)


def test_tiling_changes_nothing_with_four_halvings() -> None:
    mt.manual_seed(0)
    model = models.create("unet", width=1 / 64).double().eval()
    images = image(1, 1, 70, 41)
    np.testing.assert_allclose(segment(model, images, 33).numpy(), segment(model, images).numpy(), rtol=0, atol=1e-10)


def test_tiles_that_are_no_multiple_of_the_stride_would_change_it() -> None:
    """Why tiles are rounded: shifted by one pixel, poolings group others."""
    model = small_unet()
    pixels = image(1, 1, 60, 60).numpy()
    with no_grad():
        whole = model.valid(mt.from_numpy(np.ascontiguousarray(pixels))).numpy()
        shifted = model.valid(mt.from_numpy(np.ascontiguousarray(pixels[:, :, 4:, 4:]))).numpy()
        one_off = model.valid(mt.from_numpy(np.ascontiguousarray(pixels[:, :, 1:57, 1:57]))).numpy()
    np.testing.assert_allclose(whole[:, :, 4:, 4:], shifted, rtol=0, atol=1e-10)
    assert np.abs(whole[:, :, 1:17, 1:17] - one_off).max() > 1e-3


def test_the_whole_is_the_mirrored_image() -> None:
    """Against NumPy's padding; and `mirror=True` is the same."""
    model = small_unet()
    images = image(1, 1, 24, 24)  # 24 + 4 * n would do as a result: 24 = 4 + 4 * 5
    padded = np.pad(images.numpy(), ((0, 0), (0, 0), (20, 20), (20, 20)), mode="reflect")
    with no_grad():
        expected = model.valid(mt.from_numpy(padded)).numpy()
        np.testing.assert_array_equal(segment(model, images).numpy(), expected)
        model.mirror = True
        np.testing.assert_array_equal(model(images).numpy(), expected)


@pytest.mark.parametrize("length", [1, 2, 5])
def test_mirrored(length: int) -> None:
    expected = np.pad(np.arange(length), (13, 17), mode="reflect" if length > 1 else "edge")
    np.testing.assert_array_equal(mirrored(length, -13, length + 30), expected)
    np.testing.assert_array_equal(mirrored(5, 3, 4), [3, 4, 3, 2])


def test_no_gradients_and_what_is_refused() -> None:
    model = small_unet()
    assert not segment(model, image(1, 1, 8, 8)).requires_grad
    with pytest.raises(TypeError, match="model: got CifarResNet"):
        segment(models.create("resnet20"), image(1, 3, 8, 8))
    with pytest.raises(ValueError, match=r"images: got shape \(1, 8, 8\)"):
        segment(model, image(1, 8, 8))
    with pytest.raises(ValueError, match="tile: got 3, expected at least 4"):
        segment(model, image(1, 1, 8, 8), 3)
    for nonsense in (0, (8,), (8, 8, 8), 8.5, "a"):
        with pytest.raises(ValueError, match=r"tile: got .*, expected a positive number of pixels, or"):
            segment(model, image(1, 1, 8, 8), nonsense)
