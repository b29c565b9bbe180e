"""Pieces of images on several threads, each of which takes rows of the result."""

import numpy as np
from numba import prange

from kernels.geometry import Pair
from kernels.jit import jit
from kernels.layout import contiguous, to_nchw, to_nhwc
from kernels.memory import empty


def augment(images: np.ndarray, picks: np.ndarray, size: Pair, values: np.ndarray, fill: int) -> np.ndarray:
    """See `kernels.augment`."""
    C, (OH, OW) = images.shape[1], size
    y = empty((len(picks), OH, OW, C), values.dtype)
    _augment(to_nhwc(images), contiguous(picks), contiguous(values), fill, y)
    return to_nchw(y)


@jit(parallel=True)
def _augment(images, picks, values, fill, y):
    for r in prange(y.shape[0] * y.shape[1]):
        _augment_row(np.intp(r), images, picks, values, fill, y)


@jit
def _augment_row(r, images, picks, values, fill, y):
    """Row r of all rows of the result."""
    _, H, W, C = images.shape
    b, oh = divmod(r, y.shape[1])
    n, h, left, mirrored = picks[b, 0], picks[b, 1] + oh, picks[b, 2], picks[b, 3]
    OW = y.shape[2]
    for ow in range(OW):
        w = left + (OW - 1 - ow if mirrored else ow)
        inside = 0 <= h < H and 0 <= w < W
        for c in range(C):
            y[b, oh, ow, c] = values[c, images[n, h, w, c] if inside else fill]
