"""Layer and RMS normalisation in plain NumPy: the definition. Statistics and sums are computed in float64 at least."""

import numpy as np

from kernels.gpu import wide_dtype


def layer_norm(
    x: np.ndarray, dims: int, weight: np.ndarray | None, bias: np.ndarray | None, eps: float, centred: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """See `kernels.layer_norm`."""
    mean = _mean(x, dims)
    if not centred:
        mean = np.zeros_like(mean)
    var = _mean(np.square(x - mean), dims)
    wide = wide_dtype(x.dtype)
    y = ((x - mean) / np.sqrt(var + eps)).astype(wide)
    if weight is not None:
        y = y * weight
    if bias is not None:
        y = y + bias
    return y.astype(x.dtype), mean.astype(wide), var.astype(wide)


def layer_norm_backward(
    gy: np.ndarray, x: np.ndarray, mean: np.ndarray, var: np.ndarray, dims: int, weight: np.ndarray | None, eps: float, centred: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """See `kernels.layer_norm`."""
    wide = wide_dtype(x.dtype)
    groups = tuple(range(x.ndim - dims))
    rstd = 1 / np.sqrt(var.astype(np.float64) + eps)
    xhat = (x - mean) * rstd
    gy = gy.astype(wide, copy=False)
    g = gy if weight is None else gy * weight
    gx = rstd * (g - (_mean(g, dims) if centred else 0) - xhat * _mean(g * xhat, dims))
    gweight, gbias = (gy * xhat).sum(axis=groups), gy.sum(axis=groups, dtype=np.float64)
    return gx.astype(x.dtype), gweight.astype(wide), gbias.astype(wide)


def _mean(x: np.ndarray, dims: int) -> np.ndarray:
    """The mean of every group, its dimensions kept with length 1; 0 of a group without members."""
    members = tuple(range(x.ndim - dims, x.ndim))
    count = max(1, int(np.prod(x.shape[x.ndim - dims :])))
    return x.sum(axis=members, dtype=np.float64, keepdims=True) / count
