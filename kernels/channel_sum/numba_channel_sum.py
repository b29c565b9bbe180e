"""The sum of every channel at the speed of memory.

With channels last, the channels of one pixel are a short row, and short rows make slow loops. Therefore x is read as
long rows of about 512 numbers, a multiple of C, which are added up as they are; at the end the few numbers of the long
sum that belong to one channel are added in float64. (`batch_norm` does the same for its statistics.)
"""

import numpy as np
from numba import prange

from kernels.jit import jit
from kernels.layout import channel_rows

WIDE = 512  # numbers in a long row, about
ROWS = 64  # long rows in a block; blocks are shared out among the threads


def channel_sum(x: np.ndarray) -> np.ndarray:
    """See `kernels.channel_sum`."""
    rows = channel_rows(x)  # (M, C)
    C = rows.shape[1]
    if rows.size == 0:
        return np.zeros(C, x.dtype)
    wide = max(1, WIDE // C) * C
    sums = np.zeros((-(-rows.size // (ROWS * wide)), wide), x.dtype)
    if len(sums) == 1:
        _add_block(0, rows.reshape(-1), sums)
    else:
        _add_blocks(rows.reshape(-1), sums)
    return sums.sum(axis=0, dtype=np.float64).reshape(-1, C).sum(axis=0).astype(x.dtype)


@jit(parallel=True)
def _add_blocks(x, sums):
    for b in prange(len(sums)):
        _add_block(np.intp(b), x, sums)


@jit
def _add_block(b, x, sums):
    """Add block b of x, row by row, to sums[b]."""
    total = sums[b]
    wide = total.size
    for i in range(b * ROWS * wide, min((b + 1) * ROWS * wide, x.size), wide):
        row = x[i : i + wide]
        for j in range(row.size):
            total[j] += row[j]
