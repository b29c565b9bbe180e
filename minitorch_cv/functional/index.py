"""Indexing by brackets, x[index]. Taking elements and adding into places are adjoint to each other, so each is the other's gradient."""

import math
from typing import Any

import numpy as np

from kernels.dtypes import is_floating
from kernels.gpu import is_gpu
from kernels.meta import as_array, is_meta
from minitorch_cv.autograd.function import Function
from minitorch_cv.device import beside, host
from minitorch_cv.functional.arguments import checked
from minitorch_cv.functional.operands import as_tensor
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
        x = _zeros(y, shape)
        x[index] = y
        return x

    @staticmethod
    def backward(ctx: Any, gx: Tensor) -> Tensor:
        return GetItem.apply(gx, index=ctx.options["index"])


@method("__getitem__")
def getitem(x: Tensor, index: Index) -> Tensor:
    """x[index], with integers, slices, None, `...`, boolean masks and arrays of integers, as in NumPy. A view where NumPy makes one."""
    return GetItem.apply(x, index=as_index(index, x))


class SetItem(Function):
    """`x` with x[index] replaced by a value that is broadcast to it."""

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, value: np.ndarray, *, index: Index) -> np.ndarray:
        ctx.value_shape = value.shape
        y = x.copy(order="K")
        # On a GPU all are written at once: of elements that go to one place, all are made what the last one is.
        y[index] = only_last(value, index, x.shape) if is_gpu(x) and may_repeat(index) else value
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
    value = as_tensor("value", value, like=x).to(x.dtype)
    return SetItem.apply(x, value if value.is_meta or value.ndim == 0 else value.to(x.device), index=as_index(index, x))


# --- what an index may be


def as_index(index: Index, x: Tensor) -> Any:
    """An index of Tensors, lists and numbers as one of arrays, with `...` appended so that even a single element is a view.

    The arrays are copies, on the device of `x`: backward will need the index as it is now.
    """
    parts = tuple([_part(part, x) for part in (index if isinstance(index, tuple) else (index,))])
    return parts if any(part is Ellipsis for part in parts) else (*parts, Ellipsis)


def _part(part: Any, x: Tensor) -> Any:
    if part is None or part is Ellipsis or isinstance(part, (slice, int)):
        return part
    array = as_array(part.data if isinstance(part, Tensor) else part).copy()
    if array.size == 0 and not isinstance(part, (np.ndarray, Tensor)):
        array = array.astype(np.int64)
    if array.dtype.kind not in "iub":
        raise IndexError(f"index: got {type(part).__name__} of {array.dtype}, expected integers, slices, None, ... or booleans")
    if array.ndim or array.dtype.kind == "b" or is_meta(array):
        return beside(array, x.data) if x.is_cuda else host(array)
    return int(array)


def last_writes(index: tuple, shape: tuple[int, ...]) -> np.ndarray:
    """1 for each element of x[index], 0 for those whose place is named again by a later one, which overwrites it in an assignment."""
    writers = _last_writers(index, shape)
    return writers == np.arange(writers.size).reshape(writers.shape)


def only_last(value: np.ndarray, index: tuple, shape: tuple[int, ...]) -> np.ndarray:
    """`value` for x[index], on a GPU, with every element replaced by the last one that goes to the same place of x."""
    writers = _last_writers(index, shape)
    return value if value.size == 1 else np.broadcast_to(value, writers.shape).reshape(-1)[beside(writers, value)]


def _last_writers(index: tuple, shape: tuple[int, ...]) -> np.ndarray:
    """For each element of x[index] the number of the last one that goes to the same place of x."""
    places = np.arange(math.prod(shape)).reshape(shape)[tuple([host(part) for part in index])]
    writers = np.empty(math.prod(shape), np.int64)
    writers[places.ravel()] = np.arange(places.size)
    return writers[places]


def added_at(index: tuple, y: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Zeros of a shape, to which y is added at an index, as often as the index names a place. As in Sum, float32 is added up in float64."""
    wide = y if not is_floating(y.dtype) else y.astype(np.float64, copy=False)
    x = _zeros(wide, shape)
    if is_gpu(x):  # by CuPy's own name: what NumPy hands over, CuPy refuses where the index is a tuple
        import cupy

        cupy.add.at(x, index, wide)
    else:
        np.add.at(x, index, wide)
    return x.astype(y.dtype, copy=False)


def _zeros(y: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Zeros beside y, in its memory order where it has as many dimensions."""
    return np.zeros_like(y, shape=shape) if shape else np.zeros_like(y, shape=(1,)).reshape(())  # CuPy takes () for no shape at all


def may_repeat(index: tuple) -> bool:
    """Whether an index can name one place twice: arrays of integers can; slices, integers and masks cannot."""
    return any(hasattr(part, "dtype") and part.dtype.kind != "b" for part in index)
