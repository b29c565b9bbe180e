r"""Local response normalisation (Krizhevsky, Sutskever and Hinton 2012): neighbouring channels inhibit each other.

    d[c] = k + alpha / size * sum_{j in window of c} x[j]^2        y[c] = x[c] / d[c]^beta

at every pixel. The window has `size` channels, from c - floor(size / 2) on; what lies outside the C channels counts as 0.

NOTE The paper has alpha where PyTorch, and so this function, has alpha / size.

The gradient. x[c] is in the windows of the channels j from c - floor((size - 1) / 2) on, so with the upstream gradient g

    gx[c] = g[c] / d[c]^beta - 2 * alpha * beta / size * x[c] * sum_j g[j] * x[j] / d[j]^(beta + 1)

Shapes: x, y and their gradients (N, C) or (N, C, *), any strides.
"""

import numpy as np

from kernels.backend import implementation
from kernels.checks import check_dtype, check_floating, check_shape


def local_response_norm(x: np.ndarray, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> np.ndarray:
    """y. Errors: ValueError for a size below 1 and less than two dimensions, TypeError for integers."""
    _check("x", x, size)
    return implementation("local_response_norm", "local_response_norm", x)(x, size, alpha, beta, k)


def local_response_norm_backward(
    gy: np.ndarray, x: np.ndarray, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> np.ndarray:
    """gx: the gradient of `local_response_norm`."""
    _check("gy", gy, size)
    check_dtype("x", x, gy)
    check_shape("x", x, gy.shape)
    return implementation("local_response_norm", "local_response_norm_backward", gy)(gy, x, size, alpha, beta, k)


def _check(name: str, x: np.ndarray, size: int) -> None:
    check_floating(name, x)
    if x.ndim < 2:
        raise ValueError(f"{name}: got shape {x.shape}, expected (N, C) or (N, C, *)")
    if size < 1:
        raise ValueError(f"size: got {size}, expected a positive number of channels")
