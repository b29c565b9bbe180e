"""Batch normalisation at the speed of memory: the passes of `kernels.channel_blocks` over one sample, the whole batch."""

import numpy as np

from kernels.batch_norm.numpy_batch_norm import scale_of
from kernels.channel_blocks import gradient_sums, input_gradient, scale_and_shift, statistics
from kernels.layout import channel_rows, from_channel_rows
from kernels.memory import empty


def batch_norm_train(
    x: np.ndarray, weight: np.ndarray | None, bias: np.ndarray | None, eps: float, residual: np.ndarray | None, relu: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """See `kernels.batch_norm`."""
    rows = channel_rows(x)  # (M, C)
    if rows.size == 0:
        nothing = np.full(rows.shape[1], np.nan, x.dtype)
        return from_channel_rows(empty(rows.shape, x.dtype), x.shape), nothing, nothing.copy()
    mean, var = (values[0].astype(x.dtype) for values in statistics(rows[None]))
    return batch_norm_eval(x, mean, var, weight, bias, eps, residual, relu), mean, var


def batch_norm_eval(
    x: np.ndarray, mean: np.ndarray, var: np.ndarray, weight: np.ndarray | None, bias: np.ndarray | None,
    eps: float, residual: np.ndarray | None, relu: bool,
) -> np.ndarray:  # fmt: skip
    """See `kernels.batch_norm`."""
    rows = channel_rows(x)
    if rows.size == 0:
        return from_channel_rows(empty(rows.shape, x.dtype), x.shape)
    added = None if residual is None else channel_rows(residual)[None]
    shift = np.zeros_like(mean) if bias is None else bias
    y = scale_and_shift(rows[None], mean[None], scale_of(var, weight, eps)[None], shift[None], added, relu)
    return from_channel_rows(y, x.shape)


def batch_norm_backward(
    gy: np.ndarray, x: np.ndarray, mean: np.ndarray, var: np.ndarray, weight: np.ndarray | None, eps: float,
    y: np.ndarray | None, need_residual: bool,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray | None]:  # fmt: skip
    """See `kernels.batch_norm`."""
    g, rows = channel_rows(gy)[None], channel_rows(x)[None]
    _, M, C = rows.shape
    if rows.size == 0:
        zeros = np.zeros(C, x.dtype)
        return from_channel_rows(empty(rows.shape, x.dtype), x.shape), zeros, zeros.copy(), gy if need_residual else None
    gate = None if y is None else channel_rows(y)[None]
    # The gradient behind the ReLU is a result: it is written down, and used in the second pass.
    gated = empty(rows.shape, x.dtype) if gate is not None and need_residual else None
    gbias, gscale = gradient_sums(g, rows, mean[None], gate, gated)  # sum g, and sum g * (x - mean)
    if gated is not None:
        g, gate = gated, None
    rstd = 1 / np.sqrt(var.astype(np.float64) + eps)
    factor = rstd if weight is None else rstd * weight
    # gx = factor * (g - gbias / M - (x - mean) * rstd^2 * gscale / M)
    gx = input_gradient(g, rows, mean[None], factor[None], factor * gbias / M, factor * rstd**2 * gscale / M, gate)
    gresidual = from_channel_rows(g, x.shape) if need_residual else None
    return from_channel_rows(gx, x.shape), (gscale[0] * rstd).astype(x.dtype), gbias[0].astype(x.dtype), gresidual
