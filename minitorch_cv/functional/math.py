"""Arithmetic, element by element: each Function (what it computes, and its derivative) beside its lowercase function.

Two operands are broadcast against each other as in NumPy. Gradients are returned in the broadcast shape; the walk sums them back
(`broadcasts`).
"""

from typing import Any

import numpy as np

import kernels
from kernels.dtypes import is_floating
from kernels.gpu import is_gpu
from minitorch_cv.autograd.autocast import autocasts
from minitorch_cv.autograd.function import Function
from minitorch_cv.functional.arguments import checked
from minitorch_cv.functional.choose import where
from minitorch_cv.functional.operands import floating, operands
from minitorch_cv.tensor import Operand, Tensor, method

QUIET = np.errstate(all="ignore")  # infinity and NaN are results like others: no warnings


def _elementwise(ufunc: np.ufunc, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """ufunc(x, y), in the memory order of the operand that has the result's shape: NumPy sees to it, CuPy would write in C order.

    (The convolution that follows wants channels-last images, and would have to copy them.)
    """
    like = x if x.size >= y.size else y
    if is_gpu(like) and like.ndim == 4 and not like.flags.c_contiguous and x.dtype == y.dtype and is_floating(x.dtype):
        other = y if like is x else x
        if all(a in (1, b) for a, b in zip(other.shape[::-1], like.shape[::-1], strict=False)):
            return ufunc(x, y, out=np.empty_like(like))
    return ufunc(x, y)


class Add(Function):
    broadcasts = True

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return kernels.add(x, y) if x.shape == y.shape != () else _elementwise(np.add, x, y)

    @staticmethod
    def backward(ctx: Any, gz: Tensor) -> tuple[Tensor, Tensor]:
        return gz, gz


@method("add", "__add__", "__radd__")
def add(input: Operand, other: Operand, *, alpha: float = 1) -> Tensor:
    """x + alpha * y"""
    return Add.apply(*_scaled(*operands("add", input, other), alpha))


class Sub(Function):
    broadcasts = True

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return _elementwise(np.subtract, x, y)

    @staticmethod
    def backward(ctx: Any, gz: Tensor) -> tuple[Tensor, Tensor | None]:
        return gz, -gz if ctx.needs[1] else None


@method("sub", "__sub__", reflected="__rsub__")
def sub(input: Operand, other: Operand, *, alpha: float = 1) -> Tensor:
    """x - alpha * y"""
    return Sub.apply(*_scaled(*operands("sub", input, other), alpha))


def _scaled(x: Tensor, y: Tensor, alpha: float) -> tuple[Tensor, Tensor]:
    """x and alpha * y, in one dtype"""
    if alpha == 1:
        return x, y
    if not isinstance(alpha, (int, float, np.integer, np.floating)):
        raise TypeError(f"alpha: got {alpha!r}, expected a number")
    return operands("alpha", x, y * alpha)


class Mul(Function):
    broadcasts = True

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        ctx.save_inputs(0 if ctx.needs[1] else None, 1 if ctx.needs[0] else None)
        return _elementwise(np.multiply, x, y)

    @staticmethod
    def backward(ctx: Any, gz: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, y = ctx.saved_inputs
        return gz * y if ctx.needs[0] else None, gz * x if ctx.needs[1] else None


@method("mul", "__mul__", "__rmul__")
def mul(input: Operand, other: Operand) -> Tensor:
    """x * y"""
    return Mul.apply(*operands("mul", input, other))


class Div(Function):
    broadcasts = True

    @staticmethod
    @QUIET
    def forward(ctx: Any, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        ctx.save_inputs(1)
        if ctx.needs[1]:
            ctx.save_outputs(0)
        return _elementwise(np.divide, x, y)

    @staticmethod
    def backward(ctx: Any, gz: Tensor) -> tuple[Tensor, Tensor | None]:
        (y,) = ctx.saved_inputs
        gx = gz / y
        return gx, -gx * ctx.saved_outputs[0] if ctx.needs[1] else None  # d(x/y)/dy = -(x/y) / y


class WholeDiv(Function):
    """The whole part of x / y, rounded by `rounding_mode`: constant between jumps"""

    broadcasts = True

    @staticmethod
    @QUIET
    def forward(ctx: Any, x: np.ndarray, y: np.ndarray, *, rounding_mode: str) -> np.ndarray:
        if rounding_mode == "floor":
            return np.floor_divide(x, y)
        return np.trunc(np.divide(x, y)) if is_floating(x.dtype) else np.abs(x) // np.abs(y) * (np.sign(x) * np.sign(y))

    @staticmethod
    def backward(ctx: Any, gz: Tensor) -> tuple[Tensor, Tensor]:
        zero = Tensor(np.zeros_like(gz.data))
        return zero, zero


@method("div", "__truediv__", reflected="__rtruediv__")
def div(input: Operand, other: Operand, *, rounding_mode: str | None = None) -> Tensor:
    """x / y, where integers are divided as float32; or only the whole part.

    rounding_mode: "floor" rounds down, as Python's // does, "trunc" towards zero. Integers then stay integers, and the gradient is 0.
    """
    input, other = operands("div", input, other)
    if rounding_mode is None:
        return Div.apply(floating(input), floating(other))
    if rounding_mode not in ("floor", "trunc"):
        raise ValueError(f"rounding_mode: got {rounding_mode!r}, expected None, 'floor' or 'trunc'")
    _check_divisor("div", input, other)
    return WholeDiv.apply(input, other, rounding_mode=rounding_mode)


@method("floor_divide", "__floordiv__", reflected="__rfloordiv__")
def floor_divide(input: Operand, other: Operand) -> Tensor:
    """x // y: the largest whole number that is not larger than x / y; its gradient is 0."""
    input, other = operands("floor_divide", input, other)
    _check_divisor("floor_divide", input, other)
    return WholeDiv.apply(input, other, rounding_mode="floor")


class Remainder(Function):
    """z = x - floor(x / y) * y"""

    broadcasts = True

    @staticmethod
    @QUIET
    def forward(ctx: Any, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        if ctx.needs[1]:
            ctx.quotient = np.floor_divide(x, y)
        return np.remainder(x, y)

    @staticmethod
    def backward(ctx: Any, gz: Tensor) -> tuple[Tensor, Tensor | None]:
        return gz, -gz * ctx.quotient if ctx.needs[1] else None


@method("remainder", "__mod__", reflected="__rmod__")
def remainder(input: Operand, other: Operand) -> Tensor:
    """x % y, what `floor_divide` leaves over: it has the sign of y."""
    input, other = operands("remainder", input, other)
    _check_divisor("remainder", input, other)
    return Remainder.apply(input, other)


def _check_divisor(name: str, x: Tensor, y: Tensor) -> None:
    """Among floating point numbers x / 0 is infinite or NaN; among integers it is nothing."""
    if not is_floating(x.dtype) and not y.is_meta and not y.data.all():
        raise ZeroDivisionError(f"{name}: got an integer 0 as divisor")


class Neg(Function):
    @staticmethod
    def forward(ctx: Any, x: np.ndarray) -> np.ndarray:
        return np.negative(x)

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> Tensor:
        return -gy


@method("neg", "__neg__")
@checked
def neg(input: Tensor) -> Tensor:
    """-x"""
    return Neg.apply(input)


class Power(Function):
    """x ** n, with a number n"""

    @staticmethod
    @QUIET
    def forward(ctx: Any, x: np.ndarray, *, exponent: float) -> np.ndarray:
        ctx.save_inputs(0)
        y = x**exponent
        return y.astype(x.dtype, copy=False) if is_floating(x.dtype) else y  # of bfloat16 CuPy makes float32

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> Tensor:
        (x,) = ctx.saved_inputs
        n = ctx.options["exponent"]
        if n == 0:
            return gy * 0
        return gy * (x * 2 if n == 2 else x ** (n - 1) * n)


class PowerOfTensors(Function):
    """x ** y, where both are tensors"""

    broadcasts = True

    @staticmethod
    @QUIET
    def forward(ctx: Any, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        ctx.save_inputs(0, 1)
        return np.power(x, y).astype(x.dtype, copy=False)

    @staticmethod
    def backward(ctx: Any, gz: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, y = ctx.saved_inputs
        gx = gy = None
        if ctx.needs[0]:  # y * x ** (y - 1); but 0 where y = 0, also at x = 0
            gx = where(y == 0, 0, gz * y * x ** where(y == 0, 1, y - 1))
        if ctx.needs[1]:  # x ** y * log(x); but 0 where x = 0 (and y is not negative)
            zero = (x == 0) & (y >= 0)
            gy = where(zero, 0, gz * x**y * where(zero, 1, x).log())
        return gx, gy


@method("pow", "__pow__", reflected="__rpow__")
@autocasts
def pow(input: Operand, exponent: Operand) -> Tensor:
    """x ** exponent; booleans count as int64"""
    if isinstance(input, Tensor) and isinstance(exponent, (int, float, np.integer, np.floating)):
        if isinstance(exponent, (float, np.floating)):
            input = floating(input)
        elif input.dtype.kind == "b":
            input = input.long()
        return Power.apply(input, exponent=exponent if isinstance(exponent, int) else float(exponent))
    return PowerOfTensors.apply(*operands("pow", input, exponent, ("input", "exponent")))


@method()
@autocasts
@checked
def square(input: Tensor) -> Tensor:
    """x * x; of booleans, as int64"""
    return Power.apply(input if input.dtype.kind != "b" else input.long(), exponent=2)


@method()
@checked
def lerp(input: Tensor, end: Operand, weight: Operand) -> Tensor:
    """input + weight * (end - input): `input` where the weight is 0, `end` where it is 1. All three are broadcast against each other."""
    input, end = operands("lerp", input, end, ("input", "end"))
    return input + operands("lerp", input, weight, ("input", "weight"))[1] * (end - input)


@method()
@checked
def addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
    """input + value * tensor1 * tensor2"""
    return add(input, tensor1 * tensor2, alpha=value)


@method()
@checked
def addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
    """input + value * tensor1 / tensor2"""
    return add(input, tensor1 / tensor2, alpha=value)
