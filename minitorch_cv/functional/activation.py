"""Activation functions and softmax.

Their gradients are written in terms of the result y, which is kept anyway since the next layer reads it; the input is not kept.
"""

from typing import Any

import numpy as np

import kernels
from minitorch_cv.autograd import Function, vjp
from minitorch_cv.functional.checks import check_floating
from minitorch_cv.tensor import Tensor, method


class ReLU(Function):
    """x -> y."""

    @staticmethod
    def forward(ctx: Any, x: np.ndarray) -> np.ndarray:
        ctx.save_outputs(0)
        return kernels.relu(x)

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> tuple[Tensor]:
        return (relu_mask(gy, ctx.saved_outputs[0]),)


class ReLUMask(Function):
    """(g, y) -> g where y is positive, else 0; linear in g, and constant in y (wherever that has a derivative)."""

    @staticmethod
    def forward(ctx: Any, g: np.ndarray, y: np.ndarray) -> np.ndarray:
        ctx.save_inputs(1)
        return kernels.relu_backward(g, y)

    @staticmethod
    def backward(ctx: Any, gg: Tensor) -> tuple[Tensor | None, None]:
        return relu_mask(gg, ctx.saved_inputs[0]), None


def relu_mask(g: Tensor, y: Tensor) -> Tensor:
    """g where y = relu(x) is positive, else 0: what the gradient of ReLU does to g. A NaN in y lets g through."""
    return ReLUMask.apply(g, y.detach())


class Tanh(Function):
    """x -> y."""

    @staticmethod
    def forward(ctx: Any, x: np.ndarray) -> np.ndarray:
        ctx.save_outputs(0)
        return kernels.tanh(x)

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> tuple[Tensor]:
        return (TanhGradient.apply(gy, ctx.saved_outputs[0]),)


class TanhGradient(Function):
    """(gy, y) -> gx = gy * (1 - y^2)."""

    @staticmethod
    def forward(ctx: Any, gy: np.ndarray, y: np.ndarray) -> np.ndarray:
        ctx.save_inputs(0, 1)
        return kernels.tanh_backward(gy, y)

    @staticmethod
    def backward(ctx: Any, ggx: Tensor) -> tuple[Tensor | None, Tensor | None]:
        gy, y = ctx.saved_inputs
        ggy = TanhGradient.apply(ggx, y) if ctx.needs[0] else None
        return ggy, ggx * gy * y * -2.0 if ctx.needs[1] else None


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
def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(x, 0), element by element; its gradient at 0 is 0. inplace: accepted, but the result is always a new Tensor."""
    check_floating("input", input)
    return ReLU.apply(input)


@method()
def tanh(input: Tensor) -> Tensor:
    """The hyperbolic tangent, element by element."""
    check_floating("input", input)
    return Tanh.apply(input)


@method()
def softmax(input: Tensor, dim: int) -> Tensor:
    """exp(x) divided by its sum along `dim`: numbers between 0 and 1 that sum to 1."""
    return _along(Softmax, input, dim)


@method()
def log_softmax(input: Tensor, dim: int) -> Tensor:
    """The logarithm of `softmax`, exact also where the softmax itself would underflow."""
    return _along(LogSoftmax, input, dim)


def _along(function: type[Function], input: Tensor, dim: int) -> Tensor:
    """`function`, which works on the rows of a matrix, along dimension `dim` of `input`."""
    check_floating("input", input)
    if dim is None or not -max(1, input.ndim) <= dim < max(1, input.ndim):
        raise IndexError(f"dim: got {dim}, expected a dimension of an input of shape {input.shape}")
    if input.ndim == 0:
        return function.apply(input.reshape(1, 1)).reshape(())
    order = [axis for axis in range(input.ndim) if axis != dim % input.ndim] + [dim % input.ndim]
    moved = input.permute(*order)
    rows = function.apply(moved.reshape(-1, moved.shape[-1]))
    return rows.reshape(moved.shape).permute(*np.argsort(order).tolist())
