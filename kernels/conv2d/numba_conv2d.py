"""Direct convolution on register tiles: no im2col, every input pixel is read into the cache once.

The work is cut into units: a band of rows of one image and one group of channels. For each unit, one thread

  1. copies the rows of the input that the band sees, with the padding around them, into a scratch buffer that fits into its cache;
  2. for each block of output channels and each row of R pixels sums all taps and input channels in a register tile
     (`kernels/simd.py`), and stores it.

Offsets and strides come from a plan (`kernels/conv2d/plan.py`), so one kernel, `_convolve`, is the convolution as
well as its transpose. The gradient with respect to the weights has the same form with the roles changed: the tile
holds R input values of a run by some output channels, and the sum runs over the pixels.
"""

from collections.abc import Callable
from functools import cache

import numba
import numpy as np

from kernels.conv2d.bands import MOST_PARTS, SCRATCH_BYTES, UNITS, copy_rows, cut_into_bands, round_up
from kernels.conv2d.plan import Plan, forward_plan, transposed_plan
from kernels.geometry import Pair
from kernels.jit import jit
from kernels.layout import contiguous, to_nchw, to_nhwc
from kernels.memory import empty, zeros
from kernels.simd import REGISTERS, VECTOR_BYTES, lanes, tile_load, tile_outer, tile_store, tile_store_part, tile_zero

PARTIAL_BYTES = 1 << 24  # of partial sums of one weight gradient


