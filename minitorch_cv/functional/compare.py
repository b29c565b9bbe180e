"""Comparisons and logic: results are booleans (or integers), which have no gradients."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minitorch_cv.device import together
from minitorch_cv.functional.arguments import checked
from minitorch_cv.functional.operands import as_tensor, operands
from minitorch_cv.tensor import Operand, Tensor, method

ORDERINGS = {np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal}


def _binary(ufunc: np.ufunc, name: str, *operators: str) -> Callable[[Operand, Operand], Tensor]:
    """The function `name` of two operands, which is also the methods `name` and `operators` of Tensor."""

    def function(input: Operand, other: Operand) -> Tensor:
        if ufunc in ORDERINGS and isinstance(other, (int, np.integer)) and isinstance(input, Tensor) and input.dtype.kind in "iu":
            return Tensor(ufunc(input.data, int(other)))  # no uint8 is 300: converted to uint8, 300 would be 44
        return Tensor(ufunc(*_arrays(name, *operands(name, input, other))))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{ufunc.__name__}(input, other), element by element"
    return method(name, *operators)(function)


def _arrays(name: str, x: Tensor, y: Tensor) -> Sequence[Any]:
    """Those of both, on one device."""
    arrays = x.data, y.data
    if type(arrays[0]) is np.ndarray and type(arrays[1]) is np.ndarray:
        return arrays
    return together(name, arrays, [array.ndim > 0 for array in arrays])[1]


# A comparison with a number on the left, 2 < x, is turned round by Python itself.
lt = _binary(np.less, "lt", "__lt__")
le = _binary(np.less_equal, "le", "__le__")
gt = _binary(np.greater, "gt", "__gt__")
ge = _binary(np.greater_equal, "ge", "__ge__")
eq = _binary(np.equal, "eq")
ne = _binary(np.not_equal, "ne")
logical_and = _binary(np.logical_and, "logical_and")
logical_or = _binary(np.logical_or, "logical_or")
logical_xor = _binary(np.logical_xor, "logical_xor")
bitwise_and = _binary(np.bitwise_and, "bitwise_and", "__and__", "__rand__")
bitwise_or = _binary(np.bitwise_or, "bitwise_or", "__or__", "__ror__")
bitwise_xor = _binary(np.bitwise_xor, "bitwise_xor", "__xor__", "__rxor__")


@method("__eq__")
def _equal(input: Tensor, other: Any) -> Any:
    """x == y; with None or a string, Python compares identities."""
    return NotImplemented if other is None or isinstance(other, str) else eq(input, other)


@method("__ne__")
def _unequal(input: Tensor, other: Any) -> Any:
    return NotImplemented if other is None or isinstance(other, str) else ne(input, other)


def _test(ufunc: np.ufunc, name: str, what: str, *names: str) -> Callable[[Operand], Tensor]:
    """The function `name` of one operand, which is also the methods `name` and `names` of Tensor."""

    def function(input: Operand) -> Tensor:
        return Tensor(ufunc(as_tensor("input", input, name).data))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = what
    return method(name, *names)(function)


logical_not = _test(np.logical_not, "logical_not", "Which elements are zero")
bitwise_not = _test(np.invert, "bitwise_not", "All bits the other way round; of booleans, not x", "__invert__")
isnan = _test(np.isnan, "isnan", "Which elements are NaN")
isinf = _test(np.isinf, "isinf", "Which elements are infinite")
isfinite = _test(np.isfinite, "isfinite", "Which elements are neither NaN nor infinite")


@method()
@checked
def isclose(input: Tensor, other: Operand, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Tensor:
    """Where |input - other| <= atol + rtol * |other|. Infinities are close to themselves; NaN is close to NaN if `equal_nan`."""
    x, y = _arrays("isclose", *operands("isclose", input, other))
    return Tensor(np.isclose(x, y, rtol, atol, equal_nan))


@method()
@checked
def allclose(input: Tensor, other: Operand, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> bool:
    """Whether all elements are close: see `isclose`."""
    return bool(isclose(input, other, rtol, atol, equal_nan).data.all())
