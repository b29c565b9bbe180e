"""Passes over images at the speed of memory, with numbers that belong to a channel of a sample: the ground of the normalisations.

All arrays are *sheets* (S, P, C): S samples of P pixels with C channels, C-contiguous; everything per channel is (S, C). Batch
normalisation, where all images share their statistics, has a single sample: the whole batch.

A sample is seen as one long row of numbers in which the channels repeat: element i belongs to channel i % C. Threads work on blocks
of it.

Few channels would make a short inner loop. Therefore a block is not cut into pixels of C numbers but into *wide rows* of about 500, a
multiple of C; what belongs to a channel (its mean, its sums) is repeated to the same width. The inner loop is then long, contiguous,
and the same for 3 and for 2048 channels. Each number of a wide sum has few terms, and the rest is added in float64, so float32 sums
stay accurate.

The blocks depend on the shape alone, and their sums are added in order: the number of threads does not change the result.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numba import prange

from kernels.jit import jit
from kernels.layout import channel_rows, from_channel_rows
from kernels.memory import empty

WIDE = 512  # elements of a wide row, about
BLOCK = 64 * WIDE  # elements of a block, about: 128 KiB of float32


class Partition(NamedTuple):
    """How a sample of `size` elements is cut: into `blocks` of `block` elements each, the last one shorter."""

    size: int
    wide: int
    block: int
    blocks: int
    pixels: np.ndarray  # (blocks, 1) pixels in each block, float64


@lru_cache(maxsize=256)
def partition(P: int, C: int) -> Partition:
    """The blocks for a sample of P pixels: whole wide rows, of whole pixels."""
    size = P * C
    wide = min(max(1, WIDE // C), P) * C
    block = max(1, BLOCK // wide) * wide
    blocks = -(-size // block)
    pixels = np.full((blocks, 1), block // C, np.float64)
    pixels[-1:] = (size - (blocks - 1) * block) // C
    pixels.flags.writeable = False
    return Partition(size, wide, block, blocks, pixels)


def sheets(x: np.ndarray) -> np.ndarray:
    """(N, C) or (N, C, *) with any strides -> C-contiguous (N, P, C), the same memory where it is channels-last. Not for empty arrays."""
    return channel_rows(x).reshape(x.shape[0], -1, x.shape[1])


def from_sheets(sheet: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The inverse of `sheets`: a channels-last view of `shape` (N, C, *)."""
    return from_channel_rows(sheet, shape)


# --- the passes; sheets are not empty