def conv2d(
    x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> np.ndarray:
    """y; see `kernels.conv2d`."""
    plan = forward_plan(x.shape[2:], weight.shape[2:], stride, padding, dilation)
    return _launch(x, weight, bias, plan, groups, transposed=False)


def conv2d_input(
    gy: np.ndarray, weight: np.ndarray, input_size: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> np.ndarray:
    """gx; see `kernels.conv2d`."""
    plan = transposed_plan(input_size, weight.shape[2:], stride, padding, dilation)
    return _launch(gy, weight, None, plan, groups, transposed=True)


def conv2d_weight(
    x: np.ndarray, gy: np.ndarray, kernel_size: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> np.ndarray:
    """gw; see `kernels.conv2d`."""
    plan = forward_plan(x.shape[2:], kernel_size, stride, padding, dilation)
    (N, C), OC = x.shape[:2], gy.shape[1]
    CG, OCG = C // groups, OC // groups
    length = int(plan.runs[:, 3].max()) * CG  # of a run, in elements: all runs of a forward plan are alike
    R, K = _tile_shape(OCG, x.dtype)
    R = min(R, 8) if length <= 24 else R  # a short run would leave most of a tall tile empty
    rows, OCP = round_up(length, R), round_up(OCG, K * VECTOR_BYTES // x.itemsize)
    parts = max(1, min(N, MOST_PARTS, PARTIAL_BYTES // (groups * len(plan.runs) * rows * OCP * x.itemsize)))
    partial = zeros((parts, groups, len(plan.runs), rows, OCP), x.dtype)

    band, scratch_rows, width = cut_into_bands(plan, plan.columns, CG * x.itemsize, plan.rows)
    image_bytes = (scratch_rows * width * CG + band * plan.columns * OCP) * x.itemsize
    images = max(1, min(-(-N // parts), 2 * SCRATCH_BYTES // image_bytes)) if band == plan.rows else 1
    workers = max(1, min(numba.get_num_threads(), parts * groups))
    # The last tile of a run hangs over its end: R more elements to read, whose products are not used.
    pixels = empty((workers, images, scratch_rows * width * CG + R), x.dtype)
    gradients = empty((workers, images, band * plan.columns * OCP), x.dtype)
    _weight_kernel(R, K)(
        to_nhwc(x), to_nhwc(gy), partial, pixels, gradients, plan.runs, plan.in_stride, plan.low, (band, scratch_rows, width)
    )
    gw = empty((groups, OCG, CG, len(plan.taps)), x.dtype)
    _sum_parts(partial, gw, len(plan.taps) // len(plan.runs))
    return gw.reshape(OC, CG, *kernel_size)


def _launch(x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None, plan: Plan, groups: int, transposed: bool) -> np.ndarray:
    """Run `plan` over x: pack the weights, make room for the result and for one scratch buffer a thread."""
    N, C = x.shape[:2]
    OC = weight.shape[1] * groups if transposed else weight.shape[0]
    OCG = OC // groups
    R, K = _tile_shape(OCG, x.dtype)
    OCP = round_up(OCG, K * VECTOR_BYTES // x.itemsize)
    packed = zeros((groups, len(plan.taps), weight.shape[0] // groups if transposed else weight.shape[1], OCP), x.dtype)
    _pack(contiguous(weight), plan.taps, groups, transposed, packed)
    biases = np.zeros((groups, OCP), x.dtype)
    if bias is not None:
        biases[:, :OCG] = bias.reshape(groups, OCG)

    # A run of R pixels may hang over the end of a row: the scratch buffer is wide enough for it to read zeros there.
    most = -(-N * groups * plan.rows // UNITS)
    band, scratch_rows, width = cut_into_bands(plan, round_up(plan.columns, R), C // groups * x.itemsize, most)
    bands = -(-plan.rows // band)
    workers = max(1, min(numba.get_num_threads(), N * groups * bands))
    scratch = empty((workers, scratch_rows * width * (C // groups)), x.dtype)
    y = empty((N, *plan.out_size, OC), x.dtype)
    _convolve_kernel(R, K)(
        to_nhwc(x), packed, biases, y, scratch, plan.phases, plan.runs, plan.in_stride, plan.out_stride, plan.low,
        (band, bands, scratch_rows, width),
    )  # fmt: skip
    return to_nchw(y)


def _tile_shape(out_channels: int, dtype: np.dtype) -> tuple[int, int]:
    """(R, K): two registers of output channels where there are that many; a quarter of the registers stays free for the factors."""
    wide = out_channels > VECTOR_BYTES // dtype.itemsize
    return (REGISTERS // 4, 2) if wide else (REGISTERS // 2, 1)


@jit
def _pack(weight, taps, groups, transposed, packed):
    """(OC, C/G, KH, KW) -> (G, taps in the order of the plan, input channels, output channels rounded up).

    With `transposed`, the channels C are the output's.
    """
    OC, CG, _, KW = weight.shape
    OCG = OC // groups
    for g in range(groups):
        for t in range(len(taps)):
            i, j = taps[t, 2] // KW, taps[t, 2] % KW
            for o in range(OCG):
                for c in range(CG):
                    if transposed:
                        packed[g, t, o, c] = weight[g * OCG + o, c, i, j]
                    else:
                        packed[g, t, c, o] = weight[g * OCG + o, c, i, j]


@cache
def _convolve_kernel(R: int, K: int) -> Callable:
    """The compiled convolution for tiles of R pixels by K registers of output channels."""

    @jit
    def phase_of_band(scratch, packed, biases, y, runs, phase, n, g, q0, q1, in_stride, out_stride, low, width, CG):
        _, OH, OW, OC = y.shape
        OCG, OCP = OC // biases.shape[0], biases.shape[1]
        V = K * lanes(scratch)
        weights, bias, out = packed.reshape(-1), biases.reshape(-1), y.reshape(-1)
        first, end, origin_y, origin_x, rows, columns = phase[2], phase[3], phase[4], phase[5], phase[6], phase[7]
        for o in range(0, OCP, V):
            for q in range(q0, min(q1, rows)):
                for r in range(0, columns, R):
                    tile = tile_load(bias, g * OCP + o, 0, R, K)
                    for t in range(first, end):
                        a = (((q - q0) * in_stride[0] + runs[t, 0] - low[0]) * width + r * in_stride[1] + runs[t, 1] - low[1]) * CG
                        b = (g * packed.shape[1] + runs[t, 2]) * CG * OCP + o
                        for c in range(runs[t, 3] * CG):
                            tile = tile_outer(tile, scratch, a + c, in_stride[1] * CG, weights, b + c * OCP)
                    place = ((n * OH + q * out_stride[0] + origin_y) * OW + r * out_stride[1] + origin_x) * OC + g * OCG + o
                    if r + R <= columns and o + V <= OCG:
                        tile_store(tile, out, place, out_stride[1] * OC)
                    else:
                        tile_store_part(tile, out, place, out_stride[1] * OC, columns - r, OCG - o)

    @jit
    def units_of_worker(worker, x, packed, biases, y, scratch, phases, runs, in_stride, out_stride, low, sizes):
        band, bands, scratch_rows, width = sizes
        groups, CG = packed.shape[0], packed.shape[2]
        for unit in range(worker, x.shape[0] * groups * bands, scratch.shape[0]):
            n, g, q0 = unit // (groups * bands), unit // bands % groups, unit % bands * band
            copy_rows(x, n, q0 * in_stride[0] + low[0], scratch_rows, low[1], width, g * CG, CG, scratch[worker], CG)
            for p in range(len(phases)):
                phase_of_band(
                    scratch[worker], packed, biases, y, runs, phases[p], n, g, q0, q0 + band, in_stride, out_stride, low, width, CG
                )

    @jit(parallel=True)
    def convolve(x, packed, biases, y, scratch, phases, runs, in_stride, out_stride, low, sizes):
        for worker in numba.prange(scratch.shape[0]):
            units_of_worker(np.intp(worker), x, packed, biases, y, scratch, phases, runs, in_stride, out_stride, low, sizes)

    return convolve


@cache
def _weight_kernel(R: int, K: int) -> Callable:
    """The compiled weight gradient for tiles of R elements of a run by K registers of output channels."""

    @jit
    def runs_of_band(pixels, gradients, partial, runs, images, rows, columns, in_stride, low, width, CG):
        _, height, OCP = partial.shape
        xs, gs, total = pixels.reshape(-1), gradients.reshape(-1), partial.reshape(-1)
        for o in range(0, OCP, K * lanes(total)):
            for t in range(len(runs)):
                for c in range(0, height, R):
                    tile = tile_zero(total, R, K)
                    for m in range(images):
                        for q in range(rows):
                            a = ((q * in_stride[0] + runs[t, 0] - low[0]) * width + runs[t, 1] - low[1]) * CG + m * pixels.shape[1] + c
                            b = m * gradients.shape[1] + q * columns * OCP + o
                            for r in range(columns):
                                tile = tile_outer(tile, xs, a + r * in_stride[1] * CG, 1, gs, b + r * OCP)
                    place = (t * height + c) * OCP + o
                    tile_store(tile_load(total, place, OCP, R, K) + tile, total, place, OCP)

    @jit
    def parts_of_worker(worker, x, gy, partial, pixels, gradients, runs, in_stride, low, sizes):
        band, scratch_rows, width = sizes
        N, rows, columns, OC = gy.shape
        parts, groups, OCP = partial.shape[0], partial.shape[1], partial.shape[4]
        CG, OCG, most = x.shape[3] // groups, OC // groups, pixels.shape[1]
        xs, gs = pixels[worker], gradients[worker]
        for unit in range(worker, parts * groups, pixels.shape[0]):
            part, g = unit // groups, unit % groups
            end = (part + 1) * N // parts
            for n in range(part * N // parts, end, most):
                images = min(most, end - n)
                for q in range(0, rows, band):
                    count = min(band, rows - q)
                    for m in range(images):
                        copy_rows(x, n + m, q * in_stride[0] + low[0], scratch_rows, low[1], width, g * CG, CG, xs[m], CG)
                        copy_rows(gy, n + m, q, count, np.intp(0), columns, g * OCG, OCG, gs[m], OCP)
                    runs_of_band(xs, gs, partial[part, g], runs, images, count, columns, in_stride, low, width, CG)

    @jit(parallel=True)
    def weight_gradient(x, gy, partial, pixels, gradients, runs, in_stride, low, sizes):
        for worker in numba.prange(pixels.shape[0]):
            parts_of_worker(np.intp(worker), x, gy, partial, pixels, gradients, runs, in_stride, low, sizes)

    return weight_gradient


@jit(parallel=True)
def _sum_parts(partial, gw, count):
    """partial (parts, G, runs, taps of a run * C/G rounded up, OCP) -> gw (G, OC/G, C/G, taps), `count` taps a run.

    The parts are added in their order, and what was rounded up is cut off.
    """
    for index in numba.prange(gw.shape[0] * gw.shape[3]):
        _sum_tap(partial, gw, np.intp(index) // gw.shape[3], np.intp(index) % gw.shape[3], count)


@jit
def _sum_tap(partial, gw, g, tap, count):
    total = np.empty(partial.shape[4], partial.dtype)
    for c in range(gw.shape[2]):
        run, row = tap // count, tap % count * gw.shape[2] + c
        for o in range(len(total)):
            total[o] = partial[0, g, run, row, o]
        for part in range(1, partial.shape[0]):
            for o in range(len(total)):
                total[o] += partial[part, g, run, row, o]
        for o in range(gw.shape[1]):
            gw[g, o, c, tap] = total[o]
