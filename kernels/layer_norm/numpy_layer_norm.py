"""Layer and RMS normalisation in plain NumPy: the definition. Statistics and sums are computed in float64 at least."""

import numpy as np


def layer_norm(
    x: np.ndarray, dims: int, weight: np.ndarray | None, bias: np.ndarray | None, eps: float, centred: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """See `kernels.layer_norm`."""
    mean = _mean(x, dims)
    if not centred:
        mean = np.zeros_like(mean)
    var = _mean(np.square(x - mean), dims)
    y = ((x - mean) / np.sqrt(var + eps)).astype(x.dtype)
    if weight is not None:
        y = y * weight
    if bias is not None:
        y = y + bias
    return y, mean.astype(x.dtype), var.astype(x.dtype)


def layer_norm_backward(
    gy: np.ndarray, x: np.ndarray, mean: np.ndarray, var: np.ndarray, dims: int, weight: np.ndarray | None, eps: float, centred: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """See `kernels.layer_norm`."""
    dtype, wide = x.dtype, np.result_type(x, np.float64)
    groups = tuple(range(x.ndim - dims))
    rstd = 1 / np.sqrt(var.astype(wide) + eps)
    xhat = (x - mean) * rstd
    g = gy if weight is None else gy * weight
    gx = rstd * (g - (_mean(g, dims) if centred else 0) - xhat * _mean(g * xhat, dims))
    gweight, gbias = (gy * xhat).sum(axis=groups), gy.sum(axis=groups, dtype=wide)
    return gx.astype(dtype), gweight.astype(dtype), gbias.astype(dtype)


def _mean(x: np.ndarray, dims: int) -> np.ndarray:
    """The mean of every group, its dimensions kept with length 1; 0 of a group without members."""
    members = tuple(range(x.ndim - dims, x.ndim))
    count = max(1, int(np.prod(x.shape[x.ndim - dims :])))
    return x.sum(axis=members, dtype=np.result_type(x, np.float64), keepdims=True) / count
