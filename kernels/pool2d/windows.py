"""Which pixels the windows of a pooling see, axis by axis.

Bounds are an array (2, O + 1) of int64: window o sees the pixels bounds[0, o], bounds[0, o] + dilation, ... before bounds[1, o], all of
them inside the image; a window that lies in the padding alone ends where it begins. After the last window stands one that begins and
ends where the image ends. What is returned here is kept for the next call, and must not be written to.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from kernels.geometry import Pair, window_extent
from kernels.resample.taps import Taps


@lru_cache(maxsize=256)
def sliding(size: int, windows: int, kernel: int, stride: int, padding: int, dilation: int) -> np.ndarray:
    """The bounds of windows of `kernel` pixels, `stride` apart, the first of which begins `padding` pixels before the image."""
    start = np.arange(windows) * stride - padding
    first = start - np.minimum(start // dilation, 0) * dilation  # the padding is skipped in whole steps of the dilation
    return _bounds(first, start + window_extent(kernel, dilation), size)


@lru_cache(maxsize=256)
def adaptive(size: int, windows: int) -> np.ndarray:
    """The bounds of `windows` windows that cover `size` pixels: from floor(o * size / windows) to before ceil((o + 1) * size / windows)."""
    o = np.arange(windows)
    return _bounds(o * size // windows, -(-(o + 1) * size // windows), size)


def _bounds(first: np.ndarray, end: np.ndarray, size: int) -> np.ndarray:
    first, end = np.append(np.minimum(first, size), size), np.append(np.minimum(end, size), size)
    return np.stack([first, np.maximum(first, end)])


def lengths(bounds: np.ndarray, dilation: int = 1) -> np.ndarray:
    """(O,): how many pixels each window sees."""
    return -(-(bounds[1, :-1] - bounds[0, :-1]) // dilation)


def seen_by(bounds: np.ndarray) -> np.ndarray:
    """(2, size): all windows that see pixel h are among those from number [0, h] to before number [1, h].

    Those before all end before h, or at it; those behind all begin behind it.
    """
    first, end = bounds[0, :-1], bounds[1, :-1]
    pixels = np.arange(bounds[0, -1])
    # Windows in the padding, and the starts of dilated ones that the padding was skipped of, are not in order.
    ends, starts = np.maximum.accumulate(end), np.minimum.accumulate(first[::-1])[::-1]
    return np.stack([np.searchsorted(ends, pixels, "right"), np.searchsorted(starts, pixels, "right")])


def out_size(bounds: Sequence[np.ndarray]) -> Pair:
    """(OH, OW): the number of windows along each axis."""
    return bounds[0].shape[1] - 1, bounds[1].shape[1] - 1


@dataclass(frozen=True, eq=False)
class Mean:
    """Windows that are averaged: their bounds, and the weight (O,) of each one's sum. The weights of both axes are multiplied."""

    size: int
    bounds: np.ndarray
    weight: np.ndarray

    @cached_property
    def adjoint(self) -> Taps:
        """From the windows to the pixels that they see."""
        counts = lengths(self.bounds)
        start = np.append(0, np.cumsum(counts))
        seen = np.arange(start[-1]) - np.repeat(start[:-1] - self.bounds[0, :-1], counts)
        return Taps(self.size, start, seen, np.repeat(self.weight, counts)).adjoint


@lru_cache(maxsize=256)
def sliding_mean(size: int, windows: int, kernel: int, stride: int, padding: int, with_padding: bool, divisor: float | None) -> Mean:
    """Sliding windows, divided by `divisor`, or by the number of places that each covers, in the image or `with_padding`."""
    bounds = sliding(size, windows, kernel, stride, padding, 1)
    if divisor is not None:
        return Mean(size, bounds, np.full(windows, 1 / divisor))
    start = np.arange(windows) * stride - padding
    return Mean(size, bounds, 1 / (np.minimum(start + kernel, size + padding) - start if with_padding else lengths(bounds)))


@lru_cache(maxsize=256)
def adaptive_mean(size: int, windows: int) -> Mean:
    """Adaptive windows, divided by their lengths."""
    bounds = adaptive(size, windows)
    return Mean(size, bounds, 1 / lengths(bounds))


@lru_cache(maxsize=256)
def scale(rows: Mean, columns: Mean, dtype: np.dtype) -> np.ndarray:
    """(OH, OW): what the sums of windows are multiplied by."""
    return np.multiply.outer(rows.weight, columns.weight).astype(dtype)
