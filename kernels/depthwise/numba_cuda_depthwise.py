"""Depthwise convolution on a GPU in Python: a thread for each number of the result. To be read beside depthwise.cu.

What that file adds to this is speed: vectors of channels, and pixels that are kept in registers for all outputs that see them. Here
they are loaded again for every tap, from the cache. Numbers are computed with as float32 at least.
"""

from typing import Any

import numpy as np
from numba import cuda

from kernels.geometry import Pair, output_size
from kernels.gpu import empty, wide_dtype
from kernels.gpu.numba_kernels import cuda_kernel
from kernels.layout import contiguous, to_nchw, to_nhwc

CHANNELS, ROWS = 32, 8  # threads of a block: along channels, which are neighbours in memory, and along pixels
THREADS = (CHANNELS, ROWS)


def conv2d(x: Any, weight: Any, bias: Any, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> Any:
    """y; see `kernels.depthwise`."""
    OH, OW = output_size(x.shape[2:], weight.shape[2:], stride, padding, dilation)
    image, taps = to_nhwc(_wide(x)), _taps(weight)
    N, _, _, C = image.shape
    y = empty((N, OH, OW, C), image.dtype)
    added = None if bias is None else contiguous(_wide(bias))
    depthwise_forward.launch(_blocks(C, N * OH * OW), THREADS, image, taps, added, y, stride, padding, dilation)
    return to_nchw(y.astype(x.dtype, copy=False))


def conv2d_input(gy: Any, weight: Any, input_size: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> Any:
    """gx; see `kernels.depthwise`."""
    (N, C), (H, W) = gy.shape[:2], input_size
    gradient, taps = to_nhwc(_wide(gy)), _taps(weight)
    gx = empty((N, H, W, C), gradient.dtype)
    depthwise_gather.launch(_blocks(C, N * H * W), THREADS, gradient, taps, gx, stride, padding, dilation)
    return to_nchw(gx.astype(gy.dtype, copy=False))


def conv2d_weight(x: Any, gy: Any, kernel_size: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> Any:
    """gw (C, 1, KH, KW); see `kernels.depthwise`."""
    image, gradient = to_nhwc(_wide(x)), to_nhwc(_wide(gy))
    C, (KH, KW) = image.shape[3], kernel_size
    gw = empty((KH, KW, C), image.dtype)
    depthwise_weight_sum.launch((KH * KW, -(-C // CHANNELS)), THREADS, image, gradient, gw, stride, padding, dilation)
    return contiguous(gw.transpose(2, 0, 1).astype(x.dtype, copy=False)).reshape(C, 1, KH, KW)


@cuda_kernel
def depthwise_forward(x, taps, bias, y, stride, padding, dilation):
    """x (N, H, W, C), taps (KH, KW, C), bias (C,) or None -> y (N, OH, OW, C)."""
    _, H, W, C = x.shape
    N, OH, OW, _ = y.shape
    KH, KW, _ = taps.shape
    c, first = cuda.grid(2)
    if c < C:
        for pixel in range(first, N * OH * OW, cuda.gridsize(2)[1]):
            n, h, w = pixel // OW // OH, pixel // OW % OH, pixel % OW
            total = x.dtype.type(0)
            for i in range(KH):
                u = h * stride[0] + i * dilation[0] - padding[0]
                if 0 <= u and u < H:
                    for j in range(KW):
                        v = w * stride[1] + j * dilation[1] - padding[1]
                        if 0 <= v and v < W:
                            total += x[n, u, v, c] * taps[i, j, c]
            if bias is not None:
                total += bias[c]
            y[n, h, w, c] = total


@cuda_kernel
def depthwise_gather(gy, taps, gx, stride, padding, dilation):
    """gy (N, OH, OW, C), taps (KH, KW, C) -> gx (N, H, W, C): every input pixel collects from the windows that have seen it."""
    _, OH, OW, C = gy.shape
    N, H, W, _ = gx.shape
    KH, KW, _ = taps.shape
    c, first = cuda.grid(2)
    if c < C:
        for pixel in range(first, N * H * W, cuda.gridsize(2)[1]):
            n, u, v = pixel // W // H, pixel // W % H, pixel % W
            total = gy.dtype.type(0)
            for i in range(KH):
                down = u + padding[0] - i * dilation[0]  # a stride times the window's row, where there is such a window
                h = down // stride[0]
                if down % stride[0] == 0 and 0 <= h and h < OH:
                    for j in range(KW):
                        across = v + padding[1] - j * dilation[1]
                        w = across // stride[1]
                        if across % stride[1] == 0 and 0 <= w and w < OW:
                            total += gy[n, h, w, c] * taps[i, j, c]
            gx[n, u, v, c] = total


@cuda_kernel
def depthwise_weight_sum(x, gy, gw, stride, padding, dilation):
    """x (N, H, W, C), gy (N, OH, OW, C) -> gw (KH, KW, C). A block for each tap and 32 channels goes over all pixels of gy.

    Its ROWS rows of threads take turns, and add up at the end, in float64: the sums are long.
    """
    sums = cuda.shared.array((ROWS, CHANNELS), np.float64)
    _, H, W, C = x.shape
    N, OH, OW, _ = gy.shape
    i, j = cuda.blockIdx.x // gw.shape[1], cuda.blockIdx.x % gw.shape[1]
    column, row = cuda.threadIdx.x, cuda.threadIdx.y
    c = cuda.blockIdx.y * CHANNELS + column
    total = 0.0
    if c < C:
        for pixel in range(row, N * OH * OW, ROWS):
            n, h, w = pixel // OW // OH, pixel // OW % OH, pixel % OW
            u = h * stride[0] + i * dilation[0] - padding[0]
            v = w * stride[1] + j * dilation[1] - padding[1]
            if 0 <= u and u < H and 0 <= v and v < W:
                total += x[n, u, v, c] * gy[n, h, w, c]
    sums[row, column] = total
    cuda.syncthreads()  # until all have written theirs
    if row == 0 and c < C:
        for other in range(1, ROWS):
            total += sums[other, column]
        gw[i, j, c] = total


def _wide(array: Any) -> Any:
    """`array` in the type that is computed with."""
    return array.astype(wide_dtype(array.dtype), copy=False)


def _taps(weight: Any) -> Any:
    """(C, 1, KH, KW) -> (KH, KW, C): side by side for neighbouring channels."""
    return contiguous(_wide(weight)[:, 0].transpose(1, 2, 0))


def _blocks(channels: int, pixels: int) -> tuple[int, int]:
    """Blocks of THREADS for a plane; CUDA takes no more than 65535 along pixels, and the kernels go round."""
    return -(-channels // CHANNELS), min(-(-pixels // ROWS), 65535)
