"""Pooling on several threads. Arrays are C-contiguous (N, H, W, C): the channels of a pixel stand side by side, as a register loads them.

One thread takes a row of output pixels. For each pixel it goes through the channels register by register, and for each register through
the taps of the window, so that the running maximum or sum is never written to memory (`kernels/simd.py` explains tiles, here of one
register). The bounds of the windows lie inside the image: no tap has to be asked whether it lies in the padding.
"""

import numpy as np
from numba import prange

from kernels.geometry import Pair
from kernels.jit import jit
from kernels.layout import to_nchw, to_nhwc
from kernels.memory import empty
from kernels.pool2d import numpy_pool2d
from kernels.pool2d.numpy_pool2d import places_error
from kernels.pool2d.windows import adaptive, adaptive_mean, out_size
from kernels.prefetch import prefetch
from kernels.resample.numba_resample import resample2d
from kernels.simd import lanes, tile_fill, tile_load_part, tile_store_part, tile_zero
from kernels.simd_choice import tile_choose, tile_store_integers

EXACT = 1 << 24  # whole numbers up to here are exact in float32


def max_pool2d(x: np.ndarray, rows: np.ndarray, columns: np.ndarray, dilation: Pair) -> tuple[np.ndarray, np.ndarray]:
    """See `kernels.pool2d`."""
    (N, C, H, W), (OH, OW) = x.shape, out_size((rows, columns))
    if (rows[1] - rows[0]).max() * W > EXACT:
        return numpy_pool2d.max_pool2d(x, rows, columns, dilation)
    y, indices = empty((N, OH, OW, C), x.dtype), empty((N, OH, OW, C), np.int64)
    _max_pool(N * OH, _flat(x), y.reshape(-1), indices.reshape(-1), (H, W, C, OH, OW), rows, columns, dilation)
    return to_nchw(y), to_nchw(indices)


def max_pool2d_backward(gy: np.ndarray, indices: np.ndarray, input_size: Pair, windows: object = None) -> np.ndarray:
    """See `kernels.pool2d`."""
    (N, C, OH, OW), (H, W) = gy.shape, input_size
    gx = empty((N, H, W, C), gy.dtype)
    wrong = np.zeros(N, np.bool_)
    _scatter(N, _flat(gy), _flat(indices), gx.reshape(-1), (H * W, C, OH * OW), wrong)
    if wrong.any():
        raise places_error(indices, input_size)
    return to_nchw(gx)


