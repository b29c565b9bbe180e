"""Local response normalisation in plain NumPy: the definition."""

import numpy as np

from kernels.gpu import wide_dtype


def local_response_norm(x: np.ndarray, size: int, alpha: float, beta: float, k: float) -> np.ndarray:
    """See `kernels.local_response_norm`."""
    values = x.astype(wide_dtype(x.dtype), copy=False)
    return (values * _divisor(values, size, alpha, k) ** -beta).astype(x.dtype)


def local_response_norm_backward(gy: np.ndarray, x: np.ndarray, size: int, alpha: float, beta: float, k: float) -> np.ndarray:
    """See `kernels.local_response_norm`."""
    values = x.astype(wide_dtype(x.dtype), copy=False)
    d = _divisor(values, size, alpha, k)
    power = d**-beta
    gx = gy * power - (2 * alpha * beta / size) * values * _window_sums(gy * values * power / d, (size - 1) // 2, size // 2)
    return gx.astype(x.dtype)


def _divisor(x: np.ndarray, size: int, alpha: float, k: float) -> np.ndarray:
    return k + alpha / size * _window_sums(np.square(x), size // 2, (size - 1) // 2)


def _window_sums(x: np.ndarray, before: int, after: int) -> np.ndarray:
    """For every channel the sum over itself, `before` channels before it and `after` channels after it, as far as there are any."""
    C = x.shape[1]
    sums = x.copy()
    for distance in range(1, min(before, C - 1) + 1):
        sums[:, distance:] += x[:, :-distance]
    for distance in range(1, min(after, C - 1) + 1):
        sums[:, :-distance] += x[:, distance:]
    return sums
