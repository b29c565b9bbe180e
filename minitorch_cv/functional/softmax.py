"""Softmax and its logarithm along a dimension. Their gradients are written in terms of the result, and the input is not kept."""

import math
from typing import Any

import numpy as np

import kernels
from minitorch_cv.autograd import Function, vjp
from minitorch_cv.autograd.autocast import autocasts
from minitorch_cv.functional.arguments import checked
from minitorch_cv.functional.checks import check_floating
from minitorch_cv.functional.shape import as_dim
from minitorch_cv.tensor import Tensor, method


class Softmax(Function):
    """x (M, C) -> y, row by row."""

    @staticmethod
    def forward(ctx: Any, x: np.ndarray) -> np.ndarray:
        ctx.save_outputs(0)
        return kernels.softmax(x)

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> tuple[Tensor]:
        return (SoftmaxGradient.apply(gy, ctx.saved_outputs[0]),)


class SoftmaxGradient(Function):
    """(gy, y) -> gx = y * (gy - sum_c gy * y)."""

    @staticmethod
    def forward(ctx: Any, gy: np.ndarray, y: np.ndarray) -> np.ndarray:
        ctx.save_inputs(0, 1)
        return kernels.softmax_backward(gy, y)

    @staticmethod
    def backward(ctx: Any, ggx: Tensor) -> tuple[Tensor | None, ...]:
        return vjp(lambda gy, y: y * (gy - (gy * y).sum(1, keepdim=True)), ctx.saved_inputs, (ggx,))


class LogSoftmax(Function):
    """x (M, C) -> y, row by row."""

    @staticmethod
    def forward(ctx: Any, x: np.ndarray) -> np.ndarray:
        ctx.save_outputs(0)
        return kernels.log_softmax(x)

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> tuple[Tensor]:
        return (LogSoftmaxGradient.apply(gy, ctx.saved_outputs[0]),)


class LogSoftmaxGradient(Function):
    """(gy, y) -> gx = gy - exp(y) * sum_c gy."""

    @staticmethod
    def forward(ctx: Any, gy: np.ndarray, y: np.ndarray) -> np.ndarray:
        ctx.save_inputs(0, 1)
        return kernels.log_softmax_backward(gy, y)

    @staticmethod
    def backward(ctx: Any, ggx: Tensor) -> tuple[Tensor | None, ...]:
        return vjp(lambda gy, y: gy - y.exp() * gy.sum(1, keepdim=True), ctx.saved_inputs, (ggx,))


@method()
@autocasts
@checked
def softmax(input: Tensor, dim: int, *, temperature: float = 1.0) -> Tensor:
    """exp(x / temperature) divided by its sum along `dim`: numbers between 0 and 1 that sum to 1.

    temperature: above 1 brings the results closer together, below 1 further apart. (Hinton et al. 2015, "Distilling the knowledge in a
    neural network".)
    """
    return _along(Softmax, input, dim, _positive(temperature))


@method()
@autocasts
@checked
def log_softmax(input: Tensor, dim: int, *, temperature: float = 1.0) -> Tensor:
    """The logarithm of `softmax`, exact also where the softmax itself would underflow."""
    return _along(LogSoftmax, input, dim, _positive(temperature))


@autocasts
@checked
def softmin(input: Tensor, dim: int) -> Tensor:
    """The softmax of -x: the smaller, the more."""
    return _along(Softmax, input, dim, -1.0)


def _along(function: type[Function], input: Tensor, dim: int, temperature: float) -> Tensor:
    """`function`, which works on the rows of a matrix, of input / temperature along dimension `dim`.

    The channels of images that are channels-last in memory are such rows as they stand: nothing is copied.
    """
    check_floating("input", input)
    dim = as_dim(dim, max(1, input.ndim))
    if input.ndim == 0:
        return function.apply(input.reshape(1, 1)).reshape(())
    if temperature != 1:
        input = input / temperature
    order = [axis for axis in range(input.ndim) if axis != dim] + [dim]
    moved = input.permute(*order)
    rows = function.apply(moved.reshape(math.prod(moved.shape[:-1]), moved.shape[-1]))
    return rows.reshape(moved.shape).permute(*np.argsort(order).tolist())


def _positive(temperature: float) -> float:
    if not temperature > 0:
        raise ValueError(f"temperature: got {temperature}, expected a positive number")
    return temperature
