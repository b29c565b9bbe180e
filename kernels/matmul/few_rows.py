"""A few rows times the transpose of a large matrix: a fully connected layer on a small batch.

    out[m, n] = sum_k a[m, k] * b[n, k] + bias[n]

The time goes into fetching b from memory, so b is read once, along its rows, R of them side by side; what of them has just been read
is still in the cache when the next rows of a come. Blocks as in numba_matmul.py would have to be transposed first.
"""

import numba
import numpy as np

from kernels.jit import jit
from kernels.memory import empty
from kernels.simd import REGISTERS, VECTOR_BYTES, lanes, tile_fma, tile_load, tile_load_part, tile_store, tile_zero

R, K = 4, REGISTERS // 16  # rows of b at a time, and registers of each; two rows of a are multiplied with them
STRETCH = 1024  # terms after which the next rows of a have their turn: R rows of b of that length fit into the first cache


def few_rows(a: np.ndarray, b: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """a (M, depth) @ b (N, depth).T + bias (N,), all C-contiguous"""
    out = empty((a.shape[0], b.shape[0]), a.dtype)
    workers = max(1, min(numba.get_num_threads(), b.shape[0] // R))
    _multiply(a, b, bias, out, empty((workers, R * K * VECTOR_BYTES // a.itemsize), a.dtype))
    return out


@jit(parallel=True)
def _multiply(a, b, bias, out, scratch):
    for worker in numba.prange(scratch.shape[0]):
        _rows_of_worker(np.intp(worker), a, b, bias, out, scratch)


@jit
def _rows_of_worker(worker, a, b, bias, out, scratch):
    M, depth = a.shape
    N, workers = b.shape[0], scratch.shape[0]
    groups = -(-N // R)
    for group in range(groups * worker // workers, groups * (worker + 1) // workers):
        n = group * R
        rows = min(R, N - n)
        for m in range(M):
            for r in range(rows):
                out[m, n + r] = bias[n + r]
        for k in range(0, depth, STRETCH):
            for m in range(0, M, 2):
                _add_stretch(a, m, b, n, rows, k, min(STRETCH, depth - k), out, scratch[worker])


@jit
def _add_stretch(a, m, b, n, rows, k, count, out, sums):
    """out[m, n + r] += a[m, k : k + count] @ b[n + r, k : k + count] for r < rows; and for m + 1, if there is one"""
    x, y, depth = a.reshape(-1), b.reshape(-1), b.shape[1]
    last = min(m + 1, len(a) - 1)
    i, i2, j = m * depth + k, last * depth + k, n * depth + k
    step = K * lanes(b)
    whole = count // step * step if rows == R else 0
    first, second = tile_zero(y, R, K), tile_zero(y, R, K)
    for term in range(0, whole, step):
        part = tile_load(y, j + term, depth, R, K)
        first = tile_fma(first, part, tile_load(x, i + term, 0, R, K))
        second = tile_fma(second, part, tile_load(x, i2 + term, 0, R, K))
    for term in range(whole, count, step):
        part = tile_load_part(y, j + term, depth, rows, count - term, R, K)
        first = tile_fma(first, part, tile_load_part(x, i + term, 0, R, count - term, R, K))
        second = tile_fma(second, part, tile_load_part(x, i2 + term, 0, R, count - term, R, K))
    _add_sums(first, sums, step, out, m, n, rows)
    if last > m:
        _add_sums(second, sums, step, out, last, n, rows)


@jit
def _add_sums(tile, sums, step, out, m, n, rows):
    """out[m, n + r] += the sum of row r of the tile, whose rows have `step` lanes"""
    tile_store(tile, sums, 0, step)
    for r in range(rows):
        total = 0.0  # of this stretch alone: one by one, the lanes would be rounded to the digits of a long sum
        for lane in range(r * step, (r + 1) * step):
            total += sums[lane]
        out[m, n + r] += total
