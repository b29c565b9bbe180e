"""Batch normalisation at the speed of memory.

All arrays are seen as one long row of numbers in which the channels repeat: element i belongs to channel i % C. Threads work on blocks
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

from kernels.batch_norm.numpy_batch_norm import scale_of
from kernels.jit import jit
from kernels.layout import channel_rows, from_channel_rows
from kernels.memory import empty

WIDE = 512  # elements of a wide row, about
BLOCK = 64 * WIDE  # elements of a block, about: 128 KiB of float32


class Partition(NamedTuple):
    """How `size` elements with C channels are cut: into `blocks` of `block` elements each, the last one shorter."""

    wide: int
    block: int
    blocks: int
    rows: np.ndarray  # (blocks, 1) pixels in each block, float64


@lru_cache(maxsize=256)
def partition(size: int, C: int) -> Partition:
    """The blocks for `size` elements: whole wide rows, of whole pixels."""
    wide = max(1, WIDE // C) * C
    block = max(1, BLOCK // wide) * wide
    blocks = -(-size // block)
    rows = np.full((blocks, 1), block // C, np.float64)
    rows[-1:] = (size - (blocks - 1) * block) // C
    rows.flags.writeable = False
    return Partition(wide, block, blocks, rows)


def batch_norm_train(
    x: np.ndarray, weight: np.ndarray | None, bias: np.ndarray | None, eps: float, residual: np.ndarray | None, relu: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """See `kernels.batch_norm`."""
    rows = channel_rows(x)  # (M, C)
    M, C = rows.shape
    if rows.size == 0:
        nothing = np.full(C, np.nan, x.dtype)
        return from_channel_rows(empty(rows.shape, x.dtype), x.shape), nothing, nothing.copy()
    cut = partition(rows.size, C)
    means, squares = np.empty((cut.blocks, C)), np.empty((cut.blocks, C))
    _statistics(cut.blocks, rows.reshape(-1), cut.block, cut.wide, means, squares)
    # The squares around the common mean are those around each block's own, plus those of the steps from one to the other (Chan et al.
    # 1979).
    mean = (cut.rows * means).sum(axis=0) / M
    var = (squares + cut.rows * np.square(means - mean)).sum(axis=0) / M
    mean, var = mean.astype(x.dtype), var.astype(x.dtype)
    return batch_norm_eval(x, mean, var, weight, bias, eps, residual, relu), mean, var


def batch_norm_eval(
    x: np.ndarray, mean: np.ndarray, var: np.ndarray, weight: np.ndarray | None, bias: np.ndarray | None,
    eps: float, residual: np.ndarray | None, relu: bool,
) -> np.ndarray:  # fmt: skip
    """See `kernels.batch_norm`."""
    rows = channel_rows(x)
    y = empty(rows.shape, x.dtype)
    if rows.size:
        C = rows.shape[1]
        cut = partition(rows.size, C)
        table = widen(cut.wide, mean, scale_of(var, weight, eps), np.zeros(C, x.dtype) if bias is None else bias)
        added = rows if residual is None else channel_rows(residual)
        floor = x.dtype.type(0 if relu else -np.inf)
        _normalise(cut.blocks, rows.reshape(-1), added.reshape(-1), y.reshape(-1), cut.block, table, residual is not None, floor)
    return from_channel_rows(y, x.shape)


def batch_norm_backward(
    gy: np.ndarray, x: np.ndarray, mean: np.ndarray, var: np.ndarray, weight: np.ndarray | None, eps: float,
    y: np.ndarray | None, need_residual: bool,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray | None]:  # fmt: skip
    """See `kernels.batch_norm`."""
    g, rows = channel_rows(gy), channel_rows(x)
    M, C = rows.shape
    gx = empty(rows.shape, x.dtype)
    if rows.size == 0:
        zeros = np.zeros(C, x.dtype)
        return from_channel_rows(gx, x.shape), zeros, zeros.copy(), gy if need_residual else None
    cut = partition(rows.size, C)
    # Behind a ReLU only gradients with y > 0 count. Without one, x takes the place of y, and 0 that of minus infinity: all count.
    gate, floor = (rows, x.dtype.type(-np.inf)) if y is None else (channel_rows(y), x.dtype.type(0))
    keep = y is not None and need_residual  # the gradient behind the ReLU is a result: it is written down, and used in the second pass
    gated = empty(rows.shape, x.dtype) if keep else g
    flat_g, flat_x, flat_gate, flat_gated = (array.reshape(-1) for array in (g, rows, gate, gated))
    sums = np.empty((2, cut.blocks, C))
    _sums(cut.blocks, flat_g, flat_x, flat_gate, flat_gated, cut.block, widen(cut.wide, mean), floor, keep, sums)
    if keep:
        flat_g, flat_gate, floor = flat_gated, flat_x, x.dtype.type(-np.inf)
    gbias, gscale = sums.sum(axis=1)  # sum g, and sum g * (x - mean)
    rstd = 1 / np.sqrt(var.astype(np.float64) + eps)
    factor = rstd if weight is None else rstd * weight
    # gx = factor * (g - gbias / M - (x - mean) * rstd^2 * gscale / M)
    table = widen(cut.wide, mean, factor, factor * gbias / M, factor * rstd**2 * gscale / M)
    _input_gradient(cut.blocks, flat_g, flat_x, flat_gate, gx.reshape(-1), cut.block, table, floor)
    gresidual = from_channel_rows(gated, x.shape) if need_residual else None
    return from_channel_rows(gx, x.shape), (gscale * rstd).astype(x.dtype), gbias.astype(x.dtype), gresidual


def widen(wide: int, first: np.ndarray, *per_channel: np.ndarray) -> np.ndarray:
    """A table (arrays, wide) of the dtype of `first`: every array (C,) repeated until it is `wide` long."""
    table = np.empty((1 + len(per_channel), wide // len(first), len(first)), first.dtype)
    for line, array in zip(table, (first, *per_channel), strict=True):
        line[...] = array
    return table.reshape(len(table), wide)


@jit(parallel=True)
def _statistics(blocks, x, block, wide, means, squares):
    for b in prange(blocks):
        _statistics_of_block(np.intp(b), x, block, wide, means, squares)


@jit
def _statistics_of_block(b, x, block, wide, means, squares):
    """means[b] (C,) and squares[b] (C,): of every channel the mean over block b, and the sum of squared distances from it.

    With distances d from any centre k, the squares around the mean are sum d^2 - (sum d)^2 / n, which cancels if k is far from the
    mean. Here k is the mean of the first wide row. The n' values in there have squares of at least n' (k - mean)^2 around the block's
    mean, while n (k - mean)^2 is subtracted: at most n / n' = BLOCK / WIDE of the result, six bits at the very worst.
    """
    x, mean, square = x[b * block : (b + 1) * block], means[b], squares[b]
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
def _normalise(blocks, x, residual, y, block, table, has_residual, floor):
    for b in prange(blocks):
        _normalise_block(np.intp(b), x, residual, y, block, table, has_residual, floor)


@jit
def _normalise_block(b, x, residual, y, block, table, has_residual, floor):
    """y = (x - mean) * scale + bias + residual, or `floor` where that is less (minus infinity: no ReLU)."""
    mean, scale, bias = table[0], table[1], table[2]
    wide = mean.size
    for i in range(b * block, min((b + 1) * block, x.size), wide):
        xs, ys = x[i : i + wide], y[i : i + wide]
        if has_residual:
            rs = residual[i : i + wide]
            for j in range(xs.size):
                value = (xs[j] - mean[j]) * scale[j] + bias[j] + rs[j]
                ys[j] = floor if value <= floor else value  # a NaN is not <= anything: it passes
        else:
            for j in range(xs.size):
                value = (xs[j] - mean[j]) * scale[j] + bias[j]
                ys[j] = floor if value <= floor else value


@jit(parallel=True)
def _sums(blocks, g, x, gate, gated, block, table, floor, keep, sums):
    for b in prange(blocks):
        _sums_of_block(np.intp(b), g, x, gate, gated, block, table, floor, keep, sums)


@jit
def _sums_of_block(b, g, x, gate, gated, block, table, floor, keep, sums):
    """sums[:, b] (2, C): sum g and sum g * (x - mean) over block b; g counts where gate > floor, and is written to `gated` if `keep`."""
    mean, zero = table[0], x.dtype.type(0)  # a plain 0 would make float64 of everything
    wide = mean.size
    total, moment = np.empty(wide, x.dtype), np.empty(wide, x.dtype)
    for j in range(wide):
        total[j] = 0
        moment[j] = 0
    for i in range(b * block, min((b + 1) * block, x.size), wide):
        gs, xs, gates = g[i : i + wide], x[i : i + wide], gate[i : i + wide]
        for j in range(xs.size):
            value = zero if gates[j] <= floor else gs[j]
            total[j] += value
            moment[j] += value * (xs[j] - mean[j])
        if keep:
            kept = gated[i : i + wide]
            for j in range(xs.size):
                kept[j] = zero if gates[j] <= floor else gs[j]
    _fold(total, sums[0, b])
    _fold(moment, sums[1, b])


@jit(parallel=True)
def _input_gradient(blocks, g, x, gate, gx, block, table, floor):
    for b in prange(blocks):
        _input_gradient_of_block(np.intp(b), g, x, gate, gx, block, table, floor)


@jit
def _input_gradient_of_block(b, g, x, gate, gx, block, table, floor):
    """gx = factor * g - shift - (x - mean) * slope, where g counts only if gate > floor."""
    mean, factor, shift, slope = table[0], table[1], table[2], table[3]
    zero = x.dtype.type(0)
    wide = mean.size
    for i in range(b * block, min((b + 1) * block, x.size), wide):
        gs, xs, gates, gxs = g[i : i + wide], x[i : i + wide], gate[i : i + wide], gx[i : i + wide]
        for j in range(xs.size):
            value = zero if gates[j] <= floor else gs[j]
            gxs[j] = factor[j] * value - shift[j] - (xs[j] - mean[j]) * slope[j]
