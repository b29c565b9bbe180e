"""Choices between elements: the gradient goes where the value came from."""

from typing import Any

import numpy as np

from minitorch_cv.autograd.function import Function
from minitorch_cv.functional.arguments import checked
from minitorch_cv.functional.operands import as_tensor, floating, operands
from minitorch_cv.tensor import Operand, Tensor, method


class Where(Function):
    broadcasts = True

    @staticmethod
    def forward(ctx: Any, condition: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        ctx.save_inputs(0)
        return np.where(condition, x, y).astype(x.dtype, copy=False)  # of bfloat16 CuPy makes float32

    @staticmethod
    def backward(ctx: Any, gz: Tensor) -> tuple[None, Tensor | None, Tensor | None]:
        (condition,) = ctx.saved_inputs
        zero = gz.dtype.type(0)
        gx = Where.apply(condition, gz, zero) if ctx.needs[1] else None
        gy = Where.apply(condition, zero, gz) if ctx.needs[2] else None
        return None, gx, gy


@checked
def where(condition: Tensor | np.ndarray, input: Operand | None = None, other: Operand | None = None) -> Any:
    """`input` where `condition` (booleans) holds, elsewhere `other`; all three are broadcast against each other.

    where(condition) alone: the places where it holds, `nonzero(condition, as_tuple=True)`.
    """
    condition = as_tensor("condition", condition, like=next((x for x in (input, other) if isinstance(x, Tensor)), None))
    if input is None and other is None:
        return condition.nonzero(as_tuple=True)
    if condition.dtype.kind != "b":
        raise TypeError(f"condition: got {condition.dtype}, expected booleans")
    return Where.apply(condition, *operands("where", input, other))


@method("where")
def _where(input: Tensor, condition: Tensor, other: Operand) -> Tensor:
    """`input` where `condition` (booleans) holds, elsewhere `other`."""
    return where(condition, input, other)


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
def maximum(input: Operand, other: Operand) -> Tensor:
    """The larger of both; where they are equal, each gets half the gradient. NaN wins."""
    return Choice.apply(*operands("maximum", input, other), ufunc=np.maximum)


@method()
def minimum(input: Operand, other: Operand) -> Tensor:
    """The smaller of both; where they are equal, each gets half the gradient. NaN wins."""
    return Choice.apply(*operands("minimum", input, other), ufunc=np.minimum)


@method()
@checked
def masked_fill(input: Tensor, mask: Tensor | np.ndarray, value: Operand) -> Tensor:
    """`input` with `value`, a number or a tensor without dimensions, where `mask` (booleans) holds. Both are broadcast."""
    mask = as_tensor("mask", mask, like=input)
    if mask.dtype.kind != "b":
        raise TypeError(f"mask: got {mask.dtype}, expected booleans")
    if np.ndim(value):
        raise ValueError(f"value: got shape {np.shape(value)}, expected a number or a tensor without dimensions")
    return Where.apply(mask, *operands("masked_fill", value, input, ("value", "input")))


class Clamp(Function):
    @staticmethod
    def forward(ctx: Any, x: np.ndarray, *, min: float | None, max: float | None) -> np.ndarray:
        y = np.clip(x, min, max) if x.dtype.kind != "V" else _clipped(x, min, max)
        if ctx.needs[0]:
            ctx.inside = Tensor(y == x)
        return y

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> Tensor:
        return where(ctx.inside, gy, 0)


def _clipped(x: np.ndarray, min: float | None, max: float | None) -> np.ndarray:
    """`np.clip` of bfloat16, which CuPy's makes float32."""
    y = x if min is None else np.maximum(x, x.dtype.type(min))
    return y if max is None else np.minimum(y, x.dtype.type(max))


@method("clamp", "clip")
@checked
def clamp(input: Tensor, min: Operand | None = None, max: Operand | None = None) -> Tensor:
    """`input` with what is below `min` or above `max` replaced by them; where min > max, by max.

    The bounds are numbers, or tensors that are broadcast against `input`. The gradient goes where the value came from: to `input` where
    nothing was replaced, else to the bound.
    """
    if min is None and max is None:
        raise ValueError("min, max: got None for both, expected at least one bound")
    if isinstance(min, (Tensor, np.ndarray)) or isinstance(max, (Tensor, np.ndarray)):
        return _clamp_by_tensors(input, min, max)
    low, high = _bound("min", min), _bound("max", max)
    return Clamp.apply(floating(input) if float in (type(low), type(high)) else input, min=low, max=high)


def _bound(name: str, value: Any) -> int | float | None:
    """A bound as a Python number, which takes the dtype of what it bounds"""
    if not (value is None or isinstance(value, (int, float, np.integer, np.floating))):
        raise TypeError(f"{name}: got {value!r}, expected a number or a Tensor")
    return value.item() if isinstance(value, np.generic) else value


def _clamp_by_tensors(x: Tensor, min: Operand | None, max: Operand | None) -> Tensor:
    """A NaN in `x` stays, and a NaN among the bounds comes out, as in `maximum`."""
    if min is not None:
        x, low = operands("clamp", x, min, ("x", "min"))
        x = where((x >= low) | x.isnan(), x, low)
    if max is not None:
        x, high = operands("clamp", x, max, ("x", "max"))
        x = where((x <= high) | x.isnan(), x, high)
    return x
