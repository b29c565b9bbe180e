"""Which positions of a line each position of the next line is computed from: a table for every layer that looks at neighbours.

A line is the height or the width of an image, or of a map that a network has made of it.
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from kernels.resample.taps import Taps

NOTHING = np.iinfo(np.int64).min // 2  # in a table: no position


@dataclass(frozen=True, eq=False)
class Window:
    """How a line of O positions is computed from another line.

    taps: (O, K) int64, the positions that each one looks at; those beyond the ends of the line are padding, NOTHING fills short rows.
    stride: how many positions lie between what neighbours look at, in the regular middle of the line.
    centre: the middle of what position 0 looks at, likewise.
    reach: from the first to the last position that one looks at: the size of its window less one.
    """

    taps: np.ndarray
    stride: Fraction
    centre: Fraction
    reach: int


def sliding(length: int, kernel_size: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> Window:
    """The windows of a convolution or pooling with `length` results."""
    reach = dilation * (kernel_size - 1)
    taps = stride * np.arange(length)[:, None] - padding + dilation * np.arange(kernel_size)
    return Window(taps, Fraction(stride), Fraction(reach, 2) - padding, reach)


def transposed(length: int, kernel_size: int, stride: int, padding: int, dilation: int) -> Window:
    """The windows of a transposed convolution with `length` results: o and i meet where o = i * stride - padding + t * dilation."""
    places = np.arange(length)[:, None] + padding - dilation * np.arange(kernel_size)
    taps = np.where(places % stride == 0, places // stride, NOTHING)
    centre = (Fraction(padding) - Fraction(dilation * (kernel_size - 1), 2)) / stride
    return Window(taps, Fraction(1, stride), centre, _reach(taps))


def table(taps: np.ndarray, size: int) -> Window:
    """The windows of any table `taps` (O, K) into a line of length `size`: stride and centre are read off its middle."""
    length = len(taps)
    middles = np.where(taps == NOTHING, np.nan, taps)
    middles = (np.nanmin(middles, axis=1) + np.nanmax(middles, axis=1)) / 2
    left = max((length - 1) // 2, 0)
    right = min(left + 1, length - 1)
    steps = np.diff(middles[max(left - 1, 0) : right + 2])
    # Where neighbours in the middle are not equally far apart (an image is being enlarged), they are so on average.
    stride = Fraction(steps[0]) if len(steps) and np.all(steps == steps[0]) else Fraction(size, length)
    centre = Fraction(middles[left] + middles[right]) / 2 - stride * Fraction(left + right, 2)
    return Window(taps, stride, centre, _reach(taps))


def ranges(starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """The table whose row o is starts[o], ..., ends[o] - 1."""
    taps = starts[:, None] + np.arange(int((ends - starts).max()))
    return np.where(taps < ends[:, None], taps, NOTHING)


def adaptive(length: int, size: int) -> Window:
    """The windows of adaptive pooling from `size` to `length` positions."""
    positions = np.arange(length)
    return table(ranges(positions * size // length, -(-(positions + 1) * size // length)), size)


def resampled(taps: Taps) -> Window:
    """The windows of a resampled line; at its borders, some taps have no weight."""
    rows = ranges(taps.start[:-1], taps.start[1:])
    none = (rows == NOTHING) | (taps.weight[np.maximum(rows, 0)] == 0)
    return table(np.where(none, NOTHING, taps.index[np.maximum(rows, 0)]), taps.size)


def _reach(taps: np.ndarray) -> int:
    some = (taps != NOTHING).any(axis=1)
    if not some.any():
        return 0
    first = np.where(taps == NOTHING, -NOTHING, taps).min(axis=1)
    return int((taps.max(axis=1) - first)[some].max())