def statistics(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(mean, var), float64: of every channel of every sample, the mean and the biased variance over its pixels."""
    S, P, C = x.shape
    cut = partition(P, C)
    means, squares = np.empty((S, cut.blocks, C)), np.empty((S, cut.blocks, C))
    _statistics(x.reshape(-1), cut.size, cut.block, cut.blocks, cut.wide, means.reshape(-1, C), squares.reshape(-1, C))
    # The squares around the common mean are those around each block's own, plus those of the steps from one to the other (Chan et al.
    # 1979).
    mean = (cut.pixels * means).sum(axis=1) / P
    var = (squares + cut.pixels * np.square(means - mean[:, None])).sum(axis=1) / P
    return mean, var


def scale_and_shift(
    x: np.ndarray, mean: np.ndarray, scale: np.ndarray, bias: np.ndarray, residual: np.ndarray | None = None, relu: bool = False
) -> np.ndarray:
    """(x - mean) * scale + bias + residual, and ReLU of it if asked for; residual is a sheet."""
    cut = partition(*x.shape[1:])
    y, added, floor = empty(x.shape, x.dtype), x if residual is None else residual, x.dtype.type(0 if relu else -np.inf)
    tables = _widen(cut.wide, x.dtype, mean, scale, bias)
    flat_x, flat_added, flat_y = (sheet.reshape(-1) for sheet in (x, added, y))
    _scale_and_shift(flat_x, flat_added, flat_y, cut.size, cut.block, cut.blocks, tables, residual is not None, floor)
    return y


def gradient_sums(
    g: np.ndarray, x: np.ndarray, mean: np.ndarray, y: np.ndarray | None = None, gated: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """(sum g, sum g * (x - mean)) over the pixels, (S, C) float64 each.

    y: the result of a ReLU; where it is given, g counts only at y > 0. gated: where it is given, what counts of g is written there.
    """
    S, P, C = x.shape
    cut = partition(P, C)
    gate, floor = _gate(x, y)
    sums, target = np.empty((2, S, cut.blocks, C)), g if gated is None else gated
    flat_g, flat_x, flat_gate, flat_gated = (sheet.reshape(-1) for sheet in (g, x, gate, target))
    tables, out = _widen(cut.wide, x.dtype, mean), sums.reshape(2, -1, C)
    _gradient_sums(flat_g, flat_x, flat_gate, flat_gated, cut.size, cut.block, cut.blocks, tables, floor, gated is not None, out)
    total, moment = sums.sum(axis=2)
    return total, moment


def input_gradient(
    g: np.ndarray, x: np.ndarray, mean: np.ndarray, factor: np.ndarray, shift: np.ndarray, slope: np.ndarray, y: np.ndarray | None = None
) -> np.ndarray:
    """factor * g - shift - (x - mean) * slope; y as in `gradient_sums`."""
    cut = partition(*x.shape[1:])
    gate, floor = _gate(x, y)
    gx = empty(x.shape, x.dtype)
    tables = _widen(cut.wide, x.dtype, mean, factor, shift, slope)
    flat_g, flat_x, flat_gate, flat_gx = (sheet.reshape(-1) for sheet in (g, x, gate, gx))
    _input_gradient(flat_g, flat_x, flat_gate, flat_gx, cut.size, cut.block, cut.blocks, tables, floor)
    return gx


def _gate(x: np.ndarray, y: np.ndarray | None) -> tuple[np.ndarray, np.floating]:
    """(gate, floor): gradients count where gate > floor. Without ReLU, x takes the place of y, and -inf that of 0: all count."""
    return (x, x.dtype.type(-np.inf)) if y is None else (y, x.dtype.type(0))


def _widen(wide: int, dtype: np.dtype, *per_channel: np.ndarray) -> np.ndarray:
    """Tables (S, arrays, wide) of `dtype`: every array (S, C) repeated until it is `wide` long."""
    S, C = per_channel[0].shape
    tables = empty((S, len(per_channel), wide // C, C), dtype)
    for i, array in enumerate(per_channel):
        tables[:, i] = array[:, None]
    return tables.reshape(S, len(per_channel), wide)


# --- their compiled cores: `_name` shares out the blocks among the threads, `_name_of_block` does the work


@jit
def _bounds(b, size, block, blocks):
    """The number of the sample that block b belongs to, and where the block begins and ends in the row of all samples."""
    s = b // blocks
    start = s * size + (b - s * blocks) * block
    return s, start, min(start + block, (s + 1) * size)


@jit(parallel=True)
def _statistics(x, size, block, blocks, wide, means, squares):
    for b in prange(len(means)):
        _statistics_of_block(np.intp(b), x, size, block, blocks, wide, means, squares)


@jit
def _statistics_of_block(b, x, size, block, blocks, wide, means, squares):
    """means[b] (C,) and squares[b] (C,): of every channel the mean over block b, and the sum of squared distances from it.

    With distances d from any centre k, the squares around the mean are sum d^2 - (sum d)^2 / n, which cancels if k is far from the
    mean. Here k is the mean of the first wide row. The n' values in there have squares of at least n' (k - mean)^2 around the block's
    mean, while n (k - mean)^2 is subtracted: at most n / n' = BLOCK / WIDE of the result, six bits at the very worst.
    """
    _, start, stop = _bounds(b, size, block, blocks)
    x, mean, square = x[start:stop], means[b], squares[b]
    C = mean.size
    n, total, total_squares, centre = x.size // C, np.empty(wide, x.dtype), np.empty(wide, x.dtype), np.empty(wide, x.dtype)
    first = x[:wide]
    _fold(first, mean)
    for i in range(0, wide, C):
        for c in range(C):
            centre[i + c] = mean[c] * C / first.size
    for j in range(wide):
        total[j] = 0
        total_squares[j] = 0
    for i in range(0, x.size, wide):
        row = x[i : i + wide]
        for j in range(row.size):
            distance = row[j] - centre[j]
            total[j] += distance
            total_squares[j] += distance * distance
    _fold(total, mean)
    _fold(total_squares, square)
    for c in range(C):
        square[c] = max(square[c] - mean[c] * mean[c] / n, 0.0)  # rounding may leave less than nothing
        mean[c] = centre[c] + mean[c] / n


@jit
def _fold(wide_sums, sums):
    """sums[c] (float64): what the wide row of sums holds for channel c."""
    C = sums.size
    for c in range(C):
        sums[c] = 0
    for i in range(0, wide_sums.size, C):
        part = wide_sums[i : i + C]
        for c in range(C):
            sums[c] += part[c]


@jit(parallel=True)
def _scale_and_shift(x, residual, y, size, block, blocks, tables, has_residual, floor):
    for b in prange(len(tables) * blocks):
        _scale_and_shift_block(np.intp(b), x, residual, y, size, block, blocks, tables, has_residual, floor)


@jit
def _scale_and_shift_block(b, x, residual, y, size, block, blocks, tables, has_residual, floor):
    """y = (x - mean) * scale + bias + residual, or `floor` where that is less (minus infinity: no ReLU)."""
    s, start, stop = _bounds(b, size, block, blocks)
    mean, scale, bias = tables[s, 0], tables[s, 1], tables[s, 2]
    wide = mean.size
    for i in range(start, stop, wide):
        n = min(wide, stop - i)
        xs, ys = x[i : i + n], y[i : i + n]
        if has_residual:
            rs = residual[i : i + n]
            for j in range(n):
                value = (xs[j] - mean[j]) * scale[j] + bias[j] + rs[j]
                ys[j] = floor if value <= floor else value  # a NaN is not <= anything: it passes
        else:
            for j in range(n):
                value = (xs[j] - mean[j]) * scale[j] + bias[j]
                ys[j] = floor if value <= floor else value


@jit(parallel=True)
def _gradient_sums(g, x, gate, gated, size, block, blocks, tables, floor, keep, sums):
    for b in prange(len(tables) * blocks):
        _gradient_sums_of_block(np.intp(b), g, x, gate, gated, size, block, blocks, tables, floor, keep, sums)


@jit
def _gradient_sums_of_block(b, g, x, gate, gated, size, block, blocks, tables, floor, keep, sums):
    """sums[:, b] (2, C): sum g and sum g * (x - mean) over block b; g counts where gate > floor, and is written to `gated` if `keep`."""
    s, start, stop = _bounds(b, size, block, blocks)
    mean, zero = tables[s, 0], x.dtype.type(0)  # a plain 0 would make float64 of everything
    wide = mean.size
    total, moment = np.empty(wide, x.dtype), np.empty(wide, x.dtype)
    for j in range(wide):
        total[j] = 0
        moment[j] = 0
    for i in range(start, stop, wide):
        n = min(wide, stop - i)
        gs, xs, gates = g[i : i + n], x[i : i + n], gate[i : i + n]
        for j in range(n):
            value = zero if gates[j] <= floor else gs[j]
            total[j] += value
            moment[j] += value * (xs[j] - mean[j])
        if keep:
            kept = gated[i : i + n]
            for j in range(n):
                kept[j] = zero if gates[j] <= floor else gs[j]
    _fold(total, sums[0, b])
    _fold(moment, sums[1, b])


@jit(parallel=True)
def _input_gradient(g, x, gate, gx, size, block, blocks, tables, floor):
    for b in prange(len(tables) * blocks):
        _input_gradient_of_block(np.intp(b), g, x, gate, gx, size, block, blocks, tables, floor)


@jit
def _input_gradient_of_block(b, g, x, gate, gx, size, block, blocks, tables, floor):
    """gx = factor * g - shift - (x - mean) * slope, where g counts only if gate > floor."""
    s, start, stop = _bounds(b, size, block, blocks)
    mean, factor, shift, slope = tables[s, 0], tables[s, 1], tables[s, 2], tables[s, 3]
    zero = x.dtype.type(0)
    wide = mean.size
    for i in range(start, stop, wide):
        n = min(wide, stop - i)
        gs, xs, gates, gxs = g[i : i + n], x[i : i + n], gate[i : i + n], gx[i : i + n]
        for j in range(n):
            value = zero if gates[j] <= floor else gs[j]
            gxs[j] = factor[j] * value - shift[j] - (xs[j] - mean[j]) * slope[j]
