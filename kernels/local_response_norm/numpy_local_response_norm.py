"""Local response normalisation in plain NumPy: the definition."""

import numpy as np


def local_response_norm(x: np.ndarray, size: int, alpha: float, beta: float, k: float) -> np.ndarray:
    """See `kernels.local_response_norm`."""
    return x * _divisor(x, size, alpha, k) ** -beta


def local_response_norm_backward(gy: np.ndarray, x: np.ndarray, size: int, alpha: float, beta: float, k: float) -> np.ndarray:
    """See `kernels.local_response_norm`."""
    d = _divisor(x, size, alpha, k)
    power = d**-beta
    return gy * power - (2 * alpha * beta / size) * x * _window_sums(gy * x * power / d, (size - 1) // 2, size // 2)


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
