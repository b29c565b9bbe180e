"""Group normalisation in plain NumPy: layer normalisation of groups laid out side by side. The definition."""

import math

import numpy as np

from kernels.gpu import wide_dtype
from kernels.layer_norm import numpy_layer_norm as plain


def group_norm(
    x: np.ndarray, groups: int, weight: np.ndarray | None, bias: np.ndarray | None, eps: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """See `kernels.group_norm`."""
    xhat, mean, var = plain.layer_norm(_grouped(x.astype(wide_dtype(x.dtype), copy=False), groups), 1, None, None, eps, True)
    y, channel = xhat.reshape(x.shape), (-1, *[1] * (x.ndim - 2))
    if weight is not None:
        y = y * weight.reshape(channel)
    if bias is not None:
        y = y + bias.reshape(channel)
    return y.astype(x.dtype), mean[..., 0], var[..., 0]


def group_norm_backward(
    gy: np.ndarray, x: np.ndarray, mean: np.ndarray, var: np.ndarray, groups: int, weight: np.ndarray | None, eps: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """See `kernels.group_norm`."""
    g = gy if weight is None else gy * weight.reshape(-1, *[1] * (x.ndim - 2))
    values, statistics = _grouped(x, groups), (mean[..., None], var[..., None])
    gx, _, _ = plain.layer_norm_backward(_grouped(g, groups), values, *statistics, 1, None, eps, True)
    rstd = 1 / np.sqrt(statistics[1].astype(np.float64) + eps)
    xhat = ((values - statistics[0]) * rstd).reshape(x.shape)
    axes = (0, *range(2, x.ndim))
    gweight, gbias = (gy * xhat).sum(axis=axes), gy.sum(axis=axes, dtype=np.float64)
    return gx.reshape(x.shape).astype(x.dtype), gweight.astype(wide_dtype(x.dtype)), gbias.astype(wide_dtype(x.dtype))


def _grouped(x: np.ndarray, groups: int) -> np.ndarray:
    """(N, C, *) as (N, G, C/G * pixels)."""
    return x.reshape(len(x), groups, math.prod(x.shape[1:]) // groups)
