"""Activation functions on a GPU: see activation.cu. Arrays are seen as one long row in memory order."""

from typing import Any

import numpy as np

from kernels import gpu
from kernels.activation import SMOOTH, Pieces
from kernels.layout import channel_rows, contiguous, flat, flat_like, from_channel_rows, unflat

SOURCE = gpu.CudaSource("activation.cu")
NUMBERS = {name: number for number, name in enumerate(SMOOTH)}  # as in activation.cu
MOST_PARTS = 512
ROW = 256  # the row length in which what has a single weight is summed up


def relu(x: Any) -> Any:
    """See `kernels.activation`."""
    return _map("relu", [x])


def relu_backward(gy: Any, y: Any) -> Any:
    """See `kernels.activation`."""
    return _map("relu_backward", [gy, y])


def piecewise(v: Any, x: Any, pieces: Pieces) -> Any:
    """constant + slope * v of the piece in which x lies."""
    low, high, *lines = pieces
    return _map("piecewise", [v, x], low, high, *(number for line in lines for number in line))


def smooth(name: str, x: Any, *parameters: float) -> Any:
    """See `kernels.activation`."""
    return _map("smooth", [x], *parameters, function=NUMBERS[name])


def smooth_backward(name: str, gy: Any, kept: Any, *parameters: float) -> Any:
    """See `kernels.activation`."""
    return _map("smooth_backward", [gy, kept], *parameters, function=NUMBERS[name])


def _map(kernel: str, arrays: list[Any], *numbers: float, function: int | None = None) -> Any:
    """What `kernel` computes of arrays of one shape, element by element, in the memory order of the first."""
    if function is not None:
        numbers = (*numbers, 0.0, 0.0, 0.0)[:3]  # every smooth function is given three
    values, order = flat(arrays[0])
    others = [flat_like(array, order) for array in arrays[1:]]
    result = gpu.empty(values.shape, values.dtype)
    told = [*([] if function is None else [function]), *map(float, numbers)]
    SOURCE.launch(kernel, values.dtype, _blocks(values), gpu.THREADS, values, *others, result, values.size, *told)
    return unflat(result, arrays[0].shape, order)


def _blocks(values: Any) -> int:
    """Enough for a thread for each 16 bytes of `values`."""
    return gpu.blocks_for(-(-values.nbytes // 16))


def prelu(x: Any, weight: Any) -> Any:
    """See `kernels.activation`."""
    return _by_channel(x, x, weight)


def prelu_backward(gy: Any, x: Any, weight: Any) -> tuple[Any, Any]:
    """See `kernels.activation`."""
    if weight.size == 1:
        gs, order = flat(gy)
        xs, C = flat_like(x, order), ROW
    else:
        gs, xs, C = channel_rows(gy), channel_rows(x), weight.size
    parts = max(1, min(-(-gs.size // (64 * C)), MOST_PARTS))
    partial, gweight = gpu.empty((parts, C), np.float64), gpu.empty(weight.shape, gpu.wide_dtype(gs.dtype))
    SOURCE.launch("prelu_weight_partial_sums", gs.dtype, (-(-C // 32), parts), (32, 8), gs, xs, partial, gs.size, C)
    partial = partial.reshape(-1, weight.size)
    SOURCE.launch("prelu_weight_sums", gs.dtype, weight.size, gpu.THREADS, partial, gweight, len(partial), weight.size)
    return _by_channel(gy, x, weight), gweight.astype(weight.dtype, copy=False)


def _by_channel(v: Any, x: Any, weight: Any) -> Any:
    """v where x > 0, else v times the weight of its channel."""
    if weight.size == 1:
        values, order = flat(v)
        others = flat_like(x, order)
    else:
        values, others = channel_rows(v), channel_rows(x)
    result = gpu.empty(values.shape, values.dtype)
    weight = contiguous(weight.astype(gpu.wide_dtype(values.dtype), copy=False))
    SOURCE.launch("prelu", values.dtype, _blocks(values), gpu.THREADS, values, others, weight, result, values.size, weight.size)
    return unflat(result, v.shape, order) if weight.size == 1 else from_channel_rows(result, v.shape)
