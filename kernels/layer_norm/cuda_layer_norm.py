"""Layer and RMS normalisation on a GPU: see layer_norm.cu."""

from typing import Any

import numpy as np

from kernels import gpu
from kernels.gpu.grids import channel_grid, final_grid, row_grid
from kernels.layer_norm.arrangement import arrangement

SOURCE = gpu.CudaSource("layer_norm.cu")


def layer_norm(x: Any, dims: int, weight: Any, bias: Any, eps: float, centred: bool) -> tuple[Any, Any, Any]:
    """See `kernels.layer_norm`."""
    wide, arranged = gpu.wide_dtype(x.dtype), arrangement(x, dims)
    rows = arranged.rows(x)  # (M, D)
    M, D = rows.shape
    statistics = gpu.empty if rows.size else gpu.zeros  # those of groups without members are 0
    y, means, variances = gpu.empty((M, D), x.dtype), statistics((M, 1), wide), statistics((M, 1), wide)
    grid = row_grid(M, D, rows, y)
    if rows.size:
        SOURCE.launch(
            "layer_norm_forward", x.dtype, grid.blocks, grid.threads,
            rows, arranged.group(weight), arranged.group(bias), y, means, variances, float(eps), int(centred), *grid.sizes,
        )  # fmt: skip
    return arranged.from_rows(y), arranged.from_rows(means), arranged.from_rows(variances)


def layer_norm_backward(
    gy: Any, x: Any, mean: Any, var: Any, dims: int, weight: Any, eps: float, centred: bool
) -> tuple[Any, Any, Any]:  # fmt: skip
    """See `kernels.layer_norm`."""
    real, wide, arranged = x.dtype, gpu.wide_dtype(x.dtype), arrangement(x, dims)
    g, rows, means, variances = arranged.rows(gy), arranged.rows(x), arranged.rows(mean), arranged.rows(var)
    (M, D), eps = rows.shape, float(eps)
    gx, gweight, gbias = gpu.empty((M, D), real), gpu.empty((D,), wide), gpu.empty((D,), wide)
    if rows.size:
        grid = row_grid(M, D, g, rows, gx)
        SOURCE.launch(
            "layer_norm_input_gradient", real, grid.blocks, grid.threads,
            g, rows, means, variances, arranged.group(weight), gx, eps, int(centred), *grid.sizes,
        )  # fmt: skip
    strips = channel_grid(1, M, D, g, rows)
    partial = gpu.empty((2, strips.parts, D), np.float64)
    SOURCE.launch(
        "layer_norm_partial_gradients", real, strips.blocks, strips.threads, g, rows, means, variances, partial, eps, *strips.sizes
    )  # fmt: skip
    SOURCE.launch("layer_norm_member_gradients", real, *final_grid(D, 2), partial, gbias, gweight, strips.parts, D)
    return arranged.from_rows(gx), arranged.from_group(gweight), arranged.from_group(gbias)
