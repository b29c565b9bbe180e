"""Brightness, colour and movements of pixels against Pillow, image by image, and hue against Python's colorsys."""

import colorsys
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from minitorch_cv.data import colour, geometry
from minitorch_cv.testing import assert_close

RNG = np.random.default_rng(0)
N = 6
BATCH = RNG.integers(0, 256, (N, 20, 24, 3), dtype=np.uint8)
BATCH[1] = BATCH[1] // 3 + 40  # no black, no white
BATCH[2] = 7  # one colour
BATCH[3, ..., 1] = RNG.integers(0, 3, (20, 24)) * 100  # few values
GREY = BATCH[..., :1].copy()
EACH = np.linspace(0.1, 1.9, N)


def by_pillow(images: np.ndarray, change: Callable[[Image.Image, int], Image.Image]) -> np.ndarray:
    """The change of Pillow image number n, for all n."""
    changed = [np.asarray(change(Image.fromarray(image.squeeze()), n)) for n, image in enumerate(images)]
    return np.stack(changed).reshape(len(images), -1, changed[0].shape[1], images.shape[3])


@pytest.mark.parametrize("images", [BATCH, GREY], ids=["colour", "grey"])
@pytest.mark.parametrize(
    ("function", "enhancer"),
    [
        (colour.brightness, ImageEnhance.Brightness), (colour.contrast, ImageEnhance.Contrast),
        (colour.saturation, ImageEnhance.Color), (colour.sharpness, ImageEnhance.Sharpness),
    ],
)  # fmt: skip
def test_factors(images: np.ndarray, function: Callable, enhancer: type) -> None:
    """Pillow cuts fractions off and rounds its grey to whole numbers, where we round once at the end: 1 of 255 apart."""
    expected = by_pillow(images, lambda image, n: enhancer(image).enhance(EACH[n]))
    result = function(images, EACH)
    assert result.dtype == np.uint8
    assert np.abs(result.astype(int) - expected).max() <= 1
    np.testing.assert_array_equal(function(images, np.ones(N)), images)
    single = function((images / 255).astype(np.float32), EACH)
    assert single.dtype == np.float32
    assert np.abs(single * 255 - result).max() < 0.51


@pytest.mark.parametrize("images", [BATCH, GREY], ids=["colour", "grey"])
def test_tables(images: np.ndarray) -> None:
    bits, threshold = np.arange(1, N + 1), np.linspace(0, 255, N)
    np.testing.assert_array_equal(colour.posterize(images, bits), by_pillow(images, lambda i, n: ImageOps.posterize(i, int(bits[n]))))
    np.testing.assert_array_equal(colour.posterize(images, np.full(N, 8)), images)
    np.testing.assert_array_equal(colour.solarize(images, threshold), by_pillow(images, lambda i, n: ImageOps.solarize(i, threshold[n])))
    np.testing.assert_array_equal(colour.equalize(images), by_pillow(images, lambda image, n: ImageOps.equalize(image)))
    stretched = colour.autocontrast(images)
    assert np.abs(stretched.astype(int) - by_pillow(images, lambda image, n: ImageOps.autocontrast(image))).max() <= 1
    assert stretched[0].min() == 0
    assert stretched[0].max() == 255
    single = (images / 255).astype(np.float32)
    for function, *numbers in ((colour.posterize, bits), (colour.equalize,), (colour.autocontrast,)):
        result = function(single, *numbers)
        assert result.dtype == np.float32
        assert np.abs(result * 255 - function(images, *numbers)).max() < 0.51
    assert_close(colour.solarize(single, np.full(N, 0.5)), np.where(single >= 0.5, 1 - single, single), 0)


