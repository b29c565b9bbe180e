"""Moving the pixels of whole batches: turned, sheared and shifted, or cut out and resized, each image by numbers of its own."""

import numpy as np

from minitorch_cv.data.pixels import as_float, blocks, highest


def rotation(degrees: np.ndarray) -> np.ndarray:
    """Matrices (N, 2, 3) for `warp` that turn images about their centre, against the clock."""
    angle = np.deg2rad(np.asarray(degrees, np.float64))
    cosine, sine, zero = np.cos(angle), np.sin(angle), np.zeros(len(angle))
    # Seen from the result, the original is turned with the clock; y points down.
    return np.stack([np.stack([cosine, -sine, zero], -1), np.stack([sine, cosine, zero], -1)], axis=1)


def shift(right: np.ndarray | float, down: np.ndarray | float, images: np.ndarray) -> np.ndarray:
    """Matrices (N, 2, 3) for `warp` that move `images` by so many pixels: numbers (N,), or one for all."""
    matrices = np.tile(np.eye(2, 3), (len(images), 1, 1))
    matrices[:, 0, 2], matrices[:, 1, 2] = -np.asarray(right), -np.asarray(down)
    return matrices


def shear(x: np.ndarray | float, y: np.ndarray | float, images: np.ndarray) -> np.ndarray:
    """Matrices (N, 2, 3) for `warp` that move row i of `images` to the left by x * (i + 1/2) pixels, and column j up by y * (j + 1/2).

    x, y: numbers (N,), or one for all. The upper left corner stays where it is.
    """
    _, H, W, _ = images.shape
    matrices = np.tile(np.eye(2, 3), (len(images), 1, 1))
    matrices[:, 0, 1], matrices[:, 1, 0] = x, y
    matrices[:, 0, 2], matrices[:, 1, 2] = np.asarray(x) * (H / 2), np.asarray(y) * (W / 2)
    return matrices


def warp(images: np.ndarray, matrices: np.ndarray, fill: float = 0, bilinear: bool = False) -> np.ndarray:
    """Images (N, H, W, C) of the same size, in which the pixel at (x, y) is what lay at matrix @ (x, y, 1), counted from the centre.

    matrices: (N, 2, 3), from the result back to the original. What lay outside of the original is `fill`. bilinear: the mean of the
    four pixels around, weighted by nearness, in place of the nearest one; the result is then float32, unless it was float64.
    """
    images = as_float(images) if bilinear else images
    result = np.empty_like(images)
    for chosen in blocks(images):
        result[chosen] = _warped(images[chosen], matrices[chosen], fill, bilinear)
    return result


def _warped(images: np.ndarray, matrices: np.ndarray, fill: float, bilinear: bool) -> np.ndarray:
    N, H, W, _ = images.shape
    x, y = np.arange(W) - (W - 1) / 2, (np.arange(H) - (H - 1) / 2)[:, np.newaxis]
    a, b, c = matrices[:, 0].T.reshape(3, N, 1, 1)
    d, e, f = matrices[:, 1].T.reshape(3, N, 1, 1)
    column = a * x + b * y + c + (W - 1) / 2  # (N, H, W)
    row = d * x + e * y + f + (H - 1) / 2
    if not bilinear:
        # Half a pixel is rounded up, after a hair's breadth that keeps 0.49999.. and 0.5, the same place in theory, together.
        return _pixels(images, np.floor(row + 0.5 + 1e-9), np.floor(column + 0.5 + 1e-9), fill)
    top, left = np.floor(row), np.floor(column)
    down, right = ((part[..., np.newaxis]).astype(images.dtype) for part in (row - top, column - left))
    upper = _pixels(images, top, left, fill) * (1 - right) + _pixels(images, top, left + 1, fill) * right
    lower = _pixels(images, top + 1, left, fill) * (1 - right) + _pixels(images, top + 1, left + 1, fill) * right
    return upper * (1 - down) + lower * down


def _pixels(images: np.ndarray, row: np.ndarray, column: np.ndarray, fill: float) -> np.ndarray:
    """images[n, row, column] for rows and columns (N, H, W), `fill` where they are outside."""
    N, H, W, C = images.shape
    outside = (row < 0) | (row >= H) | (column < 0) | (column >= W)
    place = (row.clip(0, H - 1) * W + column.clip(0, W - 1)).astype(np.int64) + (np.arange(N) * (H * W)).reshape(N, 1, 1)
    result = images.reshape(N * H * W, C).take(place.reshape(-1), axis=0).reshape(images.shape)
    result[outside] = fill
    return result


def resized_crops(
    images: np.ndarray, top: np.ndarray, left: np.ndarray, height: np.ndarray, width: np.ndarray, size: tuple[int, int]
) -> np.ndarray:
    """The piece of `height` x `width` at (top, left) of each image, at `size`: bilinear, antialiased; float32 from 0 to 1 (or float64).

    Antialiased: where the piece shrinks, each result is a mean over all pixels that it covers, weighted by their nearness. Rows and
    columns are matrices (OH, H) and (OW, W) of these weights, and resizing is two products.
    """
    N, H, W, C = images.shape
    dtype = np.promote_types(images.dtype, np.float32)
    down = _weights(H, top, height, size[0]).astype(dtype)
    across = (_weights(W, left, width, size[1]) / highest(images)).astype(dtype)
    result = np.empty((N, *size, C), dtype)
    for n in range(N):
        rows, columns = slice(top[n], top[n] + height[n]), slice(left[n], left[n] + width[n])
        planes = images[n, rows, columns].transpose(2, 0, 1).astype(dtype, order="C")  # (C, h, w): NumPy is slow on rows of 3
        result[n] = (down[n, :, rows] @ planes @ across[n, :, columns].T).transpose(1, 2, 0)
    return result


def _weights(length: int, start: np.ndarray, extent: np.ndarray, size: int) -> np.ndarray:
    """(N, size, length): what each pixel of a line counts in each of `size` pixels made of its part [start, start + extent)."""
    start, extent = (np.asarray(numbers, np.float64).reshape(-1, 1, 1) for numbers in (start, extent))
    scale = extent / size
    centre = start + (np.arange(size)[:, np.newaxis] + 0.5) * scale  # (N, size, 1)
    pixel = np.arange(length) + 0.5
    weights = np.maximum(0, 1 - np.abs(pixel - centre) / np.maximum(scale, 1)) * ((pixel > start) & (pixel < start + extent))
    return weights / weights.sum(-1, keepdims=True)
