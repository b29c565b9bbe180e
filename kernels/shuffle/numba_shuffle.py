"""Rearranging on several threads. Arrays are C-contiguous (N, H, W, C).

A row of the result is put together piece by piece, each from numbers that lie near each other in x; how far they lie from the beginning of
the piece is the same for all pieces of the row, and written in a table. Only the table knows what is being shuffled.
"""

import numpy as np
from numba import prange

from kernels.jit import jit
from kernels.layout import to_nchw, to_nhwc
from kernels.memory import empty


def channel_shuffle(x: np.ndarray, groups: int) -> np.ndarray:
    """One piece for each pixel."""
    N, C, H, W = x.shape
    offsets = np.arange(C).reshape(groups, C // groups).T  # (channel of the group, group)
    return _rearrange(x, (N, H, W, C), offsets.reshape(1, C), W * C, C)


def pixel_shuffle(x: np.ndarray, upscale_factor: int) -> np.ndarray:
    """r rows of the result come from one row of x; a piece is what one pixel of x gives to one of these rows."""
    (N, C, H, W), r = x.shape, upscale_factor
    offsets = np.arange(C).reshape(C // (r * r), r, r).transpose(1, 2, 0)  # (row, column in the block, channel)
    return _rearrange(x, (N, H * r, W * r, C // (r * r)), offsets.reshape(r, -1), W * C, C)


def pixel_unshuffle(x: np.ndarray, downscale_factor: int) -> np.ndarray:
    """One row of the result comes from r rows of x; a piece is a block of r x r pixels."""
    (N, C, H, W), r = x.shape, downscale_factor
    row, column, channel = np.arange(r)[:, None] * W * C, np.arange(r) * C, np.arange(C)[:, None, None]
    offsets = row + column + channel  # (channel, row in the block, column in the block)
    return _rearrange(x, (N, H // r, W // r, C * r * r), offsets.reshape(1, -1), r * W * C, r * C)


def _rearrange(x: np.ndarray, shape: tuple[int, int, int, int], offsets: np.ndarray, row_step: int, piece_step: int) -> np.ndarray:
    """The result, of `shape` (N, OH, OW, OC).

    offsets: (rows that come from the same part of x, elements of a piece), for each element its place behind the beginning of its piece.
    row_step, piece_step: how far apart in x these parts, and the pieces of a row, begin.
    """
    N, OH, OW, OC = shape
    y = empty(shape, x.dtype)
    if y.size:
        _gather_rows(N * OH, to_nhwc(x).reshape(-1), y.reshape(-1), np.ascontiguousarray(offsets), OW * OC, row_step, piece_step)
    return to_nchw(y)


@jit(parallel=True)
def _gather_rows(rows, x, y, offsets, length, row_step, piece_step):
    for r in prange(rows):
        _gather_row(np.intp(r), x, y, offsets, length, row_step, piece_step)


@jit
def _gather_row(r, x, y, offsets, length, row_step, piece_step):
    """Row r of the result, `length` numbers."""
    part, row = divmod(r, offsets.shape[0])
    size = offsets.shape[1]
    begin = part * row_step
    for place in range(r * length, (r + 1) * length, size):
        for e in range(size):
            # Unsigned indices cannot be meant to count from the end, which Numba would check for each of them.
            y[np.uintp(place + e)] = x[np.uintp(begin + offsets[row, np.uintp(e)])]
        begin += piece_step
