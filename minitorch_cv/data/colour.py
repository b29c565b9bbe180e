"""Brightness and colour of whole batches: each function takes images (N, H, W, C) and one number for each image, (N,).

uint8 comes back as uint8 and floating point as floating point, cut off at black and white (see `pixels`). Images with one channel are
grey, and have neither saturation nor hue: these functions leave them as they are.
"""

import numpy as np

from minitorch_cv.data.pixels import as_bytes, blocks, highest, per_image, restored

GREY = np.array([0.299, 0.587, 0.114], np.float32)  # how bright red, green and blue look (ITU-R BT.601)


def brightness(images: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """factor * image: 0 is black, 1 the original."""
    return restored(images * per_image(factor), images.dtype)


def contrast(images: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """The image towards the mean of its grey values: factor 0 is that grey alone, 1 the original."""
    return _blended(grey(images).mean((1, 2, 3), keepdims=True), images, factor)


def saturation(images: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """The image towards its grey values: factor 0 is grey, 1 the original."""
    return images.copy() if images.shape[3] == 1 else _blended(grey(images), images, factor)


def sharpness(images: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """The image towards a smoothed one: factor 0 is smooth, 1 the original, 2 sharper.

    Smooth means: a weight of 5 for the pixel itself, of 1 for each of its 8 neighbours. The border stays.
    """
    if min(images.shape[1:3]) < 3:
        return images.copy()
    smooth = images.astype(np.float32)
    rows = smooth[:, :-2] + smooth[:, 1:-1] + smooth[:, 2:]
    inner = smooth[:, 1:-1, 1:-1]
    smooth[:, 1:-1, 1:-1] = (rows[:, :, :-2] + rows[:, :, 1:-1] + rows[:, :, 2:] + 4 * inner) / 13
    return _blended(smooth, images, factor)


def hue(images: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """All colours turned by `shift` of the circle of colours (1/3 makes red green), at the same saturation and value (HSV)."""
    if images.shape[3] == 1:
        return images.copy()
    _check_rgb(images)
    result = np.empty_like(images)
    for chosen in blocks(images):
        result[chosen] = _turned(images[chosen], per_image(shift[chosen])[..., 0])
    return result


def _turned(images: np.ndarray, shift: np.ndarray) -> np.ndarray:
    red, green, blue = planes = images.transpose(3, 0, 1, 2).astype(np.float32, order="C")  # NumPy is slow on every third number
    value = planes.max(0)
    spread = value - planes.min(0)  # saturation * value
    safe = np.where(spread > 0, spread, 1)
    sixths = np.where(
        value == red, (green - blue) / safe, np.where(value == green, (blue - red) / safe + 2, (red - green) / safe + 4)
    )  # where on the circle, in sixths: 0 red, 2 green, 4 blue
    sixths += 6 * shift
    sixths -= 6 * np.floor(sixths / 6)
    # Along the circle, a channel is at its highest for two sixths, at its lowest for two, and on a ramp between.
    shares = np.abs(sixths - 3) - 1, 2 - np.abs(sixths - 2), 2 - np.abs(sixths - 4)  # of red, green and blue
    result = np.empty(images.shape, np.float32)
    for channel, share in enumerate(shares):
        result[..., channel] = value - spread * (1 - share.clip(0, 1))
    return restored(result, images.dtype)


def solarize(images: np.ndarray, threshold: np.ndarray) -> np.ndarray:
    """The negative, where a pixel is at or above the threshold (in the units of the pixels)."""
    white = images.dtype.type(highest(images))
    return np.where(images >= per_image(threshold), white - images, images)


def posterize(images: np.ndarray, bits: np.ndarray) -> np.ndarray:
    """Only the `bits` (0 to 8) highest bits of each byte."""
    mask = (0xFF00 >> np.asarray(bits).astype(np.int64)) & 0xFF
    return _like(as_bytes(images) & mask.astype(np.uint8).reshape(-1, 1, 1, 1), images)


def autocontrast(images: np.ndarray) -> np.ndarray:
    """Each channel of each image stretched, so that its darkest pixel is black and its brightest white."""
    low = images.min((1, 2), keepdims=True).astype(np.float32) if images.size else per_image(np.empty(0))
    spread = (images.max((1, 2), keepdims=True) if images.size else low) - low
    white = np.float32(highest(images))
    stretched = (images - low) * (white / np.where(spread > 0, spread, white)) + low * (spread == 0)
    return restored(stretched, images.dtype)


def equalize(images: np.ndarray) -> np.ndarray:
    """Each channel of each image mapped so that all brightnesses become about equally frequent (as Pillow's ImageOps.equalize)."""
    pixels = as_bytes(images)
    N, H, W, C = pixels.shape
    place = np.arange(N * C).reshape(N, 1, C) * 256 + pixels.reshape(N, H * W, C)
    counts = np.bincount(place.reshape(-1), minlength=N * C * 256).reshape(N * C, 256)
    brightest = np.where(counts > 0, np.arange(256), 0).max(1)
    step = (H * W - counts[np.arange(N * C), brightest]) // 255  # how many pixels share a brightness, in the ideal
    below = np.cumsum(counts, axis=1) - counts
    table = np.minimum((below + step[:, np.newaxis] // 2) // np.maximum(step, 1)[:, np.newaxis], 255).astype(np.uint8)
    table = np.where(step[:, np.newaxis] > 0, table, np.arange(256, dtype=np.uint8))  # too few pixels to share: as they are
    return _like(table.reshape(-1)[place].reshape(N, H, W, C), images)


def grey(images: np.ndarray) -> np.ndarray:
    """The brightness of each pixel, float32 (N, H, W, 1), in the units of the pixels."""
    if images.shape[3] == 1:
        return images.astype(np.float32)
    _check_rgb(images)
    return (images @ GREY)[..., np.newaxis]


def _blended(base: np.ndarray, images: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """base + factor * (images - base); beyond both for factors above 1."""
    result = images - base  # float32 (N, H, W, C)
    result *= per_image(factor)
    result += base
    return restored(result, images.dtype)


def _like(pixels: np.ndarray, images: np.ndarray) -> np.ndarray:
    """Bytes as pixels of the kind of `images`."""
    return pixels if images.dtype == np.uint8 else (pixels / np.float32(255)).astype(images.dtype)


def _check_rgb(images: np.ndarray) -> None:
    if images.shape[3] != 3:
        raise ValueError(f"images: got {images.shape[3]} channels, expected 3 (red, green, blue), or 1 (grey)")
