"""Resampling on several threads. Arrays are C-contiguous (N, H, W, C): a row of an image is W*C numbers side by side.

For each output row, the input rows that it is made of are added up into one row of W pixels first, which stays in the cache; the pixels
of the output row are then sums of pixels of that one. Both steps are the same: weighted sums of pieces of equal length, a whole row in the
first step and the channels of one pixel in the second. An output row that is made of one input row alone needs no first step.
"""

import numpy as np
from numba import prange

from kernels.jit import get_num_threads, jit
from kernels.layout import to_nchw, to_nhwc
from kernels.memory import empty
from kernels.resample.taps import Taps
from kernels.simd import lanes, tile_fill, tile_fma, tile_load, tile_load_part, tile_store, tile_store_part, tile_zero

BLOCKS_PER_THREAD = 8  # so that no thread waits long for another


def resample2d(x: np.ndarray, rows: Taps, columns: Taps) -> np.ndarray:
    """See `kernels.resample`."""
    (N, C, H, W), OH, OW = x.shape, rows.out_size, columns.out_size
    y = empty((N, OH, OW, C), x.dtype)
    if x.size == 0 or y.size == 0:  # from nothing come zeros
        y.fill(0)
        return to_nchw(y)
    blocks = min(N * OH, BLOCKS_PER_THREAD * get_num_threads())
    buffers = empty((blocks, W * C), x.dtype)
    _resample(
        blocks, to_nhwc(x).reshape(-1), y.reshape(-1), buffers.reshape(-1), (N, H, W, C, OH, OW),
        rows.start, rows.index, rows.weights(x.dtype), columns.runs, columns.start, columns.index, columns.weights(x.dtype),
    )  # fmt: skip
    return to_nchw(y)


@jit(parallel=True)
def _resample(blocks, x, y, buffers, sizes, row_start, row_index, row_weight, runs, column_start, column_index, column_weight):
    for b in prange(blocks):
        _resample_block(
            np.intp(b), blocks, x, y, buffers, sizes, row_start, row_index, row_weight, runs, column_start, column_index, column_weight
        )


@jit
def _resample_block(b, blocks, x, y, buffers, sizes, row_start, row_index, row_weight, runs, column_start, column_index, column_weight):
    """Block b of the output rows."""
    N, H, W, C, OH, OW = sizes
    for r in range(N * OH * b // blocks, N * OH * (b + 1) // blocks):
        n, oh = divmod(r, OH)
        first, end = row_start[oh], row_start[oh + 1]
        if end - first == 1:
            source, place, factor = x, (n * H + row_index[first]) * W * C, row_weight[first]
        else:
            source, place, factor = buffers, b * W * C, x.dtype.type(1)
            _combine(x, n * H * W * C, W * C, row_index, row_weight, factor, first, end, buffers, place, W * C)
        for k in range(runs.size - 1):
            ow, length = runs[k], (runs[k + 1] - runs[k]) * C
            first, end = column_start[ow], column_start[ow + 1]
            _combine(source, place, C, column_index, column_weight, factor, first, end, y, (r * OW + ow) * C, length)


@jit
def _combine(x, base, step, index, weight, factor, first, end, y, place, length):
    """y[place : place + length] = the sum of factor * weight[t] * x[base + index[t]*step : + length] over the taps t."""
    whole = length - length % (4 * lanes(x))
    for e in range(0, whole, 4 * lanes(x)):
        total = tile_zero(x, 1, 4)
        for tap in range(first, end):
            t = np.uintp(tap)  # unsigned: nothing that counts from the end, which Numba would check for
            total = tile_fma(total, tile_load(x, base + index[t] * step + e, 0, 1, 4), tile_fill(factor * weight[t], 1, 4))
        tile_store(total, y, place + e, 0)
    for e in range(whole, length, lanes(x)):
        total = tile_zero(x, 1, 1)
        for tap in range(first, end):
            t = np.uintp(tap)
            piece = tile_load_part(x, base + index[t] * step + e, 0, 1, length - e, 1, 1)
            total = tile_fma(total, piece, tile_fill(factor * weight[t], 1, 1))
        tile_store_part(total, y, place + e, 0, 1, length - e)
