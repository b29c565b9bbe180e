"""Pooling on several threads. Arrays are C-contiguous (N, H, W, C): the channels of a pixel stand side by side, as a register loads them.

One thread takes a row of output pixels. For each pixel it goes through the channels register by register, and for each register through
the taps of the window, so that the running maximum or sum is never written to memory (`kernels/simd.py` explains tiles, here of one
register). Windows are cut to the image first: no tap has to be asked whether it lies in the padding.

`max_pool2d_gather`, which only gradients of gradients need, is left to NumPy.
"""

import numpy as np
from numba import prange

from kernels.geometry import Pair, window_extent
from kernels.jit import jit
from kernels.layout import to_nchw, to_nhwc
from kernels.memory import empty
from kernels.pool2d import numpy_pool2d
from kernels.pool2d.numpy_pool2d import places_error
from kernels.prefetch import prefetch
from kernels.simd import lanes, tile_fill, tile_fma, tile_load_part, tile_store_part, tile_zero
from kernels.simd_choice import tile_choose, tile_store_integers

EXACT = 1 << 24  # whole numbers up to here are exact in float32


def max_pool2d(
    x: np.ndarray, kernel_size: Pair, stride: Pair, padding: Pair, dilation: Pair, out_size: Pair
) -> tuple[np.ndarray, np.ndarray]:
    """See `kernels.pool2d`."""
    (N, C), (H, W), (OH, OW) = x.shape[:2], x.shape[2:], out_size
    if window_extent(kernel_size[0], dilation[0]) * W > EXACT:
        return numpy_pool2d.max_pool2d(x, kernel_size, stride, padding, dilation, out_size)
    y, indices = empty((N, OH, OW, C), x.dtype), empty((N, OH, OW, C), np.int64)
    _max_pool(N * OH, _flat(x), y.reshape(-1), indices.reshape(-1), (H, W, C, OH, OW), kernel_size, stride, padding, dilation)
    return to_nchw(y), to_nchw(indices)


def max_pool2d_backward(gy: np.ndarray, indices: np.ndarray, input_size: Pair) -> np.ndarray:
    """See `kernels.pool2d`."""
    (N, C, OH, OW), (H, W) = gy.shape, input_size
    gx = empty((N, H, W, C), gy.dtype)
    wrong = np.zeros(N, np.bool_)
    _scatter(N, _flat(gy), _flat(indices), gx.reshape(-1), (H * W, C, OH * OW), wrong)
    if wrong.any():
        raise places_error(indices, input_size)
    return to_nchw(gx)


def avg_pool2d(x: np.ndarray, kernel_size: Pair, stride: Pair, padding: Pair, scale: np.ndarray) -> np.ndarray:
    """See `kernels.pool2d`."""
    (N, C, H, W), (OH, OW) = x.shape, scale.shape
    y = empty((N, OH, OW, C), x.dtype)
    _avg_pool(N * OH, _flat(x), y.reshape(-1), (H, W, C, OH, OW), scale, kernel_size, stride, padding)
    return to_nchw(y)


def avg_pool2d_backward(
    gy: np.ndarray, input_size: Pair, kernel_size: Pair, stride: Pair, padding: Pair, scale: np.ndarray
) -> np.ndarray:
    """See `kernels.pool2d`."""
    (N, C, OH, OW), (H, W) = gy.shape, input_size
    gx = empty((N, H, W, C), gy.dtype)
    vertical = windows_of_pixels(H, OH, kernel_size[0], stride[0], padding[0])
    horizontal = windows_of_pixels(W, OW, kernel_size[1], stride[1], padding[1])
    _avg_pool_backward(N * H, _flat(gy), gx.reshape(-1), (H, W, C, OH, OW), scale, vertical, horizontal)
    return to_nchw(gx)


def global_avg_pool2d(x: np.ndarray) -> np.ndarray:
    """One window as large as the image."""
    size = x.shape[2:]
    return avg_pool2d(x, size, (1, 1), (0, 0), np.full((1, 1), 1 / (size[0] * size[1]), x.dtype))


def global_avg_pool2d_backward(gy: np.ndarray, input_size: Pair) -> np.ndarray:
    """One window as large as the image."""
    return avg_pool2d_backward(gy, input_size, input_size, (1, 1), (0, 0), np.full((1, 1), 1 / (input_size[0] * input_size[1]), gy.dtype))


