"""How many operations a call of a function takes.

A multiply-add is one multiplication whose result is added up; papers count those of convolutions and linear layers, and so do `macs`.
FLOPs are all floating-point operations, of every function. The conventions, per element of the result where nothing else is said:

    function                                FLOPs
    convolution, linear layer               2 for each multiply-add, and 1 for a bias
    matrix product                          2 for each multiply-add
    batch norm (running statistics)         2 (scale and shift, computed ahead), and 1 each for a fused residual and a fused ReLU
    layer, group norm                       7 for each element of the input: mean 1, deviation 1, variance 2, division 1, scale and shift 2
    global response norm                    6 for each element of the input: norm 2, weighing 1, scale, shift and shortcut 3
    local response norm                     its size + 5: squares, sums over neighbours, scale, offset, power, division
    max, average pooling                    as many as its window has pixels: comparisons, or additions and a division
    adaptive, global pooling                likewise
    sum, largest, smallest                  1 for each element of the input
    softmax                                 5: largest, difference, exponential, sum, division
    bilinear and other resampling           2 for each tap along the height, and along the width; 0 where pixels are copied
    +, -, *, /, ReLU, tanh, exp, ...        1, however long a processor takes for it
    moves: reshape, concatenate, pad, ...   0
"""

from collections.abc import Callable
from math import prod
from typing import NamedTuple

from kernels.geometry import pair
from minitorch_cv.autograd import Function
from minitorch_cv.functional.activation import ReLU, Smooth, Straight
from minitorch_cv.functional.choose import Choice, Clamp, Where
from minitorch_cv.functional.conv import Conv2d, Conv2dInput
from minitorch_cv.functional.cumulate import CumSum
from minitorch_cv.functional.gates import PReLU
from minitorch_cv.functional.linear import Linear
from minitorch_cv.functional.math import Add, Div, Mul, Neg, Power, PowerOfTensors, Sub
from minitorch_cv.functional.matmul import MatMul
from minitorch_cv.functional.norm import BatchNormEval
from minitorch_cv.functional.normalisation import Normalisation
from minitorch_cv.functional.pool import AdaptiveAvgPool2d, AvgPool2d, MaxPool2d
from minitorch_cv.functional.reduce import Extreme, Sum
from minitorch_cv.functional.resample import Resample2d
from minitorch_cv.functional.response_norm import GlobalResponseNorm, LocalResponseNorm
from minitorch_cv.functional.softmax import LogSoftmax, Softmax
from minitorch_cv.functional.unary import Abs, Unary
from minitorch_cv.study.receptive_field import shape_of
from minitorch_cv.study.window import NOTHING, adaptive

Shape = tuple[int, ...]


class Count(NamedTuple):
    """Multiply-adds of convolutions and linear layers, and all floating-point operations."""

    macs: int = 0
    flops: int = 0

    def __add__(self, other: "Count") -> "Count":  # type: ignore[override]
        return Count(self.macs + other.macs, self.flops + other.flops)


def count(node: Function) -> Count:
    """The operations of one call, read off the shapes of its inputs (None for one that was left out) and of its result."""
    shapes = [shape_of(edge) for edge in node.edges]
    out = node.outputs[0][0]
    if type(node) in WEIGHTED:
        macs = WEIGHTED[type(node)](shapes, out)
        return Count(macs, 2 * macs + (prod(out) if len(shapes) > 2 and shapes[2] is not None else 0))
    formula = next((FLOPS[base] for base in type(node).__mro__ if base in FLOPS), None)
    return Count(0, int(formula(node, shapes, out)) if formula else 0)


# (shapes of image, weight and bias, shape of the result) -> multiply-adds
WEIGHTED: dict[type[Function], Callable[[list, Shape], int]] = {
    Conv2d: lambda shapes, out: prod(out) * prod(shapes[1][1:]),
    Conv2dInput: lambda shapes, out: prod(shapes[0]) * prod(shapes[1][1:]),  # every pixel of the input goes to a whole window
    Linear: lambda shapes, out: prod(out) * shapes[1][1],
}


def _batch_norm(node: Function, shapes: list, out: Shape) -> int:
    return prod(out) * (2 + (shapes[3] is not None) + bool(node.options["relu"]))


def _pooling(node: Function, shapes: list, out: Shape) -> int:
    if "output_size" in node.options:
        windows = [adaptive(length, size).taps for length, size in zip(out[2:], shapes[0][2:], strict=True)]
        return prod(out[:2]) * prod(int((taps != NOTHING).sum()) for taps in windows)
    return prod(out) * prod(pair(node.options["kernel_size"], "kernel_size", 1))


def _resampling(node: Function, shapes: list, out: Shape) -> int:
    N, C, H = shapes[0][:3]
    rows, columns = node.options["rows"], node.options["columns"]
    taps = [0 if len(table.index) == table.out_size else len(table.index) for table in (rows, columns)]
    return 2 * N * C * (taps[0] * out[3] + H * taps[1])  # along the width first, then along the height


def _per_result(number: int) -> Callable[[Function, list, Shape], int]:
    return lambda node, shapes, out: number * prod(out)


def _per_input(number: int) -> Callable[[Function, list, Shape], int]:
    return lambda node, shapes, out: number * prod(shapes[0])


# (node, shapes of the inputs, shape of the result) -> FLOPs; the first that a function's class is, or inherits from
FLOPS: dict[type[Function], Callable[[Function, list, Shape], int]] = {
    MatMul: lambda node, shapes, out: 2 * prod(out) * (shapes[0][-1] if shapes[0] else shapes[1][-2]),
    BatchNormEval: _batch_norm,
    GlobalResponseNorm: _per_input(6),
    Normalisation: _per_input(7),
    LocalResponseNorm: lambda node, shapes, out: prod(out) * (node.options["size"] + 5),
    MaxPool2d: _pooling,
    AvgPool2d: _pooling,
    AdaptiveAvgPool2d: _pooling,
    Resample2d: _resampling,
    Sum: _per_input(1),
    Extreme: _per_input(1),
    CumSum: _per_result(1),
    Softmax: _per_result(5),
    LogSoftmax: _per_result(5),
    **dict.fromkeys(
        (Add, Sub, Mul, Div, Neg, Power, PowerOfTensors, Abs, Unary, Clamp, Choice, Where, ReLU, Smooth, Straight, PReLU), _per_result(1)
    ),
}
