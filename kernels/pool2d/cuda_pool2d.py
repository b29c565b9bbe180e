"""Pooling on a GPU: see pool2d.cu, and plane_mean.cu for the means of whole planes."""

from typing import Any

import numpy as np

from kernels import gpu
from kernels.geometry import Pair
from kernels.gpu.constants import constant
from kernels.gpu.grids import channel_grid
from kernels.gpu.images import channel_vector, image_grid
from kernels.layout import channel_rows, to_nchw, to_nhwc
from kernels.pool2d.numpy_pool2d import places_error
from kernels.pool2d.windows import out_size, seen_by

SOURCE, PLANES = gpu.CudaSource("pool2d.cu"), gpu.CudaSource("plane_mean.cu")


def max_pool2d(x: Any, rows: np.ndarray, columns: np.ndarray, dilation: Pair) -> tuple[Any, Any]:
    """See `kernels.pool2d`."""
    x, (OH, OW) = to_nhwc(x), out_size((rows, columns))
    N, H, W, C = x.shape
    y, indices = gpu.empty((N, OH, OW, C), x.dtype), gpu.empty((N, OH, OW, C), np.int64)
    width = channel_vector(C, x)
    SOURCE.launch("max_pool2d", x.dtype, *image_grid(C // width, OW, OH, N), x, y, indices, constant(rows), constant(columns),
                  N, C, H, W, OH, OW, *dilation, width)  # fmt: skip
    return to_nchw(y), to_nchw(indices)


def max_pool2d_backward(gy: Any, indices: Any, input_size: Pair, windows: tuple[np.ndarray, np.ndarray] | None = None) -> Any:
    """See `kernels.pool2d`. Without `windows` a thread takes a plane, which is slow, and it is waited for to check the indices."""
    gy, indices, (H, W) = to_nhwc(gy), to_nhwc(indices), input_size
    N, OH, OW, C = gy.shape
    if windows is None:
        sums = gpu.zeros((N, H, W, C), gpu.wide_dtype(gy.dtype))
        _launch_checked("max_pool2d_scatter", N * C, gy, indices, sums, N, C, H * W, OH * OW, size=input_size)
        return to_nchw(sums.astype(gy.dtype, copy=False))
    gx = gpu.empty((N, H, W, C), gy.dtype)
    rows, columns = (constant(bounds, seen_by) for bounds in windows)
    width = channel_vector(C, gy, indices)
    SOURCE.launch("max_pool2d_backward", gy.dtype, *image_grid(C // width, W, H, N), gy, indices, gx, rows, columns,
                  N, C, H, W, OH, OW, width)  # fmt: skip
    return to_nchw(gx)


def max_pool2d_gather(x: Any, indices: Any) -> Any:
    """See `kernels.pool2d`. It waits for the GPU, to see if all indices are places."""
    x, indices = to_nhwc(x), to_nhwc(indices)
    (N, H, W, C), (OH, OW) = x.shape, indices.shape[1:3]
    y = gpu.empty((N, OH, OW, C), x.dtype)
    _launch_checked("max_pool2d_gather", y.size, x, indices, y, N, C, H * W, OH * OW, size=(H, W))
    return to_nchw(y)


def _launch_checked(kernel: str, count: int, array: Any, indices: Any, result: Any, *sizes: int, size: Pair) -> None:
    """A launch with `count` threads that tells whether indices are no places in a plane of `size`: then an error."""
    wrong = gpu.zeros((1,), np.int64)
    SOURCE.launch(kernel, array.dtype, gpu.blocks_for(count), gpu.THREADS, array, indices, result, wrong, *sizes)
    if int(wrong[0]):
        raise places_error(indices, size)


def avg_pool2d(x: Any, rows: np.ndarray, columns: np.ndarray, scale: np.ndarray) -> Any:
    """See `kernels.pool2d`."""
    x, (OH, OW) = to_nhwc(x), scale.shape
    N, H, W, C = x.shape
    y = gpu.empty((N, OH, OW, C), x.dtype)
    width = channel_vector(C, x)
    SOURCE.launch("avg_pool2d", x.dtype, *image_grid(C // width, OW, OH, N), x, y, constant(scale), constant(rows), constant(columns),
                  N, C, H, W, OH, OW, width)  # fmt: skip
    return to_nchw(y)


def global_avg_pool2d(x: Any) -> Any:
    """See `kernels.pool2d`."""
    N, C, H, W = x.shape
    rows, y = channel_rows(x), gpu.empty((N, C), x.dtype)
    grid = channel_grid(N, H * W, C, rows)
    parts = grid.sizes[2]
    partial = gpu.empty((grid.parts, C), np.float64) if parts > 1 else None
    PLANES.launch("plane_partial_sums", x.dtype, grid.blocks, grid.threads, rows, partial, y, *grid.sizes)
    if partial is not None:
        PLANES.launch("plane_means", x.dtype, gpu.blocks_for(y.size), gpu.THREADS, partial, y, N, H * W, C, parts)
    return y.reshape(N, C, 1, 1)


def global_avg_pool2d_backward(gy: Any, input_size: Pair) -> Any:
    """See `kernels.pool2d`."""
    (N, C), (H, W) = gy.shape[:2], input_size
    rows, gx = channel_rows(gy), gpu.empty((N, H, W, C), gy.dtype)
    grid = channel_grid(N, H * W, C, rows, gx)
    PLANES.launch("plane_means_backward", gy.dtype, grid.blocks, grid.threads, rows, gx, *grid.sizes)
    return to_nchw(gx)