def windows_of_pixels(size: int, windows: int, kernel: int, stride: int, padding: int) -> np.ndarray:
    """(2, size): along one axis, the windows that see a pixel, from the first to before the last."""
    place = np.arange(size) + padding  # seen by window o if o * stride <= place < o * stride + kernel
    return np.stack([np.maximum((place - kernel) // stride + 1, 0), np.minimum(place // stride + 1, windows)])


def _flat(x: np.ndarray) -> np.ndarray:
    return to_nhwc(x).reshape(-1)


@jit
def _inside(start, step, count, size):
    """Which of the places start, start + step, ... (`count` of them) lie in 0 <= place < size: from the first to before the last."""
    return max(0, -(start // step)), min(count, (size - 1 - start) // step + 1)


@jit(parallel=True)
def _max_pool(rows, x, y, indices, sizes, kernel_size, stride, padding, dilation):
    for r in prange(rows):
        _max_pool_row(np.intp(r), x, y, indices, sizes, kernel_size, stride, padding, dilation)


@jit
def _max_pool_row(r, x, y, indices, sizes, kernel_size, stride, padding, dilation):
    """One row of output pixels: the running maximum over the taps, and how many pixels behind the window's corner it was found."""
    H, W, C, OH, OW = sizes
    n, oh = divmod(r, OH)
    top = oh * stride[0] - padding[0]
    first_i, last_i = _inside(top, dilation[0], kernel_size[0], H)
    next_rows = top + dilation[0] * (kernel_size[0] - 1) + 1  # which the next row of windows will see as well
    for ow in range(OW):
        left = ow * stride[1] - padding[1]
        first_j, last_j = _inside(left, dilation[1], kernel_size[1], W)
        corner = top * W + left  # may lie outside of the image, unlike the taps
        start = first_i * dilation[0] * W + first_j * dilation[1]
        for row in range(stride[0]):
            prefetch(x, ((n * H + next_rows + row) * W + left) * C, stride[1] * C)
        for c in range(0, C, lanes(x)):
            place = (n * H * W + corner) * C + c
            if first_i < last_i and first_j < last_j:
                best, found = tile_load_part(x, place + start * C, 0, 1, C - c, 1, 1), tile_fill(x.dtype.type(start), 1, 1)
            else:
                best, found, corner = tile_fill(x.dtype.type(-np.inf), 1, 1), tile_zero(x, 1, 1), -1
            for i in range(first_i, last_i):
                for j in range(first_j, last_j):
                    here = i * dilation[0] * W + j * dilation[1]
                    tap = tile_load_part(x, place + here * C, 0, 1, C - c, 1, 1)
                    found = tile_choose(tap, best, tile_fill(x.dtype.type(here), 1, 1), found)
                    best = tile_choose(tap, best, tap, best)
            tile_store_part(best, y, (r * OW + ow) * C + c, 0, 1, C - c)
            tile_store_integers(found, corner, indices, (r * OW + ow) * C + c, C - c)


@jit(parallel=True)
def _scatter(images, gy, indices, gx, sizes, wrong):
    for n in prange(images):
        wrong[n] = _scatter_image(np.intp(n), gy, indices, gx, sizes)


@jit
def _scatter_image(n, gy, indices, gx, sizes):
    """gx[indices[o]] += gy[o] in one image, without atomics, since no other thread writes here. True if an index is wrong."""
    HW, C, OHW = sizes
    plane, wrong = gx[n * HW * C : (n + 1) * HW * C], False
    for i in range(plane.size):
        plane[i] = 0
    for o in range(n * OHW, (n + 1) * OHW):
        for c in range(C):
            place = indices[o * C + c]
            if 0 <= place < HW:
                plane[place * C + c] += gy[o * C + c]
            elif place != -1:
                wrong = True
    return wrong


@jit(parallel=True)
def _avg_pool(rows, x, y, sizes, scale, kernel_size, stride, padding):
    for r in prange(rows):
        _avg_pool_row(np.intp(r), x, y, sizes, scale, kernel_size, stride, padding)


@jit
def _avg_pool_row(r, x, y, sizes, scale, kernel_size, stride, padding):
    """One row of output pixels. The rows of a window are summed by themselves first, so that large windows stay accurate."""
    H, W, C, OH, OW = sizes
    n, oh = divmod(r, OH)
    top, bottom = max(oh * stride[0] - padding[0], 0), min(oh * stride[0] - padding[0] + kernel_size[0], H)
    for ow in range(OW):
        left, right = max(ow * stride[1] - padding[1], 0), min(ow * stride[1] - padding[1] + kernel_size[1], W)
        for row in range(stride[0]):
            prefetch(x, ((n * H + bottom + row) * W + left) * C, stride[1] * C)
        for c in range(0, C, lanes(x)):
            total = tile_zero(x, 1, 1)
            for h in range(top, bottom):
                part = tile_zero(x, 1, 1)
                for w in range(left, right):
                    part = part + tile_load_part(x, ((n * H + h) * W + w) * C + c, 0, 1, C - c, 1, 1)
                total = total + part
            tile_store_part(total * tile_fill(scale[oh, ow], 1, 1), y, (r * OW + ow) * C + c, 0, 1, C - c)


@jit(parallel=True)
def _avg_pool_backward(rows, gy, gx, sizes, scale, vertical, horizontal):
    for r in prange(rows):
        _avg_pool_backward_row(np.intp(r), gy, gx, sizes, scale, vertical, horizontal)


@jit
def _avg_pool_backward_row(r, gy, gx, sizes, scale, vertical, horizontal):
    """One row of input pixels: the sum over the windows that see each of them."""
    H, W, C, OH, OW = sizes
    n, h = divmod(r, H)
    for w in range(W):
        for c in range(0, C, lanes(gy)):
            total = tile_zero(gy, 1, 1)
            for oh in range(vertical[0, h], vertical[1, h]):
                for ow in range(horizontal[0, w], horizontal[1, w]):
                    g = tile_load_part(gy, ((n * OH + oh) * OW + ow) * C + c, 0, 1, C - c, 1, 1)
                    total = tile_fma(total, g, tile_fill(scale[oh, ow], 1, 1))
            tile_store_part(total, gx, (r * W + w) * C + c, 0, 1, C - c)
