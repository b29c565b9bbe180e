"""Matrix product with an optional bias: what a fully connected layer computes.

    matmul(a, b, bias)[m, n] = sum_k a[m, k] * b[k, n] + bias[n]

Shapes: a (M, K), b (K, N), bias (N,), result (M, N), C-contiguous. Any strides: a transposed view costs nothing
extra, so the gradients of a product are products too. An empty sum (K = 0) is zero.

`batched_matmul` is the product of many matrices by as many others, or by one.
"""

import numpy as np

from kernels.backend import implementation
from kernels.checks import check_dtype, check_ndim, check_shape


def matmul(a: np.ndarray, b: np.ndarray, bias: np.ndarray | None = None) -> np.ndarray:
    """a @ b + bias; see the module's text. Errors: ValueError for shapes that do not fit, TypeError for mixed dtypes."""
    check_ndim("a", a, 2)
    check_ndim("b", b, 2)
    check_dtype("b", b, a)
    if a.shape[1] != b.shape[0]:
        raise ValueError(f"b: got shape {b.shape}, expected {a.shape[1]} rows to match a of shape {a.shape}")
    if bias is not None:
        check_dtype("bias", bias, a)
        check_shape("bias", bias, (b.shape[1],))
    return implementation("matmul", "matmul", a)(a, b, bias)


def batched_matmul(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a (..., M, K) @ b (..., K, N): (..., M, N), leading dimensions broadcast. Errors as those of `matmul`."""
    check_dtype("b", b, a)
    if a.ndim < 2 or b.ndim < 2 or a.shape[-1] != b.shape[-2]:
        raise ValueError(f"b: got shape {b.shape}, expected (..., K, N) to match a of shape {a.shape}, (..., M, K)")
    np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    return implementation("matmul", "batched_matmul", a)(a, b)
