"""Rearranging on several threads. Arrays are C-contiguous (N, H, W, C).

A row of the result is put together piece by piece, each from numbers that lie near each other in x; how far they lie from the beginning of
the piece is the same for all pieces of the row, and written in a table (`offsets.py`). Only the table knows what is being shuffled.
"""

import numpy as np
from numba import prange

from kernels.jit import jit
from kernels.layout import to_nchw, to_nhwc
from kernels.memory import empty
from kernels.shuffle.offsets import Pieces, channel_pieces, shuffled_pieces, unshuffled_pieces


def channel_shuffle(x: np.ndarray, groups: int) -> np.ndarray:
    """See `kernels.shuffle`."""
    return _rearrange(x, channel_pieces(x.shape, groups))


def pixel_shuffle(x: np.ndarray, upscale_factor: int) -> np.ndarray:
    """See `kernels.shuffle`."""
    return _rearrange(x, shuffled_pieces(x.shape, upscale_factor))


def pixel_unshuffle(x: np.ndarray, downscale_factor: int) -> np.ndarray:
    """See `kernels.shuffle`."""
    return _rearrange(x, unshuffled_pieces(x.shape, downscale_factor))


def _rearrange(x: np.ndarray, pieces: Pieces) -> np.ndarray:
    N, OH, OW, OC = pieces.shape
    y = empty(pieces.shape, x.dtype)
    if y.size:
        _gather_rows(N * OH, to_nhwc(x).reshape(-1), y.reshape(-1), pieces.offsets, OW * OC, pieces.row_step, pieces.piece_step)
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
