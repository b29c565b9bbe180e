"""The matrix product on a GPU: cuBLAS, through CuPy, or the project's own tiles (see matmul.cu).

cuBLAS is the faster one, and takes matrices in either order of memory. It is not used where it cannot be: while a stream records a
CUDA graph (CuPy refuses), for bfloat16 (CuPy does not offer it), and for TF32 (which CuPy decides once, for the whole process).
"""

import math
from typing import Any

import numpy as np

from kernels import gpu
from kernels.gpu.gemm import is_aligned, parts_for, tiles_for
from kernels.gpu.precision import cublas_allowed, tf32_allowed
from kernels.layout import contiguous

SOURCE = gpu.CudaSource("matmul.cu")


def matmul(a: Any, b: Any, bias: Any = None) -> Any:
    """a @ b + bias; see `kernels.matmul`."""
    (M, K), N = a.shape, b.shape[1]
    if not cublas_serves(a) or 0 in (M, N, K):
        return tiled_matmul(a, b, bias)
    import cupy

    y = cupy.matmul(a, b)
    if bias is not None:
        SOURCE.launch("matmul_add_bias", y.dtype, *gpu.launch_sizes(M, N), y, contiguous(bias), M, N)
    return y


def batched_matmul(a: Any, b: Any) -> Any:
    """a @ b, batches of matrices; see `kernels.matmul`. CuPy would make float32 of float16 first."""
    if a.dtype == np.float16 or not cublas_serves(a) or 0 in (a.size, b.size):
        return tiled_matmul(a, b)
    import cupy

    return cupy.matmul(a, b)


def cublas_serves(array: Any) -> bool:
    """Whether products of arrays like `array` can be left to cuBLAS now."""
    import cupy

    offered = array.dtype.name in ("float32", "float64", "float16") and not (array.dtype == np.float32 and tf32_allowed())
    return offered and cublas_allowed() and not cupy.cuda.get_current_stream().is_capturing()


def tiled_matmul(a: Any, b: Any, bias: Any = None) -> Any:
    """a (..., M, K) @ b (..., K, N) + bias (N,), by the project's own kernel: (..., M, N). Leading dimensions are broadcast."""
    leading = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    (M, K), N, products = a.shape[-2:], b.shape[-1], math.prod(leading)
    a, a_along_k, from_a = _lines(a, leading)
    b, b_across_k, from_b = _lines(b, leading)
    bias = None if bias is None else contiguous(bias)
    y = gpu.empty((*leading, M, N), a.dtype)
    aligned = is_aligned(a, K if a_along_k else M) and is_aligned(b, N if b_across_k else K)
    tiles = tiles_for(M, N, a, aligned)
    macros = {**tiles.macros(aligned), "A_ALONG_K": int(a_along_k), "B_ALONG_K": int(not b_across_k)}
    size, count = (M, N, K, from_a, from_b), products * tiles.count(M, N)
    wide = gpu.wide_dtype(a.dtype)
    parts, stretch = parts_for(count, K, y.size * wide.itemsize)
    if parts == 1:
        SOURCE.launch("matmul_tiles", a.dtype, count, tiles.threads, a, b, bias, y, *size, shared_memory=tiles.shared_memory, **macros)
        return y
    partial = gpu.empty((products, parts, M, N), wide)
    SOURCE.launch(
        "matmul_parts", a.dtype, parts * count, tiles.threads, a, b, partial, parts, stretch, *size,
        shared_memory=tiles.shared_memory, **macros,
    )  # fmt: skip
    SOURCE.launch("matmul_sum", a.dtype, gpu.blocks_for(y.size), gpu.THREADS, partial, bias, y, products, parts, M * N, N, **macros)
    return y


def _lines(matrices: Any, leading: tuple[int, ...]) -> tuple[Any, bool, int]:
    """The matrices without gaps in memory, whether rows (not columns) are contiguous in it, and how many elements lie from one to the next.

    A matrix that serves all products of a batch stays one, at distance 0; a transposed view is no copy.
    """
    if math.prod(matrices.shape[:-2]) == 1:
        matrices = matrices.reshape(matrices.shape[-2:])
        distance = 0
    else:
        if matrices.shape[:-2] != leading:
            matrices = np.broadcast_to(matrices, (*leading, *matrices.shape[-2:]))
        distance = matrices.shape[-2] * matrices.shape[-1]
    swapped = matrices.swapaxes(-1, -2)
    if swapped.flags.c_contiguous and not matrices.flags.c_contiguous:
        return swapped, False, distance
    return contiguous(matrices), True, distance
