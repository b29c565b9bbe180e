"""Pooling on a GPU in Python: a thread for each number of the result. To be read beside pool2d.cu.

What that file adds to this is speed: a thread takes a vector of channels, and a block pixels that see the same ones. Numbers are computed
with as float32 at least. The bounds of windows, (2, windows + 1) for each axis, are those of kernels/pool2d/windows.py.
"""

from typing import Any

import numpy as np
from numba import cuda

from kernels.geometry import Pair
from kernels.gpu import empty, wide_dtype
from kernels.gpu.constants import constant
from kernels.gpu.numba_kernels import cuda_kernel
from kernels.layout import to_nchw, to_nhwc
from kernels.pool2d import cuda_pool2d
from kernels.pool2d.windows import out_size, seen_by

CHANNELS, ROWS = 32, 8  # threads of a block: along channels, which are neighbours in memory, and along pixels
THREADS = (CHANNELS, ROWS)


def max_pool2d(x: Any, rows: np.ndarray, columns: np.ndarray, dilation: Pair) -> tuple[Any, Any]:
    """See `kernels.pool2d`."""
    image, (OH, OW) = _wide(x), out_size((rows, columns))
    N, _, _, C = image.shape
    y, indices = empty((N, OH, OW, C), image.dtype), empty((N, OH, OW, C), np.int64)
    max_of_windows.launch(_blocks(C, N * OH * OW), THREADS, image, y, indices, constant(rows), constant(columns), dilation)
    return _result(y, x), to_nchw(indices)


def max_pool2d_backward(gy: Any, indices: Any, input_size: Pair, windows: tuple[np.ndarray, np.ndarray] | None = None) -> Any:
    """See `kernels.pool2d`; without `windows` it is the version in CUDA C."""
    if windows is None:
        return cuda_pool2d.max_pool2d_backward(gy, indices, input_size)
    gradient, (H, W) = _wide(gy), input_size
    N, _, _, C = gradient.shape
    gx = empty((N, H, W, C), gradient.dtype)
    rows, columns = (constant(bounds, seen_by) for bounds in windows)
    winners_gradients.launch(_blocks(C, N * H * W), THREADS, gradient, to_nhwc(indices), gx, rows, columns)
    return _result(gx, gy)


def avg_pool2d(x: Any, rows: np.ndarray, columns: np.ndarray, scale: np.ndarray) -> Any:
    """See `kernels.pool2d`."""
    image, (OH, OW) = _wide(x), scale.shape
    N, _, _, C = image.shape
    y = empty((N, OH, OW, C), image.dtype)
    mean_of_windows.launch(_blocks(C, N * OH * OW), THREADS, image, y, constant(scale), constant(rows), constant(columns))
    return _result(y, x)