def max_pool2d_gather(x: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """See `kernels.pool2d`."""
    (N, C, H, W), (OH, OW) = x.shape, indices.shape[2:]
    y = empty((N, OH, OW, C), x.dtype)
    wrong = np.zeros(N, np.bool_)
    _gather(N, _flat(x), _flat(indices), y.reshape(-1), (H * W, C, OH * OW), wrong)
    if wrong.any():
        raise places_error(indices, (H, W))
    return to_nchw(y)


def avg_pool2d(x: np.ndarray, rows: np.ndarray, columns: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """See `kernels.pool2d`."""
    (N, C, H, W), (OH, OW) = x.shape, scale.shape
    y = empty((N, OH, OW, C), x.dtype)
    _avg_pool(N * OH, _flat(x), y.reshape(-1), (H, W, C, OH, OW), scale, rows, columns)
    return to_nchw(y)


def global_avg_pool2d(x: np.ndarray) -> np.ndarray:
    """One window as large as the image."""
    H, W = x.shape[2:]
    return avg_pool2d(x, adaptive(H, 1), adaptive(W, 1), np.full((1, 1), 1 / (H * W), x.dtype))


def global_avg_pool2d_backward(gy: np.ndarray, input_size: Pair) -> np.ndarray:
    """Every pixel is seen by one window."""
    rows, columns = (adaptive_mean(size, 1).adjoint for size in input_size)
    return resample2d(gy, rows, columns)


def _flat(x: np.ndarray) -> np.ndarray:
    return to_nhwc(x).reshape(-1)


@jit(parallel=True)
def _max_pool(outputs, x, y, indices, sizes, rows, columns, dilation):
    for r in prange(outputs):
        _max_pool_row(np.intp(r), x, y, indices, sizes, rows, columns, dilation)


@jit
def _max_pool_row(r, x, y, indices, sizes, rows, columns, dilation):
    """One row of output pixels: the running maximum over the taps, and how many pixels behind the first of them it was found."""
    H, W, C, OH, OW = sizes
    n, oh = divmod(r, OH)
    top, bottom = rows[0, oh], rows[1, oh]
    for ow in range(OW):
        left, right = columns[0, ow], columns[1, ow]
        _prefetch_next(x, n * H, W, C, oh, ow, rows, columns)
        first = top * W + left
        for c in range(0, C, lanes(x)):
            if top < bottom and left < right:
                best = tile_load_part(x, (n * H * W + first) * C + c, 0, 1, C - c, 1, 1)
            else:
                best, first = tile_fill(x.dtype.type(-np.inf), 1, 1), -1
            found = tile_zero(x, 1, 1)
            for h in range(top, bottom, dilation[0]):
                for w in range(left, right, dilation[1]):
                    tap = tile_load_part(x, ((n * H + h) * W + w) * C + c, 0, 1, C - c, 1, 1)
                    found = tile_choose(tap, best, tile_fill(x.dtype.type(h * W + w - first), 1, 1), found)
                    best = tile_choose(tap, best, tap, best)
            tile_store_part(best, y, (r * OW + ow) * C + c, 0, 1, C - c)
            tile_store_integers(found, first, indices, (r * OW + ow) * C + c, C - c)


@jit
def _prefetch_next(x, image, W, C, oh, ow, rows, columns):
    """Begin to load what the next row of windows will see, and this one does not: as many columns of it as from this window to the next."""
    start, count = columns[0, ow] * C, (columns[0, ow + 1] - columns[0, ow]) * C
    for h in range(rows[1, oh], rows[1, oh + 1]):
        prefetch(x, (image + h) * W * C + start, count)


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
            here = np.uintp(o * C + c)  # unsigned: nothing that counts from the end, which Numba would check for
            place = indices[here]
            if 0 <= place < HW:
                plane[np.uintp(place * C + c)] += gy[here]
            elif place != -1:
                wrong = True
    return wrong


@jit(parallel=True)
def _gather(images, x, indices, y, sizes, wrong):
    for n in prange(images):
        wrong[n] = _gather_image(np.intp(n), x, indices, y, sizes)


@jit
def _gather_image(n, x, indices, y, sizes):
    """y[o] = x[indices[o]] in one image. True if an index is wrong."""
    HW, C, OHW = sizes
    wrong = False
    for o in range(n * OHW, (n + 1) * OHW):
        for c in range(C):
            here = np.uintp(o * C + c)
            place = indices[here]
            value = x.dtype.type(0)
            if 0 <= place < HW:
                value = x[np.uintp((n * HW + place) * C + c)]
            elif place != -1:
                wrong = True
            y[here] = value
    return wrong


@jit(parallel=True)
def _avg_pool(outputs, x, y, sizes, scale, rows, columns):
    for r in prange(outputs):
        _avg_pool_row(np.intp(r), x, y, sizes, scale, rows, columns)


@jit
def _avg_pool_row(r, x, y, sizes, scale, rows, columns):
    """One row of output pixels. The rows of a window are summed by themselves first, so that large windows stay accurate."""
    H, W, C, OH, OW = sizes
    n, oh = divmod(r, OH)
    for ow in range(OW):
        _prefetch_next(x, n * H, W, C, oh, ow, rows, columns)
        for c in range(0, C, lanes(x)):
            total = tile_zero(x, 1, 1)
            for h in range(rows[0, oh], rows[1, oh]):
                part = tile_zero(x, 1, 1)
                for w in range(columns[0, ow], columns[1, ow]):
                    part = part + tile_load_part(x, ((n * H + h) * W + w) * C + c, 0, 1, C - c, 1, 1)
                total = total + part
            tile_store_part(total * tile_fill(scale[oh, ow], 1, 1), y, (r * OW + ow) * C + c, 0, 1, C - c)
