"""Direct depthwise convolution: vectors of channels, tap by tap.

As in `kernels/conv2d/numba_conv2d.py` the work is cut into bands that fit into the cache, and a plan tells which
input pixels an output pixel sees, so that one kernel is the convolution and its transpose. But no channel meets
another: a tile of R pixels by some channels is multiplied, element by element, with the weights of those channels.
"""

import numba
import numpy as np

from kernels.conv2d.bands import MOST_PARTS, UNITS, copy_rows, cut_into_bands, round_up
from kernels.conv2d.plan import Plan, forward_plan, transposed_plan
from kernels.geometry import Pair
from kernels.jit import jit
from kernels.layout import to_nchw, to_nhwc
from kernels.memory import empty, zeros
from kernels.simd import REGISTERS, VECTOR_BYTES, lanes, tile_fma, tile_load, tile_store, tile_store_part, tile_zero

R = REGISTERS // 4  # pixels in a tile of one register of channels


def conv2d(
    x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> np.ndarray:
    """y; see `kernels.depthwise`."""
    return _launch(x, weight, bias, forward_plan(x.shape[2:], weight.shape[2:], stride, padding, dilation))


def conv2d_input(
    gy: np.ndarray, weight: np.ndarray, input_size: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> np.ndarray:
    """gx; see `kernels.depthwise`."""
    return _launch(gy, weight, None, transposed_plan(input_size, weight.shape[2:], stride, padding, dilation))


def conv2d_weight(
    x: np.ndarray, gy: np.ndarray, kernel_size: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> np.ndarray:
    """gw (C, 1, KH, KW); see `kernels.depthwise`."""
    plan = forward_plan(x.shape[2:], kernel_size, stride, padding, dilation)
    (N, C), taps = x.shape[:2], len(plan.taps)
    CP, columns = round_up(C, VECTOR_BYTES // x.itemsize), round_up(plan.columns, R)
    band, scratch_rows, width = cut_into_bands(plan, columns, CP * x.itemsize, plan.rows)
    parts = max(1, min(N, MOST_PARTS))
    partial = zeros((parts, taps, R, CP), x.dtype)
    workers = min(numba.get_num_threads(), parts)
    pixels, gradients = empty((workers, scratch_rows * width * CP), x.dtype), empty((workers, band * columns * CP), x.dtype)
    _weight_gradient(
        to_nhwc(x), to_nhwc(gy), partial, pixels, gradients, plan.taps, plan.in_stride, plan.low, (band, scratch_rows, width, columns)
    )
    gw = partial[..., :C].sum(axis=(0, 2), dtype=np.float64)  # (taps, C)
    return gw.T.astype(x.dtype).reshape(C, 1, *kernel_size)


def _launch(x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None, plan: Plan) -> np.ndarray:
    """Run `plan` over x with the weights laid out as (taps, channels)."""
    N, C = x.shape[:2]
    CP = round_up(C, VECTOR_BYTES // x.itemsize)
    weights = np.zeros((weight.shape[2] * weight.shape[3], CP), x.dtype)
    weights[:, :C] = weight.reshape(C, -1).T
    biases = np.zeros(CP, x.dtype)
    if bias is not None:
        biases[:C] = bias

    band, scratch_rows, width = cut_into_bands(plan, round_up(plan.columns, R), CP * x.itemsize, -(-N * plan.rows // UNITS))
    bands = -(-plan.rows // band)
    scratch = empty((max(1, min(numba.get_num_threads(), N * bands)), scratch_rows * width * CP), x.dtype)
    y = empty((N, *plan.out_size, C), x.dtype)
    _convolve(
        to_nhwc(x), weights, biases, y, scratch, plan.phases, plan.taps, plan.in_stride, plan.out_stride, plan.low,
        (band, bands, scratch_rows, width),
    )  # fmt: skip
    return to_nchw(y)


@jit
def _phase_of_band(scratch, weights, bias, y, taps, phase, n, q0, q1, in_stride, out_stride, low, width):
    _, OH, OW, C = y.shape
    CP, W = len(bias), lanes(bias)
    factors, out = weights.reshape(-1), y.reshape(-1)
    first, end, origin_y, origin_x, rows, columns = phase[0], phase[1], phase[4], phase[5], phase[6], phase[7]
    for q in range(q0, min(q1, rows)):
        for r in range(0, columns, R):
            place = ((n * OH + q * out_stride[0] + origin_y) * OW + r * out_stride[1] + origin_x) * C
            for c in range(0, CP, W):
                tile = tile_load(bias, c, 0, R, 1)
                for t in range(first, end):
                    a = (((q - q0) * in_stride[0] + taps[t, 0] - low[0]) * width + r * in_stride[1] + taps[t, 1] - low[1]) * CP + c
                    tile = tile_fma(tile, tile_load(scratch, a, in_stride[1] * CP, R, 1), tile_load(factors, taps[t, 2] * CP + c, 0, R, 1))
                if r + R <= columns and c + W <= C:
                    tile_store(tile, out, place + c, out_stride[1] * C)
                else:
                    tile_store_part(tile, out, place + c, out_stride[1] * C, columns - r, C - c)


@jit
def _units_of_worker(worker, x, weights, bias, y, scratch, phases, taps, in_stride, out_stride, low, sizes):
    band, bands, scratch_rows, width = sizes
    for unit in range(worker, x.shape[0] * bands, scratch.shape[0]):
        n, q0 = unit // bands, unit % bands * band
        top = q0 * in_stride[0] + low[0]
        copy_rows(x, n, top, scratch_rows, low[1], width, np.intp(0), x.shape[3], scratch[worker], len(bias))
        for p in range(len(phases)):
            _phase_of_band(scratch[worker], weights, bias, y, taps, phases[p], n, q0, q0 + band, in_stride, out_stride, low, width)


@jit(parallel=True)
def _convolve(x, weights, bias, y, scratch, phases, taps, in_stride, out_stride, low, sizes):
    for worker in numba.prange(scratch.shape[0]):
        _units_of_worker(np.intp(worker), x, weights, bias, y, scratch, phases, taps, in_stride, out_stride, low, sizes)


@jit
def _taps_of_band(pixels, gradients, partial, taps, rows, in_stride, low, width, columns):
    CP = partial.shape[2]
    total = partial.reshape(-1)
    for c in range(0, CP, lanes(total)):
        for t in range(len(taps)):
            tile = tile_zero(total, R, 1)
            for q in range(rows):
                a = ((q * in_stride[0] + taps[t, 0] - low[0]) * width + taps[t, 1] - low[1]) * CP + c
                b = q * columns * CP + c
                for r in range(0, columns, R):
                    seen = tile_load(pixels, a + r * in_stride[1] * CP, in_stride[1] * CP, R, 1)
                    tile = tile_fma(tile, seen, tile_load(gradients, b + r * CP, CP, R, 1))
            place = t * R * CP + c
            tile_store(tile_load(total, place, CP, R, 1) + tile, total, place, CP)


@jit
def _parts_of_worker(worker, x, gy, partial, pixels, gradients, taps, in_stride, low, sizes):
    band, scratch_rows, width, columns = sizes
    N, rows, _, C = gy.shape
    parts, CP, zero = partial.shape[0], partial.shape[3], np.intp(0)
    for part in range(worker, parts, pixels.shape[0]):
        for n in range(part * N // parts, (part + 1) * N // parts):
            for q0 in range(0, rows, band):
                count = min(band, rows - q0)
                top = q0 * in_stride[0] + low[0]
                copy_rows(x, n, top, scratch_rows, low[1], width, zero, C, pixels[worker], CP)
                copy_rows(gy, n, q0, count, zero, columns, zero, C, gradients[worker], CP)
                _taps_of_band(pixels[worker], gradients[worker], partial[part], taps, count, in_stride, low, width, columns)


@jit(parallel=True)
def _weight_gradient(x, gy, partial, pixels, gradients, taps, in_stride, low, sizes):
    for worker in numba.prange(pixels.shape[0]):
        _parts_of_worker(np.intp(worker), x, gy, partial, pixels, gradients, taps, in_stride, low, sizes)
