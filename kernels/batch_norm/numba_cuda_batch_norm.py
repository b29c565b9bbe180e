"""Batch normalisation on a GPU, in Python: the six kernels of batch_norm.cu, one number at a time.

x is a matrix (M, C), channels last. A block of ACROSS x DOWN threads works on ACROSS neighbouring channels, and on a strip of rows: thread
(tx, ty) takes channel tx of the rows ty, ty + DOWN, ... of the strip, so that a warp always reads neighbours. What batch_norm.cu does more
is to read several neighbours in one load, to choose the shape of its blocks by C, and to add up the strips with many threads.
"""

import math
from typing import Any

import numpy as np
from numba import cuda

from kernels.gpu import blocks_for, empty, wide_dtype
from kernels.gpu.numba_kernels import cuda_kernel
from kernels.layout import channel_rows, contiguous, from_channel_rows

ACROSS, DOWN = 32, 8
STRIP, MOST_STRIPS = 256, 1024  # rows of a strip at least; strips


def batch_norm_train(x: Any, weight: Any, bias: Any, eps: float, residual: Any, relu: bool) -> tuple[Any, Any, Any]:
    """See `kernels.batch_norm`."""
    rows = _rows(x)
    (M, C), kind, (blocks, strip) = rows.shape, rows.dtype, _grid(rows)
    partial, mean, var = empty((2, blocks[0], C), np.float64), empty((C,), kind), empty((C,), kind)
    partial_statistics.launch(blocks, (ACROSS, DOWN), rows, partial, strip)
    statistics.launch(blocks_for(C, ACROSS), ACROSS, partial, mean, var, M, strip)
    return batch_norm_eval(x, mean, var, weight, bias, eps, residual, relu), mean, var


def batch_norm_eval(x: Any, mean: Any, var: Any, weight: Any, bias: Any, eps: float, residual: Any, relu: bool) -> Any:
    """See `kernels.batch_norm`."""
    rows, added = _rows(x), _rows(residual)
    y, (blocks, strip) = empty(rows.shape, rows.dtype), _grid(rows)
    numbers = [_given(array) for array in (mean, var, weight, bias)]
    normalise.launch(blocks, (ACROSS, DOWN), rows, *numbers, added, y, rows.dtype.type(eps), relu, strip)
    return from_channel_rows(y.astype(x.dtype, copy=False), x.shape)


def batch_norm_backward(
    gy: Any, x: Any, mean: Any, var: Any, weight: Any, eps: float, y: Any, need_residual: bool
) -> tuple[Any, Any, Any, Any]:  # fmt: skip
    """See `kernels.batch_norm`."""
    g, rows, gate, mean, var, weight = _rows(gy), _rows(x), _rows(y), _given(mean), _given(var), _given(weight)
    C, kind, (blocks, strip) = rows.shape[1], rows.dtype, _grid(rows)
    partial, gbias, gweight = empty((2, blocks[0], C), np.float64), empty((C,), kind), empty((C,), kind)
    gx, gresidual = empty(rows.shape, kind), empty(rows.shape, kind) if need_residual else None
    eps = kind.type(eps)
    partial_gradients.launch(blocks, (ACROSS, DOWN), g, rows, gate, mean, var, partial, eps, strip)
    weight_gradients.launch(blocks_for(C, ACROSS), ACROSS, partial, gbias, gweight)
    input_gradient.launch(blocks, (ACROSS, DOWN), g, rows, gate, mean, var, weight, gbias, gweight, gx, gresidual, eps, strip)
    gx, gresidual = (None if a is None else from_channel_rows(a.astype(x.dtype, copy=False), x.shape) for a in (gx, gresidual))
    return gx, gweight, gbias, gresidual


def _rows(images: Any) -> Any:
    """(M, C), in float32 at least; None stays None."""
    return None if images is None else channel_rows(images.astype(wide_dtype(images.dtype), copy=False))


def _given(array: Any) -> Any:
    return None if array is None else contiguous(array)


