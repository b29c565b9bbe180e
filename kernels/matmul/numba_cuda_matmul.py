"""Matrix product on a GPU through shared memory, in Python: the textbook's tiles.

Every number of the product needs a row of a and a column of b; computed one by one, each of these would be read from memory N or M
times. A block of TILE x TILE threads computes a tile of the product together, one number for each thread. It goes along the tiles of a's
rows and of b's columns: each thread fetches one number of either, and all multiply what all fetched. So memory is read TILE times less.
"""

from typing import Any

from numba import cuda

from kernels.gpu import empty, wide_dtype
from kernels.gpu.numba_kernels import cuda_kernel
from kernels.layout import contiguous

TILE = 16


def matmul(a: Any, b: Any, bias: Any | None) -> Any:
    """a @ b + bias; see `kernels.matmul`. Computed in float32 at least."""
    dtype = wide_dtype(a.dtype)
    M, N = a.shape[0], b.shape[1]
    out = empty((M, N), dtype)
    left, right = (contiguous(matrix.astype(dtype, copy=False)) for matrix in (a, b))
    added = None if bias is None else contiguous(bias.astype(dtype, copy=False))
    multiply.launch(-(-M // TILE) * -(-N // TILE), (TILE, TILE), left, right, added, out)
    return out.astype(a.dtype, copy=False)


@cuda_kernel
def multiply(a, b, bias, out):
    """out (M, N) = a (M, depth) @ b (depth, N) + bias (N,) or None. One block of TILE x TILE threads for each tile of out."""
    left = cuda.shared.array((TILE, TILE), a.dtype)
    right = cuda.shared.array((TILE, TILE), a.dtype)
    zero = a.dtype.type(0)
    M, N = out.shape
    depth = a.shape[1]
    across = -(-N // TILE)
    # Threads with neighbouring x stand side by side in a warp: they read neighbours of one row of b, which is one access to memory.
    row, column = cuda.threadIdx.y, cuda.threadIdx.x
    m = cuda.blockIdx.x // across * TILE + row
    n = cuda.blockIdx.x % across * TILE + column

    total = zero
    for k in range(0, depth, TILE):
        # Beyond the edges there are zeros, which add nothing. All threads come along, also those that have no number of out.
        left[row, column] = a[m, k + column] if m < M and k + column < depth else zero
        right[row, column] = b[k + row, n] if k + row < depth and n < N else zero
        cuda.syncthreads()  # until all have fetched
        part = zero  # summed up before it is added: term by term, it would be rounded to the digits of a long sum
        for i in range(TILE):
            part += left[row, i] * right[i, column]
        total += part
        cuda.syncthreads()  # until all have multiplied, before the next tile takes this one's place

    if m < M and n < N:
        if bias is not None:
            total += bias[n]
        out[m, n] = total
