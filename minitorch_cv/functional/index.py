"""Indexing by brackets, x[index]. Taking elements and adding into places are adjoint to each other, so each is the other's gradient."""

import math
from typing import Any

import numpy as np

from kernels.meta import as_array, is_meta
from minitorch_cv.autograd.function import Function
from minitorch_cv.functional.arguments import checked
from minitorch_cv.tensor import Index, Operand, Tensor, method


class GetItem(Function):
    """y = x[index]"""

    is_view = True  # for integers and slices; other indices copy

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, *, index: Index) -> np.ndarray:
        ctx.shape = x.shape
        return x[index]

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> Tensor:
        return GetItemAdjoint.apply(gy, index=ctx.options["index"], shape=ctx.shape)


class GetItemAdjoint(Function):
    """Zeros of a shape, to which y is added at an index; where the index names a place twice, twice."""

    @staticmethod
    def forward(ctx: Any, y: np.ndarray, *, index: Index, shape: tuple[int, ...]) -> np.ndarray:
        if may_repeat(index):
            return added_at(index, y, shape)
        x = np.zeros_like(y, shape=shape)  # in the memory order of y, where it has as many dimensions
        x[index] = y
        return x

    @staticmethod
    def backward(ctx: Any, gx: Tensor) -> Tensor:
        return GetItem.apply(gx, index=ctx.options["index"])


@method("__getitem__")
def getitem(x: Tensor, index: Index) -> Tensor:
    """x[index], with integers, slices, None, `...`, boolean masks and arrays of integers, as in NumPy. A view where NumPy makes one."""
    return GetItem.apply(x, index=as_index(index))


class SetItem(Function):
    """`x` with x[index] replaced by a value that is broadcast to it."""

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, value: np.ndarray, *, index: Index) -> np.ndarray:
        ctx.value_shape = value.shape
        y = x.copy(order="K")
        y[index] = value
        return y

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> tuple[Tensor | None, Tensor | None]:
        index = ctx.options["index"]
        gx = SetItem.apply(gy, np.zeros((), gy.dtype), index=index) if ctx.needs[0] else None
        gvalue = None
        if ctx.needs[1]:
            gvalue = GetItem.apply(gy, index=index)
            if may_repeat(index) and not gy.is_meta:
                gvalue = gvalue * last_writes(index, gy.shape)
            gvalue = gvalue.sum_to_shape(ctx.value_shape)
        return gx, gvalue


@checked
def setitem(x: Tensor, index: Index, value: Operand) -> Tensor:
    """A copy of `x` in which x[index] is `value`, converted to the dtype of `x` and broadcast."""
    value = value.to(x.dtype) if isinstance(value, Tensor) else Tensor(np.asarray(value, x.dtype))
    return SetItem.apply(x, value, index=as_index(index))


# --- what an index may be


def as_index(index: Index) -> Any:
    """An index of Tensors, lists and numbers as one of arrays, with `...` appended so that even a single element is a view.

    The arrays are copies: backward will need the index as it is now.
    """
    parts = tuple([_part(part) for part in (index if isinstance(index, tuple) else (index,))])
    return parts if any(part is Ellipsis for part in parts) else (*parts, Ellipsis)


def _part(part: Any) -> Any:
    if part is None or part is Ellipsis or isinstance(part, (slice, int)):
        return part
    array = as_array(part.data if isinstance(part, Tensor) else part).copy()
    if array.size == 0 and not isinstance(part, (np.ndarray, Tensor)):
        array = array.astype(np.int64)
    if array.dtype.kind not in "iub":
        raise IndexError(f"index: got {type(part).__name__} of {array.dtype}, expected integers, slices, None, ... or booleans")
    return array if array.ndim or array.dtype.kind == "b" or is_meta(array) else int(array)


def last_writes(index: tuple, shape: tuple[int, ...]) -> np.ndarray:
    """1 for each element of x[index], 0 for those whose place is named again by a later one, which overwrites it in an assignment."""
    places = np.arange(math.prod(shape)).reshape(shape)[index]
    writers = np.empty(math.prod(shape), np.int64)
    writers[places.ravel()] = np.arange(places.size)
    return (writers[places.ravel()] == np.arange(places.size)).reshape(places.shape)


def added_at(index: tuple, y: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Zeros of a shape, to which y is added at an index, as often as the index names a place. As in Sum, float32 is added up in float64."""
    wide = y if y.dtype.kind != "f" else y.astype(np.float64, copy=False)
    x = np.zeros_like(wide, shape=shape)
    np.add.at(x, index, wide)
    return x.astype(y.dtype, copy=False)


def may_repeat(index: tuple) -> bool:
    """Whether an index can name one place twice: arrays of integers can; slices, integers and masks cannot."""
    return any(isinstance(part, np.ndarray) and part.dtype.kind != "b" for part in index)
