"""Which pixels of a line each pixel of a resampled line is made of, and with what weights: the tables of all modes.

The centre of output pixel o lies at (o + 1/2) * scale - 1/2 of the input, `scale` input pixels to one output pixel; with `align_corners`
the first and the last pixels of both lines coincide instead, at o * (size - 1) / (out_size - 1).
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np


@dataclass(frozen=True, eq=False)
class Taps:
    """A sparse matrix, row by row: y[o] is the sum of weight[t] * x[index[t]] over start[o] <= t < start[o + 1].

    size: the length of x. start (O + 1,) and index (T,) are int64, weight (T,) is float64.
    """

    size: int
    start: np.ndarray
    index: np.ndarray
    weight: np.ndarray

    @property
    def out_size(self) -> int:
        """The length of y."""
        return len(self.start) - 1

    @cached_property
    def counts(self) -> np.ndarray:
        """(O,): how many taps every output has."""
        return np.diff(self.start)

    @cached_property
    def runs(self) -> np.ndarray:
        """Where the outputs are cut into runs, from 0 to O: the outputs of a run are copies of inputs that also follow each other.

        An output that is no plain copy is a run by itself.
        """
        copies = np.flatnonzero(self.counts == 1)
        index, weight = (np.full(self.out_size, np.nan) for _ in range(2))
        index[copies], weight[copies] = self.index[self.start[copies]], self.weight[self.start[copies]]
        follows = (np.diff(index) == 1) & (np.diff(weight) == 0)
        return np.flatnonzero(np.concatenate([[True], ~follows, [True]]))

    @cached_property
    def adjoint(self) -> "Taps":
        """The transposed matrix, from y to x: what carries gradients back."""
        order = np.argsort(self.index, kind="stable")
        start = np.searchsorted(self.index[order], np.arange(self.size + 1))
        outputs = np.repeat(np.arange(self.out_size), self.counts)
        return Taps(self.out_size, start, outputs[order], self.weight[order])

    def weights(self, dtype: np.dtype) -> np.ndarray:
        """The weights in the type of the pixels."""
        return self.weight.astype(dtype)


# Networks ask for the same few tables at every step: those are kept.


def picked(size: int, index: np.ndarray) -> Taps:
    """One tap of weight 1 for each output: y[o] = x[index[o]]."""
    return Taps(size, np.arange(len(index) + 1), index.astype(np.int64), np.ones(len(index)))


@lru_cache(maxsize=256)
def identity(size: int) -> Taps:
    """y = x."""
    return picked(size, np.arange(size))


@lru_cache(maxsize=256)
def table(mode: str, size: int, out_size: int, scale: float, align_corners: bool, antialias: bool) -> Taps:
    """The taps of a mode ("nearest", "nearest-exact", "bilinear", "bicubic") along one axis.

    scale: input pixels to one output pixel; `size / out_size`, unless a scale factor was asked for that does not divide evenly.
    """
    if mode in ("nearest", "nearest-exact"):
        return _nearest(size, out_size, scale, exact=mode == "nearest-exact")
    if out_size == size and (mode == "bilinear" or antialias):
        scale = 1.0  # what keeps its length stays as it is; for plain cubic interpolation PyTorch makes no such exception
    if align_corners:
        scale = (size - 1) / (out_size - 1) if out_size > 1 else 0.0
    if antialias:
        return _antialiased(FILTERS[mode], size, out_size, scale)
    centre = np.arange(out_size) * scale if align_corners else (np.arange(out_size) + 0.5) * scale - 0.5
    return _linear(size, centre) if mode == "bilinear" else _cubic(size, centre)


def _nearest(size: int, out_size: int, scale: float, exact: bool) -> Taps:
    """The pixel that the left edge of an output pixel lies in; with `exact`, its centre.

    Where that falls on the border between two pixels, the rounding decides: this is PyTorch's, all in float32, and without a scale factor
    where the line keeps its length or doubles it.
    """
    if not exact and out_size in (size, 2 * size):
        scale = size / out_size
    place = (np.arange(out_size, dtype=np.float32) + np.float32(0.5 if exact else 0)) * np.float32(scale)
    return picked(size, np.minimum(np.floor(place).astype(np.int64), size - 1))


def _linear(size: int, centre: np.ndarray) -> Taps:
    """The two pixels around each centre, the nearer one with the larger weight; beyond the edge, the pixel at the edge."""
    centre = np.clip(centre, 0, size - 1)
    left = np.floor(centre).astype(np.int64)
    share = centre - left
    return _regular(size, left[:, None] + [0, 1], np.stack([1 - share, share], axis=1))


def _cubic(size: int, centre: np.ndarray) -> Taps:
    """The four pixels around each centre, weighed by Keys' kernel with a = -3/4; beyond the edge stands the pixel at the edge."""
    left = np.floor(centre).astype(np.int64)
    places = left[:, None] + [-1, 0, 1, 2]
    return _regular(size, places, keys_cubic(centre[:, None] - places, -0.75))


def _regular(size: int, places: np.ndarray, weights: np.ndarray) -> Taps:
    """The same number of taps for each output: places, which may lie beyond the edge, and weights (O, taps)."""
    start = np.arange(len(places) + 1) * places.shape[1]
    return Taps(size, start, places.clip(0, size - 1).ravel(), weights.ravel())


def _antialiased(kernel: tuple, size: int, out_size: int, scale: float) -> Taps:
    """As many taps as the kernel is wide, which is made `scale` times wider where the image shrinks, so that no pixel is stepped over.

    What lies beyond the edge is left out, and the weights are divided by their sum.
    """
    weigh, reach = kernel
    stretch = max(scale, 1.0)
    centre = (np.arange(out_size) + 0.5) * scale
    first = np.maximum((centre - reach * stretch + 0.5).astype(np.int64), 0)
    end = np.minimum((centre + reach * stretch + 0.5).astype(np.int64), size)
    index = np.concatenate([np.arange(*bounds) for bounds in zip(first, end, strict=True)])
    start = np.append(0, np.cumsum(end - first))
    weight = weigh((index + 0.5 - np.repeat(centre, end - first)) / stretch)
    total = np.add.reduceat(weight, start[:-1])
    return Taps(size, start, index, weight / np.repeat(total, end - first))


def triangle(distance: np.ndarray) -> np.ndarray:
    """Linear interpolation as a kernel: 1 - |d| up to a distance of 1."""
    return np.maximum(1 - np.abs(distance), 0)


def keys_cubic(distance: np.ndarray, a: float) -> np.ndarray:
    """The piecewise cubic kernel of Keys (1981), "Cubic convolution interpolation for digital image processing", of slope `a` at 1."""
    d = np.abs(distance)
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
    return np.where(d <= 1, near, np.where(d < 2, far, 0))


# For each mode its kernel and how far it reaches. Antialiased cubic is a = -1/2, as in other image libraries.
FILTERS = {"bilinear": (triangle, 1), "bicubic": (lambda distance: keys_cubic(distance, -0.5), 2)}
