"""Matrix product on register tiles, in blocks that stay in the cache.

The result is cut into blocks of ROWS by COLUMNS, each computed by one thread, which walks along the sum in steps of
DEPTH terms. In each step it copies the two pieces of a and b that meet, so that they lie in the cache as the tiles
want them, and adds their product to the block. (Goto and van de Geijn 2008, "Anatomy of high-performance matrix
multiplication", with one level of blocks less.)

NumPy's own product is as good for large matrices. This one does without a second pool of threads, which would compete
with that of the other kernels: `kernels/jit.py`.
"""

import numba
import numpy as np

from kernels.conv2d.bands import copy, fill_zero, round_up
from kernels.jit import jit
from kernels.layout import contiguous
from kernels.matmul.few_rows import few_rows
from kernels.memory import empty
from kernels.simd import REGISTERS, VECTOR_BYTES, lanes, tile_fill, tile_fma, tile_load, tile_outer, tile_store, tile_zero

R, K = REGISTERS // 4, 2
ROWS, COLUMNS, DEPTH = 256, 256, 64  # of b, long stretches of its rows: memory gives those faster than many short ones
NARROW = 16  # columns that are transposed at a time
FEW = 16  # rows of `a` up to which few_rows.py is faster


def matmul(a: np.ndarray, b: np.ndarray, bias: np.ndarray | None) -> np.ndarray:
    """a @ b + bias; see `kernels.matmul`."""
    M, N, depth = a.shape[0], b.shape[1], a.shape[1]
    a_across, b_across = _is_transposed(a), _is_transposed(b)
    bias = np.zeros(N, a.dtype) if bias is None else contiguous(bias)
    if M <= FEW and b_across and not a_across:
        return few_rows(contiguous(a), contiguous(b.T), bias)
    rows, terms = round_up(max(1, min(M, ROWS)), R), max(1, min(depth, DEPTH))
    threads = numba.get_num_threads()
    share = N if M > ROWS else -(-N // threads)  # a block for each thread at least
    columns = round_up(max(1, min(share, COLUMNS)), K * VECTOR_BYTES // a.itemsize)
    blocks = -(-M // rows) * -(-N // columns)
    out = empty((M, N), a.dtype)
    scratch = empty((max(1, min(threads, blocks)), rows * terms + terms * columns + rows * columns), a.dtype)
    _multiply(
        contiguous(a.T if a_across else a), contiguous(b.T if b_across else b), a_across, b_across,
        bias, out, scratch, (rows, columns, terms),
    )  # fmt: skip
    return out


def _is_transposed(matrix: np.ndarray) -> bool:
    """Whether `matrix` is a transposed view of a C-contiguous one; the blocks can be read in both directions."""
    return matrix.T.flags.c_contiguous and not matrix.flags.c_contiguous


@jit(parallel=True)
def _multiply(a, b, a_across, b_across, bias, out, scratch, sizes):
    for worker in numba.prange(scratch.shape[0]):
        _blocks_of_worker(np.intp(worker), a, b, a_across, b_across, bias, out, scratch, sizes)


@jit
def _blocks_of_worker(worker, a, b, a_across, b_across, bias, out, scratch, sizes):
    rows, columns, terms = sizes
    M, N = out.shape
    depth = a.shape[0] if a_across else a.shape[1]
    across = -(-N // columns)
    blocks, workers = -(-M // rows) * across, scratch.shape[0]
    left = scratch[worker, : rows * terms]
    right = scratch[worker, rows * terms : rows * terms + terms * columns]
    total = scratch[worker, rows * terms + terms * columns :]
    for block in range(worker, blocks, workers):
        m, n = block // across * rows, block % across * columns
        height, breadth = min(rows, M - m), min(columns, N - n)
        _start(bias, n, breadth, total, rows, columns)
        for k in range(0, depth, terms):
            count = min(terms, depth - k)
            # left: (rows, terms), or (terms, rows) where a is read across; right: (terms, columns)
            top, side, high, wide, pitch = (k, m, count, height, rows) if a_across else (m, k, height, count, terms)
            _copy_block(a, top, side, high, wide, left, pitch)
            if b_across:
                _transpose_block(b, n, k, breadth, count, right, columns)
            else:
                _copy_block(b, k, n, count, breadth, right, columns)
            row_step, term_step = (1, rows) if a_across else (terms, 1)
            _add_product(left, row_step, term_step, right, count, total, height, columns)
        _finish(total, out, m, n, height, breadth, columns)


@jit
def _start(bias, n, breadth, total, rows, columns):
    """total (rows, columns) = bias[n:] in every row"""
    for r in range(rows):
        copy(bias, n, total, r * columns, breadth)
        fill_zero(total, r * columns + breadth, columns - breadth)


@jit
def _copy_block(matrix, first_row, first_column, rows, columns, out, pitch):
    """out (rows, pitch) = that block of `matrix`, zero beyond its columns"""
    values, width = matrix.reshape(-1), matrix.shape[1]
    for r in range(rows):
        copy(values, (first_row + r) * width + first_column, out, r * pitch, columns)
        fill_zero(out, r * pitch + columns, pitch - columns)


@jit
def _transpose_block(matrix, first_row, first_column, rows, columns, out, pitch):
    """out (columns, pitch) = that block of `matrix`, transposed, zero beyond its rows"""
    values, width = matrix.reshape(-1), matrix.shape[1]
    for start in range(0, columns, NARROW):  # so few that what is written to stays in the first cache
        end = min(columns, start + NARROW)
        for r in range(rows):
            place = (first_row + r) * width + first_column
            for c in range(start, end):
                out[c * pitch + r] = values[place + c]
    for c in range(columns):
        fill_zero(out, c * pitch + rows, pitch - rows)


@jit
def _add_product(left, row_step, term_step, right, terms, total, height, columns):
    """total (rows, columns) += left @ right; rows beyond `height` hold whatever `left` has there, and are not used.

    The product is summed up before it is added: term by term, it would be rounded to the digits of a long sum.
    """
    for n in range(0, columns, K * lanes(right)):
        for m in range(0, height, R):
            tile = tile_zero(total, R, K)
            for k in range(terms):
                tile = tile_outer(tile, left, m * row_step + k * term_step, row_step, right, k * columns + n)
            tile = tile_fma(tile, tile_load(total, m * columns + n, columns, R, K), tile_fill(total.dtype.type(1), R, K))
            tile_store(tile, total, m * columns + n, columns)


@jit
def _finish(total, out, m, n, height, breadth, columns):
    """out[m:, n:] = total"""
    values, N = out.reshape(-1), out.shape[1]
    for r in range(height):
        copy(total, r * columns, values, (m + r) * N + n, breadth)
