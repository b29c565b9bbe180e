"""Matrix product by NumPy's BLAS: the definition."""

import numpy as np


def matmul(a: np.ndarray, b: np.ndarray, bias: np.ndarray | None) -> np.ndarray:
    """a @ b + bias; see `kernels.matmul`."""
    product = a @ b
    return product if bias is None else product + bias


def batched_matmul(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a @ b, batches of matrices; see `kernels.matmul`."""
    return np.matmul(_for_blas(a), _for_blas(b))


def _for_blas(x: np.ndarray) -> np.ndarray:
    """`x` itself, or, where no dimension of its matrices is contiguous, a copy: NumPy multiplies others element by element."""
    rows, columns = x.strides[-2:]
    return x if x.itemsize in (abs(rows), abs(columns)) and min(rows, columns) > 0 else x.copy()