def global_avg_pool2d(x: Any) -> Any:
    """See `kernels.pool2d`."""
    image = _wide(x)
    N, H, W, C = image.shape
    y = empty((N, 1, 1, C), image.dtype)
    mean_of_plane.launch((-(-C // CHANNELS), min(N, 65535)), THREADS, image.reshape(N, H * W, C), y.reshape(N, C))
    return _result(y, x)


def global_avg_pool2d_backward(gy: Any, input_size: Pair) -> Any:
    """See `kernels.pool2d`."""
    gradient, (H, W) = _wide(gy), input_size
    N, _, _, C = gradient.shape
    gx = empty((N, H, W, C), gradient.dtype)
    spread_over_plane.launch(_blocks(C, N * H * W), THREADS, gradient.reshape(N, C), gx.reshape(N, H * W, C))
    return _result(gx, gy)


def _wide(images: Any) -> Any:
    """(N, C, H, W) as (N, H, W, C), in float32 at least."""
    return to_nhwc(images.astype(wide_dtype(images.dtype), copy=False))


def _result(y: Any, like: Any) -> Any:
    return to_nchw(y.astype(like.dtype, copy=False))


def _blocks(channels: int, pixels: int) -> tuple[int, int]:
    """Blocks for all channels and pixels; beyond the most that there may be, threads take more pixels."""
    return -(-channels // CHANNELS), min(-(-pixels // ROWS), 65535)


@cuda_kernel
def max_of_windows(x, y, places, rows, columns, dilation):
    """x (N, H, W, C) -> y and places (N, OH, OW, C). The first tap wins over nothing, NaN over everything, others over what is smaller."""
    W = x.shape[2]
    N, OH, OW, C = y.shape
    c, first = cuda.grid(2)
    if c < C:
        for pixel in range(first, N * OH * OW, cuda.gridsize(2)[1]):
            n, oh, ow = pixel // OW // OH, pixel // OW % OH, pixel % OW
            best, place = x.dtype.type(-np.inf), -1
            for h in range(rows[0, oh], rows[1, oh], dilation[0]):
                for w in range(columns[0, ow], columns[1, ow], dilation[1]):
                    tap = x[n, h, w, c]
                    if place < 0 or tap > best or tap != tap:  # NaN alone is not equal to itself
                        best, place = tap, h * W + w
            y[n, oh, ow, c], places[n, oh, ow, c] = best, place


@cuda_kernel
def winners_gradients(gy, places, gx, rows, columns):
    """gy and places (N, OH, OW, C) -> gx (N, H, W, C): every pixel collects from the windows that it has won, of those that see it.

    rows (2, H), columns (2, W): which windows see a row and a column, from the first to before the last.
    """
    N, H, W, C = gx.shape
    c, first = cuda.grid(2)
    if c < C:
        for pixel in range(first, N * H * W, cuda.gridsize(2)[1]):
            n, h, w = pixel // W // H, pixel // W % H, pixel % W
            total = gy.dtype.type(0)
            for oh in range(rows[0, h], rows[1, h]):
                for ow in range(columns[0, w], columns[1, w]):
                    if places[n, oh, ow, c] == h * W + w:
                        total += gy[n, oh, ow, c]
            gx[n, h, w, c] = total


@cuda_kernel
def mean_of_windows(x, y, scale, rows, columns):
    """x (N, H, W, C) -> y (N, OH, OW, C): the sum of every window times scale (OH, OW); the sums of rows first, which are shorter."""
    N, OH, OW, C = y.shape
    c, first = cuda.grid(2)
    if c < C:
        for pixel in range(first, N * OH * OW, cuda.gridsize(2)[1]):
            n, oh, ow = pixel // OW // OH, pixel // OW % OH, pixel % OW
            total = x.dtype.type(0)
            for h in range(rows[0, oh], rows[1, oh]):
                part = x.dtype.type(0)
                for w in range(columns[0, ow], columns[1, ow]):
                    part += x[n, h, w, c]
                total += part
            y[n, oh, ow, c] = total * scale[oh, ow]


@cuda_kernel
def mean_of_plane(x, y):
    """x (N, pixels, C) -> y (N, C). A block for 32 channels of an image; its 8 rows of threads take turns, and add up at the end."""
    sums = cuda.shared.array((ROWS, CHANNELS), np.float64)
    N, pixels, C = x.shape
    column, row = cuda.threadIdx.x, cuda.threadIdx.y
    c = cuda.blockIdx.x * CHANNELS + column
    for n in range(cuda.blockIdx.y, N, cuda.gridDim.y):
        total = 0.0
        if c < C:
            for pixel in range(row, pixels, ROWS):
                total += x[n, pixel, c]
        sums[row, column] = total
        cuda.syncthreads()  # until all rows have written
        if row == 0 and c < C:
            for other in range(1, ROWS):
                total += sums[other, column]
            y[n, c] = total / pixels
        cuda.syncthreads()  # before the next image's sums take the place of these


@cuda_kernel
def spread_over_plane(gy, gx):
    """gy (N, C) -> gx (N, pixels, C): every number divided by the size of its plane, at all pixels."""
    N, pixels, C = gx.shape
    c, first = cuda.grid(2)
    if c < C:
        for place in range(first, N * pixels, cuda.gridsize(2)[1]):
            gx[place // pixels, place % pixels, c] = gy[place // pixels, c] / gy.dtype.type(pixels)
