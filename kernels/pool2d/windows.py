"""Which pixels the windows of a pooling see, axis by axis.

Bounds are an array (2, O + 1) of int64: window o sees the pixels bounds[0, o], bounds[0, o] + dilation, ... before bounds[1, o], all of
them inside the image; a window that lies in the padding alone ends where it begins. After the last window stands one that begins and
ends where the image ends. With dilation 1, neither bound decreases from one window to the next.
"""

from collections.abc import Sequence

import numpy as np

from kernels.geometry import Pair, window_extent


def sliding(size: int, windows: int, kernel: int, stride: int, padding: int, dilation: int) -> np.ndarray:
    """The bounds of windows of `kernel` pixels, `stride` apart, the first of which begins `padding` pixels before the image."""
    start = np.arange(windows) * stride - padding
    first = start - np.minimum(start // dilation, 0) * dilation  # the padding is skipped in whole steps of the dilation
    return _bounds(first, start + window_extent(kernel, dilation), size)


def adaptive(size: int, windows: int) -> np.ndarray:
    """The bounds of `windows` windows that cover `size` pixels: from floor(o * size / windows) to before ceil((o + 1) * size / windows)."""
    o = np.arange(windows)
    return _bounds(o * size // windows, -(-(o + 1) * size // windows), size)


def _bounds(first: np.ndarray, end: np.ndarray, size: int) -> np.ndarray:
    first, end = np.append(np.minimum(first, size), size), np.append(np.minimum(end, size), size)
    return np.stack([first, np.maximum(first, end)])


def seen_by(bounds: np.ndarray, size: int) -> np.ndarray:
    """The windows (of dilation 1) that see each of `size` pixels, as bounds: the other way round, windows are what a pixel sees."""
    place = np.arange(size)
    count = bounds.shape[1] - 1
    return _bounds(np.searchsorted(bounds[1, :-1], place, "right"), np.searchsorted(bounds[0, :-1], place, "right"), count)


def lengths(bounds: np.ndarray, dilation: int = 1) -> np.ndarray:
    """(O,): how many pixels each window sees."""
    return -(-(bounds[1, :-1] - bounds[0, :-1]) // dilation)


def full_lengths(size: int, windows: int, kernel: int, stride: int, padding: int) -> np.ndarray:
    """(O,): how many places of the padded image each window covers."""
    start = np.arange(windows) * stride - padding
    return np.minimum(start + kernel, size + padding) - start


def out_size(bounds: Sequence[np.ndarray]) -> Pair:
    """(OH, OW): the number of windows along each axis."""
    return bounds[0].shape[1] - 1, bounds[1].shape[1] - 1
