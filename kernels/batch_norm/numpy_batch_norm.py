"""Batch normalisation in plain NumPy: the definition. Sums are computed in float64, all else in float32 at least."""

import numpy as np

from kernels.gpu import wide_dtype
from kernels.layout import channel_rows, from_channel_rows


def batch_norm_train(
    x: np.ndarray, weight: np.ndarray | None, bias: np.ndarray | None, eps: float, residual: np.ndarray | None, relu: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean first, then the mean of the squared distances from it: E[x^2] - E[x]^2 would cancel. See `kernels.batch_norm`."""
    rows = channel_rows(x)  # (M, C)
    if len(rows):
        mean = rows.mean(axis=0, dtype=np.float64)
        var = np.square(rows - mean).mean(axis=0)
    else:
        mean = var = np.full(rows.shape[1], np.nan)
    mean, var = mean.astype(wide_dtype(x.dtype)), var.astype(wide_dtype(x.dtype))
    return batch_norm_eval(x, mean, var, weight, bias, eps, residual, relu), mean, var


def batch_norm_eval(
    x: np.ndarray, mean: np.ndarray, var: np.ndarray, weight: np.ndarray | None, bias: np.ndarray | None,
    eps: float, residual: np.ndarray | None, relu: bool,
) -> np.ndarray:  # fmt: skip
    """See `kernels.batch_norm`."""
    y = (channel_rows(x) - mean) * scale_of(var, weight, eps)
    if bias is not None:
        y += bias
    if residual is not None:
        y += channel_rows(residual)
    if relu:
        y = np.maximum(y, y.dtype.type(0))
    return from_channel_rows(y.astype(x.dtype), x.shape)


def batch_norm_backward(
    gy: np.ndarray, x: np.ndarray, mean: np.ndarray, var: np.ndarray, weight: np.ndarray | None, eps: float,
    y: np.ndarray | None, need_residual: bool,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray | None]:  # fmt: skip
    """See `kernels.batch_norm`."""
    wide = wide_dtype(x.dtype)
    g = channel_rows(gy)
    if y is not None:
        g = np.where(~(channel_rows(y) <= 0), g, g.dtype.type(0))  # `not y <= 0` is true of NaN: it lets the gradient through
    xhat = (channel_rows(x) - mean) * scale_of(var, None, eps)
    gbias = g.sum(axis=0, dtype=np.float64).astype(wide)
    gweight = (g * xhat).sum(axis=0, dtype=np.float64).astype(wide)
    M = wide.type(max(len(g), 1))
    gx = scale_of(var, weight, eps) * (g - gbias / M - xhat * (gweight / M))
    gresidual = from_channel_rows(g, gy.shape) if need_residual else None
    return from_channel_rows(gx.astype(x.dtype), gy.shape), gweight, gbias, gresidual


def scale_of(var: np.ndarray, weight: np.ndarray | None, eps: float) -> np.ndarray:
    """weight / sqrt(var + eps), in the type of var."""
    scale = 1 / np.sqrt(var.astype(np.result_type(var, np.float64)) + eps)
    return (scale if weight is None else scale * weight).astype(var.dtype)
