"""Arithmetic and other functions, element by element: each Function (what it computes, and its derivative) beside its lowercase function.

Two operands are broadcast against each other as in NumPy. Gradients are returned in the broadcast shape; the walk sums them back
(`broadcasts`).
"""

from typing import Any

import numpy as np

import kernels
from minitorch_cv.autograd.function import Function
from minitorch_cv.functional.operands import as_tensor, floating, operands
from minitorch_cv.tensor import Operand, Tensor, method

QUIET = np.errstate(all="ignore")  # infinity and NaN are results like others: no warnings


class Add(Function):
    broadcasts = True

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return kernels.add(x, y) if x.shape == y.shape else np.add(x, y)

    @staticmethod
    def backward(ctx: Any, gz: Tensor) -> tuple[Tensor, Tensor]:
        return gz, gz


@method("add", "__add__", "__radd__")
def add(x: Operand, y: Operand) -> Tensor:
    """x + y"""
    return Add.apply(*operands("add", x, y))


class Sub(Function):
    broadcasts = True

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.subtract(x, y)

    @staticmethod
    def backward(ctx: Any, gz: Tensor) -> tuple[Tensor, Tensor | None]:
        return gz, -gz if ctx.needs[1] else None


@method("sub", "__sub__", reflected="__rsub__")
def sub(x: Operand, y: Operand) -> Tensor:
    """x - y"""
    return Sub.apply(*operands("sub", x, y))


