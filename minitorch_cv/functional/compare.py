"""Comparisons and logic: results are booleans (or integers), which have no gradients."""

from collections.abc import Callable
from typing import Any

import numpy as np

from minitorch_cv.functional.operands import operands
from minitorch_cv.tensor import Operand, Tensor, method


def _binary(ufunc: np.ufunc, name: str, operator: str, reflected: str | None = None) -> Callable[[Operand, Operand], Tensor]:
    """The function `name` of two operands, which is also the methods `name` and `operator` of Tensor."""

    def function(x: Operand, y: Operand) -> Tensor:
        x, y = operands(name, x, y)
        return Tensor(ufunc(x.data, y.data))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{ufunc.__name__}(x, y), element by element"
    method(name, operator, *([reflected] if reflected else []))(function)
    return function


lt = _binary(np.less, "lt", "__lt__")
le = _binary(np.less_equal, "le", "__le__")
gt = _binary(np.greater, "gt", "__gt__")
ge = _binary(np.greater_equal, "ge", "__ge__")
logical_and = _binary(np.bitwise_and, "logical_and", "__and__", "__rand__")
logical_or = _binary(np.bitwise_or, "logical_or", "__or__", "__ror__")
logical_xor = _binary(np.bitwise_xor, "logical_xor", "__xor__", "__rxor__")


@method("eq", "__eq__")
def eq(x: Operand, y: Any) -> Tensor:
    """x == y, element by element"""
    if y is None or isinstance(y, str):
        return NotImplemented  # Python then compares identities
    x, y = operands("eq", x, y)
    return Tensor(x.data == y.data)


@method("ne", "__ne__")
def ne(x: Operand, y: Any) -> Tensor:
    """x != y, element by element"""
    if y is None or isinstance(y, str):
        return NotImplemented
    x, y = operands("ne", x, y)
    return Tensor(x.data != y.data)


@method("logical_not", "__invert__")
def logical_not(x: Tensor) -> Tensor:
    """not x, element by element (of integers: all bits)"""
    return Tensor(np.invert(x.data))


@method()
def isnan(x: Tensor) -> Tensor:
    """Which elements are NaN"""
    return Tensor(np.isnan(x.data))


@method()
def isfinite(x: Tensor) -> Tensor:
    """Which elements are neither NaN nor infinite"""
    return Tensor(np.isfinite(x.data))
