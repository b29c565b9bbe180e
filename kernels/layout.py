"""Shapes are (N, C, H, W), memory is channels-last: from one to the other.

All kernels that work on images agree on this: a caller sees arrays of shape (N, C, H, W); in memory the channels of
one pixel stand side by side, as in a C-contiguous array of shape (N, H, W, C), which is what a vector register wants
to load. `transpose` moves no data, so the two are one array seen in two ways.
"""

import numpy as np

from kernels.gpu import is_gpu
from kernels.memory import empty


def contiguous(view: np.ndarray) -> np.ndarray:
    """`view` itself if it is C-contiguous, else a copy that is.

    What is read-only or not aligned is copied too: Numba would see another type in it, and compile every kernel again.
    """
    if is_gpu(view):
        return view if view.flags.c_contiguous else view.copy(order="C")
    if view.flags.c_contiguous and view.flags.behaved:
        return view
    copy = empty(view.shape, view.dtype)
    copy[...] = view
    return copy


def to_nhwc(x: np.ndarray) -> np.ndarray:
    """(N, C, H, W) with any strides -> C-contiguous (N, H, W, C): the same memory where it is channels-last already, else a copy."""
    return contiguous(x.transpose(0, 2, 3, 1))


def to_nchw(nhwc: np.ndarray) -> np.ndarray:
    """(N, H, W, C) -> a view of shape (N, C, H, W)."""
    return nhwc.transpose(0, 3, 1, 2)


def memory_order(x: np.ndarray) -> tuple[int, ...] | None:
    """The axes of `x` from the slowest to the fastest in memory if `x` fills its memory without gaps, else None."""
    order = tuple(sorted(range(x.ndim), key=lambda axis: (-x.strides[axis], axis)))
    return order if x.transpose(order).flags.c_contiguous else None


def flat(x: np.ndarray) -> tuple[np.ndarray, tuple[int, ...]]:
    """A contiguous 1-D array of the elements of `x` in memory order (a view where possible), and the order to undo it with `unflat`."""
    order = memory_order(x)
    if order is None:
        order = (0, *range(2, x.ndim), 1) if x.ndim == 4 else tuple(range(x.ndim))
    return contiguous(x.transpose(order)).reshape(-1), order


def flat_like(x: np.ndarray, order: tuple[int, ...]) -> np.ndarray:
    """The elements of `x` as a contiguous 1-D array in the memory order `order` of another array of the same shape."""
    return contiguous(x.transpose(order)).reshape(-1)


def unflat(values: np.ndarray, shape: tuple[int, ...], order: tuple[int, ...]) -> np.ndarray:
    """The inverse of `flat`: 1-D `values` in memory order `order` as an array of `shape`."""
    inverse = [0] * len(order)
    for place, axis in enumerate(order):
        inverse[axis] = place
    return values.reshape([shape[axis] for axis in order]).transpose(inverse)


def channel_rows(x: np.ndarray) -> np.ndarray:
    """(N, C) or (N, C, *) with any strides -> C-contiguous (M, C), a row for each position; the same memory where it is channels-last."""
    view = contiguous(x.transpose(0, *range(2, x.ndim), 1))
    return view.reshape(view.size // x.shape[1] if x.shape[1] else 0, x.shape[1])


def from_channel_rows(rows: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The inverse of `channel_rows`: (M, C) as a channels-last view of `shape` (N, C, *)."""
    last = len(shape) - 1
    return rows.reshape(shape[0], *shape[2:], shape[1]).transpose(0, last, *range(1, last))
