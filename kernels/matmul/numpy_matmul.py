"""Matrix product by NumPy's BLAS: the definition."""

import numpy as np


def matmul(a: np.ndarray, b: np.ndarray, bias: np.ndarray | None) -> np.ndarray:
    """a @ b + bias; see `kernels.matmul`."""
    product = a @ b
    return product if bias is None else product + bias
