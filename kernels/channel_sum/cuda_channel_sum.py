"""The sum of every channel on a GPU: see channel_sum.cu."""

from typing import Any

import numpy as np

from kernels import gpu
from kernels.gpu.grids import channel_grid, final_grid
from kernels.layout import channel_rows

SOURCE = gpu.CudaSource("channel_sum.cu")


def channel_sum(x: Any) -> Any:
    """See `kernels.channel_sum`."""
    rows = channel_rows(x)  # (M, C)
    M, C = rows.shape
    grid = channel_grid(1, M, C, rows)
    partial, result = gpu.empty((grid.parts, C), np.float64), gpu.empty((C,), x.dtype)
    SOURCE.launch("channel_partial_sums", x.dtype, grid.blocks, grid.threads, rows, partial, *grid.sizes)
    SOURCE.launch("channel_final_sums", x.dtype, *final_grid(C), partial, result, grid.parts, C)
    return result
