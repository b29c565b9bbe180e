"""NumPy's functions on shape-only arrays: for each, the shape and dtype of its result (see `kernels.meta`).

What is missing here runs as NumPy has written it, from functions that are here, from ufuncs, indexing and views; or, if it is written in
C, really runs on the one number that all elements are, and only its result is made shape-only again: that costs memory.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from kernels.meta import MetaArray, Shape, empty, is_meta, like, matmul_shape, no_values, reduced_shape

RULES: dict[Callable, Callable] = {}


def _rule(*functions: Callable) -> Callable[[Callable], Callable]:
    """The function below is what `functions` do with shape-only arrays."""

    def join(rule: Callable) -> Callable:
        RULES.update(dict.fromkeys(functions, rule))
        return rule

    return join


@_rule(np.zeros_like, np.ones_like, np.empty_like)
def _filled_like(x: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None, device: Any = None) -> MetaArray:
    return empty(x.shape if shape is None else shape, x.dtype if dtype is None else dtype)


@_rule(np.full_like)
def _full_like(
    x: Any, fill_value: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None, device: Any = None
) -> MetaArray:
    return _filled_like(x, dtype, shape=shape)


@_rule(np.copy, np.nan_to_num, np.sort)
def _same(x: Any, *args: Any, **options: Any) -> MetaArray:
    return like(x)


@_rule(np.copyto)
def _copyto(dst: Any, src: Any, casting: str = "same_kind", where: Any = True) -> None:
    if not is_meta(dst):
        raise no_values("copyto: values are wanted in an array that has memory")
    dst[...] = src


@_rule(np.where)
def _where(condition: Any, x: Any = None, y: Any = None) -> MetaArray:
    if x is None or y is None:
        raise no_values("where")
    return empty(np.broadcast_shapes(np.shape(condition), np.shape(x), np.shape(y)), np.result_type(x, y))


@_rule(np.broadcast_to)
def _broadcast_to(array: Any, shape: Any, subok: bool = False) -> MetaArray:
    wanted = tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)
    if np.broadcast_shapes(array.shape, wanted) != wanted:
        raise ValueError(f"shape: got {wanted}, to which shape {array.shape} cannot be broadcast")
    return like(array, wanted)


@_rule(np.broadcast_arrays)
def _broadcast_arrays(*arrays: Any, subok: bool = False) -> tuple[MetaArray, ...]:
    shape = np.broadcast_shapes(*[np.shape(x) for x in arrays])
    return tuple([empty(shape, np.asanyarray(x).dtype) for x in arrays])


@_rule(np.concatenate)
def _concatenate(arrays: Any, axis: int | None = 0, out: Any = None, *, dtype: Any = None, casting: str = "same_kind") -> MetaArray:
    shapes = [np.shape(x) for x in arrays] if axis is not None else [(np.size(x),) for x in arrays]
    first, axis = shapes[0], (axis or 0) % len(shapes[0])
    for shape in shapes:
        if len(shape) != len(first) or shape[:axis] + shape[axis + 1 :] != first[:axis] + first[axis + 1 :]:
            raise ValueError(f"arrays: got shapes {first} and {shape}, which do not fit along axis {axis}")
    length = sum(shape[axis] for shape in shapes)
    return empty((*first[:axis], length, *first[axis + 1 :]), np.result_type(*arrays) if dtype is None else dtype)


@_rule(np.pad)
def _pad(array: Any, pad_width: Any, mode: Any = "constant", **options: Any) -> MetaArray:
    widths = np.broadcast_to(pad_width, (array.ndim, 2)).tolist()
    return like(array, tuple([length + before + after for length, (before, after) in zip(array.shape, widths, strict=True)]))


@_rule(np.dot)
def _dot(a: Any, b: Any, out: Any = None) -> MetaArray:
    left, right = np.shape(a), np.shape(b)
    shape = matmul_shape(left, right) if len(right) < 3 and left and right else ()
    if len(right) > 2 or not (left and right):
        raise no_values("dot of more than two dimensions")
    return empty(shape, np.result_type(a, b))


@_rule(np.einsum)
def _einsum(subscripts: str, *operands: Any, **options: Any) -> MetaArray:
    """The letters' lengths, in the order of the result: after the arrow, or all that occur once."""
    if not isinstance(subscripts, str) or "." in subscripts:
        raise no_values("einsum with '...'")
    terms, arrow, result = subscripts.replace(" ", "").partition("->")
    lengths: dict[str, int] = {}
    for term, operand in zip(terms.split(","), operands, strict=True):
        for letter, length in zip(term, np.shape(operand), strict=True):
            if lengths.setdefault(letter, length) != length:
                raise ValueError(f"einsum: got lengths {lengths[letter]} and {length} for {letter!r}")
    if not arrow:
        result = "".join(sorted(letter for letter in lengths if terms.count(letter) == 1))
    return empty(tuple([lengths[letter] for letter in result]), np.result_type(*operands))


@_rule(np.count_nonzero)
def _count_nonzero(a: Any, axis: Any = None, *, keepdims: bool = False) -> MetaArray:
    return empty(reduced_shape(a.shape, axis, keepdims), np.int64)


@_rule(np.lexsort)
def _lexsort(keys: Any, axis: int = -1) -> MetaArray:
    shape: Shape = np.shape(keys[0])
    return empty(shape, np.int64)


@_rule(np.argpartition)
def _argpartition(a: Any, kth: Any, axis: int | None = -1, *args: Any, **options: Any) -> MetaArray:
    return empty(a.shape if axis is not None else (a.size,), np.int64)


@_rule(np.partition)
def _partition(a: Any, kth: Any, *args: Any, **options: Any) -> MetaArray:
    return like(a)


@_rule(np.may_share_memory, np.shares_memory)
def _share_memory(a: Any, b: Any, max_work: Any = None) -> bool:
    """Only an array with itself: there is no memory. (Whether a reshape or an index copies is not known without strides.)"""
    return a is b


@_rule(np.bincount, np.unique, np.argwhere, np.flatnonzero, np.extract, np.array_equal, np.allclose)
def _refused(*args: Any, **options: Any) -> None:
    raise no_values("the values of an array")
