"""Functions of one operand, element by element: a table of NumPy's functions and their derivatives.

Each entry makes a Function, whose name shows in the graph, and its lowercase function, which is a method of Tensor too.
"""

from collections.abc import Callable
from math import log as log_of_number
from typing import Any

import numpy as np

from kernels.dtypes import is_floating
from minitorch_cv.autograd.autocast import RULES, autocasts
from minitorch_cv.autograd.function import Function
from minitorch_cv.functional.arguments import checked
from minitorch_cv.functional.operands import as_tensor, floating
from minitorch_cv.tensor import Operand, Tensor, method

LN2, LN10 = log_of_number(2), log_of_number(10)


class Unary(Function):
    """y = ufunc(x). The gradient is computed from gy and x, or from gy and y (`from_output`): whichever makes it simpler."""

    ufunc: Callable[[np.ndarray], np.ndarray]
    gradient: Callable[[Tensor, Tensor], Tensor]
    from_output: bool

    @staticmethod
    def forward(ctx: Any, x: np.ndarray) -> np.ndarray:
        (ctx.save_outputs if ctx.from_output else ctx.save_inputs)(0)
        with np.errstate(all="ignore"):  # infinity and NaN are results like others: no warnings
            return ctx.ufunc(x)

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> Tensor:
        (saved,) = ctx.saved_outputs if ctx.from_output else ctx.saved_inputs
        return ctx.gradient(gy, saved)


def _unary(
    ufunc: Callable, name: str, what: str, *, of_x: Callable[[Tensor, Tensor], Tensor] | None = None,
    of_y: Callable[[Tensor, Tensor], Tensor] | None = None,
) -> Callable[[Operand], Tensor]:  # fmt: skip
    """The function `name`, whose gradient is of_x(gy, x) or of_y(gy, y); integers become float32."""
    gradient: Any = of_y if of_x is None else of_x
    body = {"ufunc": staticmethod(ufunc), "gradient": staticmethod(gradient), "from_output": of_x is None, "__doc__": what}
    node: Any = type(name.capitalize(), (Unary,), body)

    def function(input: Operand) -> Tensor:
        return node.apply(floating(as_tensor("input", input, name)))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = what
    return method(name)(autocasts(function) if name in RULES else function)


exp = _unary(np.exp, "exp", "e to the power of x", of_y=lambda gy, y: gy * y)
exp2 = _unary(np.exp2, "exp2", "2 to the power of x", of_y=lambda gy, y: gy * y * LN2)
expm1 = _unary(np.expm1, "expm1", "exp(x) - 1, also for small x correct to the last digits", of_y=lambda gy, y: gy * (y + 1))
log = _unary(np.log, "log", "The natural logarithm: -infinity at 0, NaN below.", of_x=lambda gy, x: gy / x)
log2 = _unary(np.log2, "log2", "The logarithm to base 2: -infinity at 0, NaN below.", of_x=lambda gy, x: gy / (x * LN2))
log10 = _unary(np.log10, "log10", "The logarithm to base 10: -infinity at 0, NaN below.", of_x=lambda gy, x: gy / (x * LN10))
log1p = _unary(np.log1p, "log1p", "log(1 + x), also for small x correct to the last digits", of_x=lambda gy, x: gy / (x + 1))

sqrt = _unary(np.sqrt, "sqrt", "The square root; its gradient at 0 is infinite.", of_y=lambda gy, y: gy / (y * 2))
rsqrt = _unary(lambda x: 1 / np.sqrt(x), "rsqrt", "1 / sqrt(x)", of_y=lambda gy, y: gy * y**3 * -0.5)
reciprocal = _unary(np.reciprocal, "reciprocal", "1 / x", of_y=lambda gy, y: -gy * y * y)

sin = _unary(np.sin, "sin", "The sine of x in radians", of_x=lambda gy, x: gy * x.cos())
cos = _unary(np.cos, "cos", "The cosine of x in radians", of_x=lambda gy, x: -gy * x.sin())
tan = _unary(np.tan, "tan", "The tangent of x in radians", of_y=lambda gy, y: gy * (y * y + 1))
asin = _unary(np.arcsin, "asin", "The angle in radians, from -pi/2 to pi/2, whose sine is x", of_x=lambda gy, x: gy * (1 - x * x).rsqrt())
acos = _unary(np.arccos, "acos", "The angle in radians, from 0 to pi, whose cosine is x", of_x=lambda gy, x: -gy * (1 - x * x).rsqrt())
atan = _unary(np.arctan, "atan", "The angle in radians, from -pi/2 to pi/2, whose tangent is x", of_x=lambda gy, x: gy / (x * x + 1))
sinh = _unary(np.sinh, "sinh", "The hyperbolic sine, (exp(x) - exp(-x)) / 2", of_x=lambda gy, x: gy * x.cosh())
cosh = _unary(np.cosh, "cosh", "The hyperbolic cosine, (exp(x) + exp(-x)) / 2", of_x=lambda gy, x: gy * x.sinh())
asinh = _unary(np.arcsinh, "asinh", "The number whose hyperbolic sine is x", of_x=lambda gy, x: gy * (x * x + 1).rsqrt())
acosh = _unary(np.arccosh, "acosh", "The number, not negative, whose hyperbolic cosine is x", of_x=lambda gy, x: gy * (x * x - 1).rsqrt())
atanh = _unary(np.arctanh, "atanh", "The number whose hyperbolic tangent is x", of_x=lambda gy, x: gy / (1 - x * x))


class Abs(Function):
    @staticmethod
    def forward(ctx: Any, x: np.ndarray) -> np.ndarray:
        ctx.save_inputs(0)
        return np.abs(x)

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> Tensor:
        return gy * np.sign(ctx.saved_inputs[0].data)


@method("abs", "__abs__")
@checked
def abs(input: Tensor) -> Tensor:
    """The absolute value; its gradient at 0 is 0."""
    return Abs.apply(input)


# --- steps: functions that are constant between their jumps


class Step(Function):
    """y = ufunc(x), with the gradient 0 everywhere"""

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, *, ufunc: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        return ufunc(x)

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> Tensor:
        return Tensor(np.zeros_like(gy.data))


def _step(ufunc: np.ufunc, name: str, what: str, *names: str) -> Callable[[Operand], Tensor]:
    """The function `name`, which leaves integers as they are."""

    def function(input: Operand) -> Tensor:
        input = as_tensor("input", input, name)
        return Step.apply(input, ufunc=ufunc) if is_floating(input.dtype) else input.clone()

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{what}; its gradient is 0."
    return method(name, *names)(function)


floor = _step(np.floor, "floor", "The largest integer that is not larger than x", "__floor__")
ceil = _step(np.ceil, "ceil", "The smallest integer that is not smaller than x", "__ceil__")
trunc = _step(np.trunc, "trunc", "x without what stands behind the point", "__trunc__")


@method("round", "__round__")
@checked
def round(input: Tensor, decimals: int = 0) -> Tensor:
    """x rounded to that many decimals (negative: to tens, hundreds, ...), and from halfway to the even side. Its gradient is 0."""
    if decimals > 0:
        return round(input * 10**decimals) / 10**decimals
    if decimals < 0:
        return round(input / 10**-decimals) * 10**-decimals
    return Step.apply(input, ufunc=np.rint) if is_floating(input.dtype) else input.clone()


@method()
@checked
def sign(input: Tensor) -> Tensor:
    """-1, 0 or 1; its gradient is 0."""
    return Step.apply(input, ufunc=np.sign)
