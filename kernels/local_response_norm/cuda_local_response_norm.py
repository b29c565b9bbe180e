"""Local response normalisation on a GPU: see local_response_norm.cu."""

from typing import Any

from kernels import gpu
from kernels.layout import channel_rows, from_channel_rows

SOURCE = gpu.CudaSource("local_response_norm.cu")


def local_response_norm(x: Any, size: int, alpha: float, beta: float, k: float) -> Any:
    """See `kernels.local_response_norm`."""
    rows = channel_rows(x)  # (M, C)
    y = gpu.empty(rows.shape, x.dtype)
    sizes = float(alpha), float(beta), float(k), int(size), *rows.shape
    SOURCE.launch("local_response_norm_forward", x.dtype, *gpu.launch_sizes(*rows.shape), rows, y, *sizes)
    return from_channel_rows(y, x.shape)


def local_response_norm_backward(gy: Any, x: Any, size: int, alpha: float, beta: float, k: float) -> Any:
    """See `kernels.local_response_norm`."""
    g, rows = channel_rows(gy), channel_rows(x)
    terms, gx = gpu.empty(rows.shape, gpu.wide_dtype(x.dtype)), gpu.empty(rows.shape, x.dtype)
    grid, sizes = gpu.launch_sizes(*rows.shape), (float(alpha), float(beta), float(k), int(size), *rows.shape)
    SOURCE.launch("local_response_norm_terms", x.dtype, *grid, g, rows, terms, *sizes)
    SOURCE.launch("local_response_norm_gradient", x.dtype, *grid, g, rows, terms, gx, *sizes)
    return from_channel_rows(gx, gy.shape)
