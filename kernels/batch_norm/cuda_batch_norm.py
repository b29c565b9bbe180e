"""Batch normalisation on a GPU: see batch_norm.cu."""

from typing import Any

import numpy as np

from kernels import gpu
from kernels.gpu.grids import channel_grid, final_grid
from kernels.layout import channel_rows, contiguous, from_channel_rows

SOURCE = gpu.CudaSource("batch_norm.cu")


def batch_norm_train(x: Any, weight: Any, bias: Any, eps: float, residual: Any, relu: bool) -> tuple[Any, Any, Any]:
    """See `kernels.batch_norm`."""
    rows = channel_rows(x)
    mean, var = _statistics(rows)
    return _normalise(rows, mean, var, weight, bias, eps, residual, relu, x.shape), mean, var


def batch_norm_eval(x: Any, mean: Any, var: Any, weight: Any, bias: Any, eps: float, residual: Any, relu: bool) -> Any:
    """See `kernels.batch_norm`."""
    return _normalise(channel_rows(x), mean, var, weight, bias, eps, residual, relu, x.shape)


def batch_norm_backward(
    gy: Any, x: Any, mean: Any, var: Any, weight: Any, eps: float, y: Any, need_residual: bool
) -> tuple[Any, Any, Any, Any]:  # fmt: skip
    """See `kernels.batch_norm`."""
    real, wide = x.dtype, gpu.wide_dtype(x.dtype)
    g, rows, gate = channel_rows(gy), channel_rows(x), None if y is None else channel_rows(y)
    mean, var, weight = _given(mean, var, weight)
    (M, C), gx = rows.shape, gpu.empty(rows.shape, real)
    gresidual = gpu.empty(rows.shape, real) if need_residual and y is not None else None
    grid = channel_grid(1, M, C, g, rows, gate, gx, gresidual)
    partial, gbias, gweight = gpu.empty((2, grid.parts, C), np.float64), gpu.empty((C,), wide), gpu.empty((C,), wide)
    eps = float(eps)
    SOURCE.launch(
        "batch_norm_partial_gradients", real, grid.blocks, grid.threads, g, rows, gate, mean, var, partial, eps, *grid.sizes
    )  # fmt: skip
    SOURCE.launch("batch_norm_weight_gradients", real, *final_grid(C, 2), partial, gbias, gweight, grid.parts, C)
    SOURCE.launch(
        "batch_norm_input_gradient", real, grid.blocks, grid.threads,
        g, rows, gate, mean, var, weight, gbias, gweight, gx, gresidual, eps, *grid.sizes,
    )  # fmt: skip
    if need_residual:
        gresidual = from_channel_rows(g if gresidual is None else gresidual, gy.shape)
    return from_channel_rows(gx, gy.shape), gweight, gbias, gresidual


def _statistics(rows: Any) -> tuple[Any, Any]:
    """The mean and the biased variance of every column of rows (M, C)."""
    (M, C), real, wide = rows.shape, rows.dtype, gpu.wide_dtype(rows.dtype)
    grid = channel_grid(1, M, C, rows)
    partial, mean, var = gpu.empty((2, grid.parts, C), np.float64), gpu.empty((C,), wide), gpu.empty((C,), wide)
    SOURCE.launch("batch_norm_partial_statistics", real, grid.blocks, grid.threads, rows, partial, *grid.sizes)
    SOURCE.launch("batch_norm_statistics", real, *final_grid(C), partial, mean, var, *grid.sizes[:4])
    return mean, var


def _normalise(
    rows: Any, mean: Any, var: Any, weight: Any, bias: Any, eps: float, residual: Any, relu: bool, shape: tuple[int, ...]
) -> Any:
    mean, var, weight, bias = _given(mean, var, weight, bias)
    added = None if residual is None else channel_rows(residual)
    y = gpu.empty(rows.shape, rows.dtype)
    grid = channel_grid(1, *rows.shape, rows, added, y)
    SOURCE.launch(
        "batch_norm_normalise", rows.dtype, grid.blocks, grid.threads,
        rows, mean, var, weight, bias, added, y, float(eps), int(relu), *grid.sizes,
    )  # fmt: skip
    return from_channel_rows(y, shape)


def _given(*arrays: Any) -> list[Any]:
    """Numbers per channel without gaps in their memory; None stays None."""
    return [None if array is None else contiguous(array) for array in arrays]