def _grid(rows: Any) -> tuple[tuple[int, int], int]:
    """((strips, blocks side by side), rows of a strip)."""
    M, C = rows.shape
    strip = max(STRIP, -(-M // MOST_STRIPS))
    return (max(1, -(-M // strip)), -(-C // ACROSS)), strip


# --- training


@cuda_kernel
def partial_statistics(x, partial, strip):
    """partial (2, strips, C): the mean of every strip and channel, and the sum of the squared distances from it (M2).

    The strip's first row is subtracted first: it is near the mean, so that squares stay small and nothing cancels.
    """
    sums = cuda.shared.array((DOWN, ACROSS), x.dtype)
    squares = cuda.shared.array((DOWN, ACROSS), x.dtype)
    tx, ty = cuda.threadIdx.x, cuda.threadIdx.y
    M, C = x.shape
    c = cuda.blockIdx.y * ACROSS + tx
    first = cuda.blockIdx.x * strip
    end = min(first + strip, M)

    shift, total, square = x.dtype.type(0), x.dtype.type(0), x.dtype.type(0)
    if c < C and first < end:
        shift = x[first, c] if math.isfinite(x[first, c]) else x.dtype.type(0)
        for m in range(first + ty, end, DOWN):
            distance = x[m, c] - shift
            total += distance
            square += distance * distance
    sums[ty, tx] = total
    squares[ty, tx] = square
    cuda.syncthreads()  # until all have written their sums

    if ty == 0 and c < C:
        for other in range(1, DOWN):
            total += sums[other, tx]
            square += squares[other, tx]
        mean = total / max(end - first, 1)
        partial[0, cuda.blockIdx.x, c] = shift + mean
        partial[1, cuda.blockIdx.x, c] = square - mean * total


@cuda_kernel
def statistics(partial, mean, var, M, strip):
    """mean, var (C,), from the strips': one thread for each channel. (Chan, Golub and LeVeque 1979.)"""
    c = cuda.grid(1)
    if c < mean.size:
        total = 0.0
        for part in range(partial.shape[1]):
            total += partial[0, part, c] * min(strip, M - part * strip)
        centre = total / M if M > 0 else math.nan
        squares = 0.0
        for part in range(partial.shape[1]):
            step = partial[0, part, c] - centre
            squares += partial[1, part, c] + step * step * min(strip, M - part * strip)
        mean[c] = centre
        var[c] = squares / M if M > 0 else math.nan


@cuda_kernel
def normalise(x, mean, var, weight, bias, residual, y, eps, relu, strip):
    """y = relu((x - mean) / sqrt(var + eps) * weight + bias + residual), where weight, bias and residual may be None."""
    M, C = x.shape
    c = cuda.blockIdx.y * ACROSS + cuda.threadIdx.x
    first = cuda.blockIdx.x * strip
    if c < C:
        scale = x.dtype.type(1) / math.sqrt(var[c] + eps)
        if weight is not None:
            scale *= weight[c]
        for m in range(first + cuda.threadIdx.y, min(first + strip, M), DOWN):
            value = (x[m, c] - mean[c]) * scale
            if bias is not None:
                value += bias[c]
            if residual is not None:
                value += residual[m, c]
            if relu and value <= 0:  # which NaN is not
                value = x.dtype.type(0)
            y[m, c] = value


# --- the gradient


@cuda_kernel
def partial_gradients(gy, x, y, mean, var, partial, eps, strip):
    """partial (2, strips, C): sum g and sum g * xhat of every strip, where g is gy, but 0 where there was a ReLU (y) and it was shut."""
    sums = cuda.shared.array((DOWN, ACROSS), x.dtype)
    moments = cuda.shared.array((DOWN, ACROSS), x.dtype)
    tx, ty = cuda.threadIdx.x, cuda.threadIdx.y
    M, C = x.shape
    c = cuda.blockIdx.y * ACROSS + tx
    first = cuda.blockIdx.x * strip

    total, moment = x.dtype.type(0), x.dtype.type(0)
    if c < C:
        scale = x.dtype.type(1) / math.sqrt(var[c] + eps)
        for m in range(first + ty, min(first + strip, M), DOWN):
            g = gy[m, c]
            if y is not None and y[m, c] <= 0:
                g = x.dtype.type(0)
            total += g
            moment += g * (x[m, c] - mean[c]) * scale
    sums[ty, tx] = total
    moments[ty, tx] = moment
    cuda.syncthreads()

    if ty == 0 and c < C:
        for other in range(1, DOWN):
            total += sums[other, tx]
            moment += moments[other, tx]
        partial[0, cuda.blockIdx.x, c] = total
        partial[1, cuda.blockIdx.x, c] = moment


@cuda_kernel
def weight_gradients(partial, gbias, gweight):
    """gbias, gweight (C,): the strips' sums added up, one thread for each channel."""
    c = cuda.grid(1)
    if c < gbias.size:
        total, moment = 0.0, 0.0
        for part in range(partial.shape[1]):
            total += partial[0, part, c]
            moment += partial[1, part, c]
        gbias[c] = total
        gweight[c] = moment


@cuda_kernel
def input_gradient(gy, x, y, mean, var, weight, gbias, gweight, gx, gresidual, eps, strip):
    """gx = weight / sqrt(var + eps) * (g - gbias / M - xhat * gweight / M); gresidual = g, if it is not None."""
    M, C = x.shape
    c = cuda.blockIdx.y * ACROSS + cuda.threadIdx.x
    first = cuda.blockIdx.x * strip
    if c < C:
        scale = x.dtype.type(1) / math.sqrt(var[c] + eps)
        count = x.dtype.type(M)
        shift, slope = gbias[c] / count, gweight[c] / count * scale
        factor = scale
        if weight is not None:
            factor *= weight[c]
        for m in range(first + cuda.threadIdx.y, min(first + strip, M), DOWN):
            g = gy[m, c]
            if y is not None and y[m, c] <= 0:
                g = x.dtype.type(0)
            gx[m, c] = factor * (g - shift - (x[m, c] - mean[c]) * slope)
            if gresidual is not None:
                gresidual[m, c] = g
