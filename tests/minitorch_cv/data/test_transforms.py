"""Transforms of whole batches."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minitorch_cv.data import Compose, Normalize, RandomCrop, RandomHorizontalFlip, Resize, ToFloat
from minitorch_cv.data.transforms import Transform, resize_bilinear
from minitorch_cv.testing import assert_close

GOLDEN = Path(__file__).parents[2] / "golden" / "resize_bilinear.npz"


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def batch(n: int = 5, h: int = 7, w: int = 6, c: int = 3) -> np.ndarray:
    return rng(9).integers(1, 256, (n, h, w, c), dtype=np.uint8)


@given(
    n=st.integers(0, 4), h=st.integers(1, 6), w=st.integers(1, 6), c=st.integers(1, 4), padding=st.integers(0, 3),
    cut=st.tuples(st.integers(0, 3), st.integers(0, 3)), seed=st.integers(0, 9),
)  # fmt: skip
def test_crop_is_a_window_of_the_padded_image(n: int, h: int, w: int, c: int, padding: int, cut: tuple[int, int], seed: int) -> None:
    images = batch(n, h, w, c)
    height, width = max(1, h + 2 * padding - cut[0]), max(1, w + 2 * padding - cut[1])
    result = RandomCrop((height, width), padding)(images, rng(seed))
    assert result.shape == (n, height, width, c)
    assert result.dtype == np.uint8
    padded = np.pad(images, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    for image, source in zip(result, padded, strict=True):
        windows = [
            source[y : y + height, x : x + width]
            for y in range(h + 2 * padding - height + 1) for x in range(w + 2 * padding - width + 1)
        ]  # fmt: skip
        assert any(np.array_equal(image, window) for window in windows)


def test_every_window_is_drawn_equally_often() -> None:
    images = np.broadcast_to(np.arange(1, 10, dtype=np.uint8).reshape(1, 3, 3, 1), (9000, 3, 3, 1))
    corners = RandomCrop(1)(images, rng()).reshape(-1)
    counts = np.bincount(corners, minlength=10)[1:]
    assert (np.abs(counts - 1000) < 150).all()  # 5 standard deviations


def test_crop_errors() -> None:
    with pytest.raises(ValueError, match=r"size: got 9x4, which does not fit into images of 7x6 with a border of 0"):
        RandomCrop((9, 4))(batch(), rng())
    with pytest.raises(ValueError, match="size: got 0"):
        RandomCrop(0)
    with pytest.raises(ValueError, match="padding: got -1"):
        RandomCrop(3, -1)


def test_flip() -> None:
    images = batch(400)
    result = RandomHorizontalFlip()(images, rng())
    same = (result == images).all((1, 2, 3))
    mirrored = (result == images[:, :, ::-1]).all((1, 2, 3))
    assert (same ^ mirrored).all()
    assert 150 < mirrored.sum() < 250
    np.testing.assert_array_equal(RandomHorizontalFlip(0)(images, rng()), images)
    np.testing.assert_array_equal(RandomHorizontalFlip(1)(images, rng()), images[:, :, ::-1])
    with pytest.raises(ValueError, match=r"p: got 1\.5"):
        RandomHorizontalFlip(1.5)


@pytest.mark.parametrize(("mean", "std"), [((0.5, 0.25, 0.1), (0.2, 0.3, 0.4)), (0.5, 0.25)])
def test_normalize(mean: object, std: object) -> None:
    images = batch()
    expected = (images / 255 - np.array(mean)) / np.array(std)
    result = Normalize(mean, std)(images, rng())
    assert result.dtype == np.float32
    assert_close(result, expected, 3e-7)
    assert_close(Normalize(mean, std)(ToFloat()(images, rng()), rng()), expected, 3e-7)
    assert_close(Normalize(mean, std)(images / 255, rng()), expected, 3e-7)


def test_normalize_errors() -> None:
    with pytest.raises(ValueError, match="std: got 2 numbers"):
        Normalize((0.5,) * 3, (0.5,) * 2)
    with pytest.raises(ValueError, match="std: got"):
        Normalize(0.5, 0.0)
    with pytest.raises(ValueError, match="mean: got 2 numbers for images of 3 channels"):
        Normalize((0.5, 0.5), (1, 1))(batch(), rng())


def test_to_float() -> None:
    images = batch()
    result = ToFloat()(images, rng())
    np.testing.assert_array_equal(result, images.astype(np.float32) / np.float32(255))
    assert result.dtype == np.float32
    assert ToFloat()(result, rng()) is result


def test_resize_against_pytorch() -> None:
    """Cases that PyTorch's F.interpolate computed."""
    with np.load(GOLDEN) as golden:
        names = sorted({key.split(".")[0] for key in golden})
        assert len(names) == 4
        for name in names:
            x, y = golden[f"{name}.x"].astype(np.float64), golden[f"{name}.y"]  # (N, C, H, W)
            resized = resize_bilinear(x.transpose(0, 2, 3, 1), *y.shape[2:]).transpose(0, 3, 1, 2)
            assert_close(resized, y, 1e-12, name)
            single = resize_bilinear(x.transpose(0, 2, 3, 1).astype(np.float32), *y.shape[2:]).transpose(0, 3, 1, 2)
            assert single.dtype == np.float32
            assert_close(single, y, 1e-6, name)


@pytest.mark.full
@given(
    h=st.integers(1, 40), w=st.integers(1, 40), height=st.integers(1, 60), width=st.integers(1, 60), c=st.integers(1, 3),
    seed=st.integers(0, 99),
)  # fmt: skip
def test_resize_against_pytorch_itself(h: int, w: int, height: int, width: int, c: int, seed: int) -> None:
    torch = pytest.importorskip("torch")
    images = rng(seed).integers(0, 256, (2, h, w, c), dtype=np.uint8)
    result = Resize((height, width))(images, rng())
    tensor = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    expected = torch.nn.functional.interpolate(tensor, (height, width), mode="bilinear", align_corners=False)
    assert_close(result.transpose(0, 3, 1, 2), expected, 1e-6)


def test_resize_of_uint8_is_between_0_and_1() -> None:
    result = Resize(9)(batch(), rng())
    assert result.shape == (5, 9, 9, 3)
    assert result.dtype == np.float32
    assert 0 <= result.min() <= result.max() <= 1
    np.testing.assert_array_equal(Resize((7, 6))(batch(), rng()), ToFloat()(batch(), rng()))


ALL: list[Transform] = [RandomCrop(5, 2), RandomHorizontalFlip(), Normalize((0.1, 0.2, 0.3), (1, 2, 3)), Resize((8, 4)), ToFloat()]


@pytest.mark.parametrize("transform", [*ALL, Compose(ALL)], ids=repr)
def test_transforms_do_not_write_into_their_input_and_repeat(transform: Transform) -> None:
    images = batch()
    images.flags.writeable = False
    first, second = transform(images, rng(4)), transform(images, rng(4))
    np.testing.assert_array_equal(first, second)
    assert first.flags.c_contiguous
    assert transform(images[:0], rng()).shape[0] == 0


def test_compose_applies_in_turn() -> None:
    images, generator = batch(), rng(5)
    expected = RandomHorizontalFlip()(RandomCrop(5, 2)(images, generator), generator)
    np.testing.assert_array_equal(Compose([RandomCrop(5, 2), RandomHorizontalFlip()])(images, rng(5)), expected)