def test_hue() -> None:
    images = RNG.random((3, 5, 4, 3))
    images[0, 0] = images[0, 0, :, :1]  # greys have no hue
    shift = np.array([0.23, -0.5, 0.0])
    expected = np.empty_like(images)
    for place in np.ndindex(3, 5, 4):
        h, s, v = colorsys.rgb_to_hsv(*images[place])
        expected[place] = colorsys.hsv_to_rgb((h + shift[place[0]]) % 1, s, v)
    assert_close(colour.hue(images, shift), expected, 1e-6)
    np.testing.assert_array_equal(colour.hue(BATCH, np.zeros(N)), BATCH)
    np.testing.assert_array_equal(colour.hue(GREY, EACH), GREY)
    red, green = np.array([[[[255, 0, 0]]]], np.uint8), np.array([[[[0, 255, 0]]]], np.uint8)
    np.testing.assert_array_equal(colour.hue(red, np.array([1 / 3])), green)


def test_other_numbers_of_channels() -> None:
    for function in (colour.hue, colour.saturation, colour.contrast):
        with pytest.raises(ValueError, match="images: got 2 channels, expected 3"):
            function(BATCH[..., :2], EACH)


def test_rotation_and_shear_and_shift() -> None:
    degrees, slope = np.array([0.0, 30, -45, 90, 120, -7.5]), EACH - 1
    turned = by_pillow(BATCH, lambda image, n: image.rotate(degrees[n]))
    np.testing.assert_array_equal(geometry.warp(BATCH, geometry.rotation(degrees)), turned)
    for matrices, coefficients in (
        (geometry.shear(slope, 0, BATCH), lambda s: (1, s, 0, 0, 1, 0)),
        (geometry.shear(0, slope, BATCH), lambda s: (1, 0, 0, s, 1, 0)),
        (geometry.shift(np.rint(slope * 9), 2, BATCH), lambda s: (1, 0, -round(s * 9), 0, 1, -2)),
    ):
        expected = by_pillow(BATCH, lambda image, n, of=coefficients: image.transform(image.size, Image.AFFINE, of(slope[n])))
        np.testing.assert_array_equal(geometry.warp(BATCH, matrices), expected)
    corner = geometry.warp(BATCH, geometry.rotation(degrees), fill=99)[:, 0, 0]
    assert corner[2].tolist() == [99, 99, 99]


def test_bilinear_warp() -> None:
    quarter = geometry.warp(BATCH[:, :20, :20], geometry.rotation(np.full(N, 90.0)), bilinear=True)
    assert_close(quarter, np.rot90(BATCH[:, :20, :20] / 255, axes=(1, 2)), 1e-6)
    half = geometry.warp(BATCH, geometry.shift(0.5, 0, BATCH), bilinear=True)
    assert_close(half[:, :, 1:], (BATCH[:, :, 1:] / 255 + BATCH[:, :, :-1] / 255) / 2, 1e-6)
    expected = by_pillow(BATCH, lambda image, n: image.rotate(23, Image.BILINEAR))
    result = geometry.warp(BATCH, geometry.rotation(np.full(N, 23.0)), bilinear=True)
    inner = (slice(None), slice(8, 12), slice(8, 16))  # Pillow treats the border in another way
    assert np.abs(result[inner] * 255 - expected[inner]).max() < 1.01


def test_resized_crops() -> None:
    top, left = np.array([0, 3, 5, 2, 0, 1]), np.array([2, 0, 9, 4, 0, 1])
    height, width = np.array([20, 5, 8, 18, 1, 7]), np.array([10, 24, 3, 1, 24, 9])

    def by_hand(image: Image.Image, n: int) -> Image.Image:
        box = (left[n], top[n], left[n] + width[n], top[n] + height[n])
        return image.crop([int(edge) for edge in box]).resize((13, 9), Image.BILINEAR)

    result = geometry.resized_crops(BATCH, top, left, height, width, (9, 13))
    assert result.dtype == np.float32
    assert np.abs(result * 255 - by_pillow(BATCH, by_hand)).max() < 1.01  # Pillow rounds between rows and columns
    assert_close(geometry.resized_crops(BATCH / 255, top, left, height, width, (9, 13)), result, 1e-6)
    one = np.ones(N, np.int64)
    assert_close(geometry.resized_crops(BATCH, one, one, one * 6, one * 7, (6, 7)), BATCH[:, 1:7, 1:8] / 255, 1e-6)
