"""Global response normalisation in plain NumPy: the definition. Sums, and what follows from them, are computed in float64 at least."""

import numpy as np

from kernels.gpu import wide_dtype


def global_response_norm(x: np.ndarray, weight: np.ndarray, bias: np.ndarray, eps: float) -> tuple[np.ndarray, np.ndarray]:
    """See `kernels.global_response_norm`."""
    wide = wide_dtype(x.dtype)
    norm = np.sqrt(_sum(np.square(x.astype(wide, copy=False))))
    y = x * _like(x, scale_of(norm, weight, eps)) + _like(x, bias[None])
    return y.astype(x.dtype), norm.astype(wide)


def global_response_norm_backward(
    gy: np.ndarray, x: np.ndarray, norm: np.ndarray, weight: np.ndarray, eps: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """See `kernels.global_response_norm`."""
    wide, norm = wide_dtype(x.dtype), norm.astype(np.float64)
    gweight, slope = gradients_of_channels(norm, weight, eps, _sum(gy.astype(wide, copy=False) * x))
    gx = gy * _like(x, scale_of(norm, weight, eps)) + x * _like(x, slope)
    return gx.astype(x.dtype), gweight.astype(wide), _sum(gy).sum(axis=0).astype(wide)


def scale_of(norm: np.ndarray, weight: np.ndarray, eps: float) -> np.ndarray:
    """1 + weight * nx, (N, C), of float64 arrays: what x is multiplied by."""
    return 1 + weight * norm / (norm.mean(axis=1, keepdims=True) + eps)


def gradients_of_channels(norm: np.ndarray, weight: np.ndarray, eps: float, S: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(gweight (C,), gnorm / norm (N, C)) from S = sum g * x (N, C), of float64 arrays."""
    size = norm.mean(axis=1, keepdims=True) + eps
    gnorm = weight * S / size - (weight * S * norm).mean(axis=1, keepdims=True) / size**2
    return (S * norm / size).sum(axis=0), np.where(norm == 0, 0, gnorm / np.where(norm == 0, 1, norm))


def _sum(x: np.ndarray) -> np.ndarray:
    """The sum over the pixels, (N, C)."""
    return x.sum(axis=tuple(range(2, x.ndim)), dtype=np.float64)


def _like(x: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Numbers of channels, (N, C) or (1, C), in the type of its arithmetic and so that they can be broadcast against it."""
    return values.astype(wide_dtype(x.dtype)).reshape(*values.shape, *[1] * (x.ndim - 2))
