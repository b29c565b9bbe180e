"""Global response normalisation on a GPU: see global_response_norm.cu."""

import math
from typing import Any

import numpy as np

from kernels import gpu
from kernels.gpu.grids import channel_grid, final_grid
from kernels.layout import channel_rows, contiguous, from_channel_rows

SOURCE = gpu.CudaSource("global_response_norm.cu")


def global_response_norm(x: Any, weight: Any, bias: Any, eps: float) -> tuple[Any, Any]:
    """See `kernels.global_response_norm`."""
    real, wide, (N, C), P = x.dtype, gpu.wide_dtype(x.dtype), x.shape[:2], math.prod(x.shape[2:])
    norm, scale = gpu.empty((N, C), wide), gpu.empty((N, C), wide)
    rows = channel_rows(x)  # (N * P, C)
    y = gpu.empty(rows.shape, real)
    grid = channel_grid(N, P, C, rows, y)
    partial = gpu.empty((grid.parts, C), np.float64)
    SOURCE.launch("global_response_norm_partial_squares", real, grid.blocks, grid.threads, rows, partial, *grid.sizes)
    SOURCE.launch(
        "global_response_norm_scales", real, N, gpu.THREADS, partial, contiguous(weight), norm, scale, float(eps), *grid.sizes[1:3]
    )  # fmt: skip
    SOURCE.launch("global_response_norm_apply", real, grid.blocks, grid.threads, rows, scale, contiguous(bias), y, *grid.sizes)
    return from_channel_rows(y, x.shape), norm


def global_response_norm_backward(gy: Any, x: Any, norm: Any, weight: Any, eps: float) -> tuple[Any, Any, Any]:
    """See `kernels.global_response_norm`."""
    real, wide, (N, C), P = x.dtype, gpu.wide_dtype(x.dtype), x.shape[:2], math.prod(x.shape[2:])
    g, rows = channel_rows(gy), channel_rows(x)
    gx, gweight, gbias = gpu.empty(rows.shape, real), gpu.empty((C,), wide), gpu.empty((C,), wide)
    scale, slope, terms = gpu.empty((N, C), wide), gpu.empty((N, C), wide), gpu.empty((N, C), np.float64)
    grid = channel_grid(N, P, C, g, rows, gx)
    sums = gpu.empty((2, grid.parts, C), np.float64)
    SOURCE.launch("global_response_norm_partial_gradients", real, grid.blocks, grid.threads, g, rows, sums, *grid.sizes)
    SOURCE.launch(
        "global_response_norm_slopes", real, N, gpu.THREADS,
        sums[1], contiguous(norm), contiguous(weight), scale, slope, terms, float(eps), *grid.sizes[1:3],
    )  # fmt: skip
    SOURCE.launch("global_response_norm_weight_gradients", real, *final_grid(C, 2), sums, terms, gbias, gweight, grid.parts, N, C)
    SOURCE.launch("global_response_norm_input_gradient", real, grid.blocks, grid.threads, g, rows, scale, slope, gx, *grid.sizes)
    return from_channel_rows(gx, gy.shape), gweight, gbias
