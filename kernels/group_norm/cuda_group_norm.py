"""Group normalisation on a GPU: see group_norm.cu."""

import math
from typing import Any

import numpy as np

from kernels import gpu
from kernels.gpu.grids import channel_grid, final_grid
from kernels.layout import channel_rows, contiguous, from_channel_rows

SOURCE = gpu.CudaSource("group_norm.cu")


def group_norm(x: Any, groups: int, weight: Any, bias: Any, eps: float) -> tuple[Any, Any, Any]:
    """See `kernels.group_norm`."""
    real, wide, (N, C), P = x.dtype, gpu.wide_dtype(x.dtype), x.shape[:2], math.prod(x.shape[2:])
    if x.size == 0:
        return gpu.empty(x.shape, real), gpu.zeros((N, groups), wide), gpu.zeros((N, groups), wide)
    rows = channel_rows(x)  # (N * P, C)
    y, mean, var = gpu.empty(rows.shape, real), gpu.empty((N, groups), wide), gpu.empty((N, groups), wide)
    grid = channel_grid(N, P, C, rows, y)
    partial = gpu.empty((2, grid.parts, C), np.float64)
    SOURCE.launch("group_norm_partial_statistics", real, grid.blocks, grid.threads, rows, partial, *grid.sizes)
    SOURCE.launch("group_norm_statistics", real, N * groups, gpu.THREADS, partial, mean, var, N, groups, *grid.sizes[:4])
    SOURCE.launch(
        "group_norm_normalise", real, grid.blocks, grid.threads,
        rows, mean, var, _given(weight), _given(bias), y, float(eps), groups, *grid.sizes,
    )  # fmt: skip
    return from_channel_rows(y, x.shape), mean, var


def group_norm_backward(gy: Any, x: Any, mean: Any, var: Any, groups: int, weight: Any, eps: float) -> tuple[Any, Any, Any]:
    """See `kernels.group_norm`."""
    real, wide, (N, C), P = x.dtype, gpu.wide_dtype(x.dtype), x.shape[:2], math.prod(x.shape[2:])
    if x.size == 0:
        return gpu.empty(x.shape, real), gpu.zeros((C,), wide), gpu.zeros((C,), wide)
    g, rows, mean, var, weight, eps = channel_rows(gy), channel_rows(x), contiguous(mean), contiguous(var), _given(weight), float(eps)
    gx, gweight, gbias = gpu.empty(rows.shape, real), gpu.empty((C,), wide), gpu.empty((C,), wide)
    grid = channel_grid(N, P, C, g, rows, gx)
    partial, moments = gpu.empty((2, grid.parts, C), np.float64), gpu.empty((2, N, groups), wide)
    SOURCE.launch(
        "group_norm_partial_gradients", real, grid.blocks, grid.threads, g, rows, mean, var, partial, eps, groups, *grid.sizes
    )  # fmt: skip
    SOURCE.launch("group_norm_weight_gradients", real, *final_grid(C, 2), partial, gbias, gweight, grid.parts, C)
    SOURCE.launch("group_norm_moments", real, N * groups, gpu.THREADS, partial, weight, moments, N, groups, *grid.sizes[:3])
    SOURCE.launch(
        "group_norm_input_gradient", real, grid.blocks, grid.threads,
        g, rows, mean, var, weight, moments, gx, eps, N, groups, *grid.sizes,
    )  # fmt: skip
    return from_channel_rows(gx, gy.shape), gweight, gbias


def _given(array: Any) -> Any:
    return None if array is None else contiguous(array)