class Mul(Function):
    broadcasts = True

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        ctx.save_inputs(0 if ctx.needs[1] else None, 1 if ctx.needs[0] else None)
        return np.multiply(x, y)

    @staticmethod
    def backward(ctx: Any, gz: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, y = ctx.saved_inputs
        return gz * y if ctx.needs[0] else None, gz * x if ctx.needs[1] else None


@method("mul", "__mul__", "__rmul__")
def mul(x: Operand, y: Operand) -> Tensor:
    """x * y"""
    return Mul.apply(*operands("mul", x, y))


class Div(Function):
    broadcasts = True

    @staticmethod
    @QUIET
    def forward(ctx: Any, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        ctx.save_inputs(1)
        if ctx.needs[1]:
            ctx.save_outputs(0)
        return np.divide(x, y)

    @staticmethod
    def backward(ctx: Any, gz: Tensor) -> tuple[Tensor, Tensor | None]:
        (y,) = ctx.saved_inputs
        gx = gz / y
        return gx, -gx * ctx.saved_outputs[0] if ctx.needs[1] else None  # d(x/y)/dy = -(x/y) / y


@method("div", "__truediv__", reflected="__rtruediv__")
def div(x: Operand, y: Operand) -> Tensor:
    """x / y; integers are divided as float32."""
    x, y = operands("div", x, y)
    return Div.apply(floating(x), floating(y))


class Neg(Function):
    @staticmethod
    def forward(ctx: Any, x: np.ndarray) -> np.ndarray:
        return np.negative(x)

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> Tensor:
        return -gy


@method("neg", "__neg__")
def neg(x: Tensor) -> Tensor:
    """-x"""
    return Neg.apply(x)


class Power(Function):
    """x ** n, with a number n"""

    @staticmethod
    @QUIET
    def forward(ctx: Any, x: np.ndarray, *, exponent: float) -> np.ndarray:
        ctx.save_inputs(0)
        return x**exponent

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
        return np.power(x, y)

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
def pow(x: Operand, exponent: Operand) -> Tensor:
    """x ** exponent"""
    if isinstance(x, Tensor) and isinstance(exponent, (int, float, np.integer, np.floating)):
        if x.dtype.kind != "f" and (isinstance(exponent, (float, np.floating)) or x.dtype.kind == "b"):
            x = floating(x)
        return Power.apply(x, exponent=exponent if isinstance(exponent, int) else float(exponent))
    return PowerOfTensors.apply(*operands("pow", x, exponent))


class Exp(Function):
    @staticmethod
    @QUIET
    def forward(ctx: Any, x: np.ndarray) -> np.ndarray:
        ctx.save_outputs(0)
        return np.exp(x)

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> Tensor:
        return gy * ctx.saved_outputs[0]


@method()
def exp(x: Tensor) -> Tensor:
    """e to the power of x"""
    return Exp.apply(floating(x))


class Log(Function):
    @staticmethod
    @QUIET
    def forward(ctx: Any, x: np.ndarray) -> np.ndarray:
        ctx.save_inputs(0)
        return np.log(x)

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> Tensor:
        return gy / ctx.saved_inputs[0]


@method()
def log(x: Tensor) -> Tensor:
    """The natural logarithm: -infinity at 0, NaN below."""
    return Log.apply(floating(x))


class Sqrt(Function):
    @staticmethod
    @QUIET
    def forward(ctx: Any, x: np.ndarray) -> np.ndarray:
        ctx.save_outputs(0)
        return np.sqrt(x)

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> Tensor:
        return gy / (ctx.saved_outputs[0] * 2)


@method()
def sqrt(x: Tensor) -> Tensor:
    """The square root; its gradient at 0 is infinite."""
    return Sqrt.apply(floating(x))


@method()
def square(x: Tensor) -> Tensor:
    """x * x; of booleans, as int64"""
    return Power.apply(x if x.dtype.kind != "b" else x.long(), exponent=2)


class Sin(Function):
    @staticmethod
    def forward(ctx: Any, x: np.ndarray) -> np.ndarray:
        ctx.save_inputs(0)
        return np.sin(x)

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> Tensor:
        return gy * cos(ctx.saved_inputs[0])


@method()
def sin(x: Tensor) -> Tensor:
    """The sine of x in radians"""
    return Sin.apply(floating(x))


class Cos(Function):
    @staticmethod
    def forward(ctx: Any, x: np.ndarray) -> np.ndarray:
        ctx.save_inputs(0)
        return np.cos(x)

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> Tensor:
        return -gy * sin(ctx.saved_inputs[0])


@method()
def cos(x: Tensor) -> Tensor:
    """The cosine of x in radians"""
    return Cos.apply(floating(x))


class Sigmoid(Function):
    @staticmethod
    def forward(ctx: Any, x: np.ndarray) -> np.ndarray:
        ctx.save_outputs(0)
        e = np.exp(-np.abs(x))  # at most 1: never overflows
        return np.where(x >= 0, 1, e) / (1 + e)

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> Tensor:
        (y,) = ctx.saved_outputs
        return gy * y * (1 - y)


@method()
def sigmoid(x: Tensor) -> Tensor:
    """1 / (1 + exp(-x))"""
    return Sigmoid.apply(floating(x))


class Abs(Function):
    @staticmethod
    def forward(ctx: Any, x: np.ndarray) -> np.ndarray:
        ctx.save_inputs(0)
        return np.abs(x)

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> Tensor:
        return gy * np.sign(ctx.saved_inputs[0].data)


@method("abs", "__abs__")
def abs(x: Tensor) -> Tensor:
    """The absolute value; its gradient at 0 is 0."""
    return Abs.apply(x)


# --- choices: the gradient goes where the value came from


class Where(Function):
    broadcasts = True

    @staticmethod
    def forward(ctx: Any, condition: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        ctx.save_inputs(0)
        return np.where(condition, x, y)

    @staticmethod
    def backward(ctx: Any, gz: Tensor) -> tuple[None, Tensor | None, Tensor | None]:
        (condition,) = ctx.saved_inputs
        zero = gz.dtype.type(0)
        gx = Where.apply(condition, gz, zero) if ctx.needs[1] else None
        gy = Where.apply(condition, zero, gz) if ctx.needs[2] else None
        return None, gx, gy


def where(condition: Tensor | np.ndarray, x: Operand, y: Operand) -> Tensor:
    """`x` where `condition` (booleans) holds, elsewhere `y`; all three are broadcast against each other."""
    condition = as_tensor("condition", condition)
    if condition.dtype.kind != "b":
        raise TypeError(f"condition: got {condition.dtype}, expected booleans")
    return Where.apply(condition, *operands("where", x, y))


@method("where")
def _where(x: Tensor, condition: Tensor, other: Operand) -> Tensor:
    """`x` where `condition` (booleans) holds, elsewhere `other`."""
    return where(condition, x, other)


class Choice(Function):
    """The larger (ufunc np.maximum) or the smaller (np.minimum) of both; where they are equal, each gets half the gradient."""

    broadcasts = True

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, y: np.ndarray, *, ufunc: np.ufunc) -> np.ndarray:
        z = ufunc(x, y)
        if True in ctx.needs:
            tie, neither = x == y, np.isnan(z)
            ctx.shares = [((z == operand) | neither) - z.dtype.type(0.5) * tie for operand in (x, y)]
        return z

    @staticmethod
    def backward(ctx: Any, gz: Tensor) -> tuple[Tensor | None, ...]:
        return tuple([gz * share if needed else None for share, needed in zip(ctx.shares, ctx.needs, strict=True)])


@method()
def maximum(x: Operand, y: Operand) -> Tensor:
    """The larger of both; where they are equal, each gets half the gradient. NaN wins."""
    return Choice.apply(*operands("maximum", x, y), ufunc=np.maximum)


@method()
def minimum(x: Operand, y: Operand) -> Tensor:
    """The smaller of both; where they are equal, each gets half the gradient. NaN wins."""
    return Choice.apply(*operands("minimum", x, y), ufunc=np.minimum)


class Clamp(Function):
    @staticmethod
    def forward(ctx: Any, x: np.ndarray, *, min: float | None, max: float | None) -> np.ndarray:
        if ctx.needs[0]:
            ctx.inside = np.clip(x, min, max) == x
        return np.clip(x, min, max)

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> Tensor:
        return where(ctx.inside, gy, 0)


@method("clamp", "clip")
def clamp(x: Tensor, min: float | None = None, max: float | None = None) -> Tensor:
    """`x` with what is below `min` or above `max` (numbers) replaced by them; the gradient passes where nothing was replaced."""
    if min is None and max is None:
        raise ValueError("min, max: got None for both, expected at least one number")
    return Clamp.apply(x, min=min, max=max)
