"""Arrays that have a shape and a dtype, but no values and no memory.

A network that computes with them runs without arithmetic and tells the shape of everything: of its results, its gradients, its
parameters. (`minitorch_cv` calls this the device "meta", as PyTorch does.)

The trick is strides of zero: a `MetaArray` is a NumPy array all of whose elements are one and the same number, a NaN, which may not
be written. Transposing, reshaping and slicing are then NumPy's own. Whatever would compute something asks an array first whether it
wants to do that by itself (`__array_ufunc__` and `__array_function__`, NumPy enhancement proposals 13 and 18), and a MetaArray answers
with another one, of the shape and dtype that the result would have.

A kernel on shapes alone is its NumPy definition where that consists of such functions; where it loops, or makes arrays of the size of
the data by itself, a module `meta_<family>.py` beside it says in a line what comes out (see `kernels.backend`).
"""

# mypy: disable-error-code="override, assignment"
# NumPy's methods have an overload for each kind of argument; here one signature answers for all.

from collections.abc import Callable
from functools import cache
from typing import Any, NoReturn

import numpy as np
from numpy.typing import DTypeLike

from kernels.dtypes import is_floating
from kernels.gpu import is_gpu

Shape = tuple[int, ...]


class NoValuesError(RuntimeError):
    """Somebody asked for the values of a shape-only array. (No TypeError: NumPy catches these here and there, and tries otherwise.)"""


def no_values(what: str) -> NoValuesError:
    """The error of `what`, which would need values."""
    return NoValuesError(f"{what}: a shape-only tensor (device 'meta') has no values")


def empty(shape: int | Shape | list[int], dtype: DTypeLike) -> "MetaArray":
    """An array of `shape` and `dtype` without memory."""
    lengths = tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)
    dtype = np.dtype(dtype)
    return np.ndarray.__new__(MetaArray, lengths, dtype, _the_element(dtype), strides=(0,) * len(lengths))


def like(array: np.ndarray, shape: Shape | None = None) -> "MetaArray":
    """A shape-only array of the dtype of `array`, and of its shape where none is given."""
    return empty(array.shape if shape is None else shape, array.dtype)


def is_meta(array: Any) -> bool:
    """Whether `array` is shape-only."""
    return type(array) is MetaArray


def as_array(x: Any) -> np.ndarray:
    """`np.asarray`, which leaves a shape-only array, and one on a GPU, what it is."""
    return x if type(x) is MetaArray or is_gpu(x) else np.asarray(x)


def any_known(mask: np.ndarray) -> bool:
    """Whether an element of `mask` is true; of a mask that is only a shape nobody knows one, so that checks of values let it pass."""
    return not is_meta(mask) and bool(mask.any())


@cache
def _the_element(dtype: np.dtype) -> np.ndarray:
    element = np.full((), np.nan if is_floating(dtype) else 0, dtype)
    element.flags.writeable = False
    return element


class _Flags:
    """What `array.flags` says: without memory, every order of the elements is as good as contiguous."""

    c_contiguous = f_contiguous = contiguous = aligned = behaved = writeable = owndata = True


class MetaArray(np.ndarray):
    """A shape and a dtype; see the module's text. Made by `empty`."""

    flags = _Flags()
    __numba_array_subtype_dispatch__ = True  # Numba is to know that this is not an array like others, and to refuse it

    # --- computing

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, out: tuple | None = None, **options: Any) -> Any:
        if method == "at":  # ufunc.at(x, index, y) changes x in place
            _require_meta(inputs[0])
            return None
        if method not in _UFUNC_RULES:
            raise no_values(f"{ufunc.__name__}.{method}")
        results = _UFUNC_RULES[method](ufunc, *inputs, **options)
        if out is None:
            arrays = tuple([empty(*result) for result in results])
        else:
            arrays = tuple([empty(*result) if y is None else _fit(y, result[0]) for y, result in zip(out, results, strict=True)])
        return arrays if len(arrays) > 1 else arrays[0]

    def __array_function__(self, function: Callable, types: Any, args: tuple, kwargs: dict) -> Any:
        from kernels.meta_functions import RULES  # which needs this module

        if function in RULES:
            return RULES[function](*args, **kwargs)
        return _wrapped(super().__array_function__(function, types, args, kwargs))

    def __getitem__(self, index: Any) -> Any:
        parts = index if isinstance(index, tuple) else (index,)
        if any(isinstance(part, (np.ndarray, list, bool, np.bool_)) for part in parts):
            return empty(index_shape(self.shape, parts), self.dtype)
        # With `...` even a single element is an array, and not a number.
        return super().__getitem__(parts if any(part is Ellipsis for part in parts) else (*parts, Ellipsis))

    def __setitem__(self, index: Any, value: Any) -> None:
        shape, target = np.shape(value), self[index].shape
        while len(shape) > len(target) and shape[0] == 1:
            shape = shape[1:]
        if len(shape) > len(target) or np.broadcast_shapes(shape, target) != target:
            raise ValueError(f"value: got shape {np.shape(value)}, which cannot be broadcast to {target}")

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self)))

    # --- methods of arrays that are written in C, and would look at the elements

    def astype(self, dtype: DTypeLike, order: str = "K", casting: str = "unsafe", subok: bool = True, copy: bool = True) -> Any:
        return self if not copy and np.dtype(dtype) == self.dtype else empty(self.shape, dtype)

    def copy(self, order: str | None = "C") -> Any:
        return like(self)

    def __copy__(self) -> Any:
        return like(self)

    def __deepcopy__(self, memo: Any) -> Any:
        return like(self)

    def __reduce__(self) -> Any:
        return empty, (self.shape, self.dtype)

    def flatten(self, order: str = "C") -> Any:
        return self.reshape(-1)

    def ravel(self, order: str | None = "C") -> Any:
        return self.reshape(-1)

    def fill(self, value: Any) -> None:
        pass

    def sort(self, axis: int = -1, *args: Any, **options: Any) -> None:
        pass

    def argsort(self, axis: int | None = -1, *args: Any, **options: Any) -> Any:
        return empty(self.shape if axis is not None else (self.size,), np.int64)

    def argmax(self, axis: int | None = None, out: Any = None, *, keepdims: bool = False) -> Any:
        if np.prod([self.shape[a] for a in axes_of(axis, self.ndim)]) == 0:
            raise ValueError(f"axis: got {axis}, along which shape {self.shape} has no elements to choose from")
        return empty(reduced_shape(self.shape, axis, keepdims), np.int64)

    argmin = argmax

    def take(self, indices: Any, axis: int | None = None, out: Any = None, mode: str = "raise") -> Any:
        source = self.shape if axis is not None else (self.size,)
        (axis,) = axes_of(axis or 0, len(source))
        return empty((*source[:axis], *np.shape(indices), *source[axis + 1 :]), self.dtype)

    def repeat(self, repeats: Any, axis: int | None = None) -> Any:
        source = self.shape if axis is not None else (self.size,)
        (axis,) = axes_of(axis or 0, len(source))
        length = int(np.broadcast_to(repeats, (source[axis],)).sum())
        return empty((*source[:axis], length, *source[axis + 1 :]), self.dtype)

    def searchsorted(self, v: Any, *args: Any, **options: Any) -> Any:
        return empty(np.shape(v), np.int64)

    def dot(self, other: Any, out: Any = None) -> Any:
        return np.dot(self, other)

    # --- asking for values

    def _refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise no_values("value")

    item = tolist = tobytes = tofile = dump = dumps = nonzero = compress = _refuse
    __bool__ = __int__ = __float__ = __index__ = __complex__ = __contains__ = _refuse

    @property
    def ctypes(self) -> Any:
        """Its address would be of no use."""
        raise no_values("address")

    def __repr__(self) -> str:
        return f"MetaArray(shape={self.shape}, dtype={self.dtype})"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)


def _wrapped(result: Any) -> Any:
    """What NumPy's own way of doing something with a shape-only array gave, with its arrays made shape-only again."""
    if isinstance(result, (tuple, list)):
        return type(result)([_wrapped(part) for part in result]) if type(result) in (tuple, list) else result
    return empty(result.shape, result.dtype) if isinstance(result, (np.ndarray, np.generic)) and not is_meta(result) else result


# --- ufuncs: for every way of calling one, (shape, dtype) of each result

Results = list[tuple[Shape, np.dtype]]


def _elementwise(ufunc: np.ufunc, *inputs: Any, **options: Any) -> Results:
    shapes = [np.shape(x) for x in inputs]
    if ufunc is np.matmul:
        shape = matmul_shape(*shapes)
    elif ufunc.signature is not None:
        raise no_values(ufunc.__name__)
    else:
        shape = np.broadcast_shapes(*shapes)
    if options.get("dtype") is not None:
        return [(shape, np.dtype(options["dtype"]))] * ufunc.nout
    return [(shape, dtype) for dtype in _result_dtypes(ufunc, tuple([_kind_of(x) for x in inputs]))]


def _reduction(
    ufunc: np.ufunc, x: Any, axis: Any = 0, dtype: DTypeLike | None = None, keepdims: bool = False, **options: Any
) -> Results:
    axes = axes_of(axis, x.ndim)
    shape = reduced_shape(x.shape, axis, keepdims)
    if ufunc.identity is None and options.get("initial") is None and 0 in [x.shape[a] for a in axes] and 0 not in shape:
        raise ValueError(f"{ufunc.__name__}: got shape {x.shape}, with no elements to choose from")
    return [(shape, np.dtype(dtype) if dtype is not None else _reduced_dtype(ufunc, x.dtype))]


def _accumulation(ufunc: np.ufunc, x: Any, axis: int = 0, dtype: DTypeLike | None = None, **options: Any) -> Results:
    return [(x.shape, np.dtype(dtype) if dtype is not None else _reduced_dtype(ufunc, x.dtype))]


def _outer(ufunc: np.ufunc, x: Any, y: Any, **options: Any) -> Results:
    dtypes = _result_dtypes(ufunc, (_kind_of(x), _kind_of(y)))
    return [(np.shape(x) + np.shape(y), dtype) for dtype in dtypes]


_UFUNC_RULES: dict[str, Callable[..., Results]] = {
    "__call__": _elementwise,
    "reduce": _reduction,
    "accumulate": _accumulation,
    "outer": _outer,
}


def _kind_of(x: Any) -> Any:
    """What decides about the dtype of a result: the dtype of an array, the type of a Python number (which gives way to arrays)."""
    return type(x) if type(x) in (int, float, complex) else np.dtype(bool) if type(x) is bool else np.asanyarray(x).dtype


@cache
def _result_dtypes(ufunc: np.ufunc, kinds: tuple) -> tuple[np.dtype, ...]:
    return ufunc.resolve_dtypes((*kinds, *[None] * ufunc.nout))[ufunc.nin :]


@cache
def _reduced_dtype(ufunc: np.ufunc, dtype: np.dtype) -> np.dtype:
    return ufunc.resolve_dtypes((None, dtype, None), reduction=True)[2]


# --- shapes


def axes_of(axis: Any, ndim: int) -> tuple[int, ...]:
    """The argument `axis` of a NumPy reduction as numbers from 0."""
    if axis is None:
        return tuple(range(ndim))
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    for a in axes:
        if not -ndim <= a < ndim and not (ndim == 0 and a in (0, -1)):
            raise np.exceptions.AxisError(a, ndim)
    return tuple([int(a) % ndim for a in axes]) if ndim else ()


def reduced_shape(shape: Shape, axis: Any, keepdims: bool) -> Shape:
    """The shape of a reduction's result."""
    axes = axes_of(axis, len(shape))
    return tuple([1 if i in axes else length for i, length in enumerate(shape) if keepdims or i not in axes])


def matmul_shape(a: Shape, b: Shape) -> Shape:
    """The shape of the product of arrays of shapes `a` and `b`."""
    if not a or not b:
        raise ValueError(f"matmul: got shapes {a} and {b}, expected at least one dimension each")
    rows, columns = (1, *a) if len(a) == 1 else a, (*b, 1) if len(b) == 1 else b
    if rows[-1] != columns[-2]:
        raise ValueError(f"matmul: got shapes {a} and {b}, whose inner lengths {rows[-1]} and {columns[-2]} differ")
    batch = np.broadcast_shapes(rows[:-2], columns[:-2])
    return (*batch, *(rows[-2:-1] if len(a) > 1 else ()), *(columns[-1:] if len(b) > 1 else ()))


def index_shape(shape: Shape, index: tuple) -> Shape:
    """The shape of x[index], for x of `shape` and an index with arrays in it.

    All arrays and integers are broadcast together; what comes out stands in their place where they are neighbours, else in front.
    """
    parts = _expanded(index, len(shape))
    lengths: list[int] = []
    arrays: list[Shape] = []
    where_they_stand: list[int] = []
    axis, place = 0, 0
    for number, part in enumerate(parts):
        if part is None:
            lengths.append(1)
            continue
        if isinstance(part, slice):
            lengths.append(len(range(*part.indices(shape[axis]))))
        else:
            place = place if arrays else len(lengths)
            arrays.append(_checked_index(part, shape[axis]).shape)
            where_they_stand.append(number)
        axis += 1
    neighbours = where_they_stand == list(range(where_they_stand[0], where_they_stand[-1] + 1))
    place = place if neighbours else 0
    return (*lengths[:place], *np.broadcast_shapes(*arrays), *lengths[place:])


def _expanded(index: tuple, ndim: int) -> list:
    """An index with masks written as the integers that they stand for, and all dimensions named."""
    parts: list[Any] = []
    for part in index:
        if not isinstance(part, (np.ndarray, list, bool, np.bool_)):
            parts.append(part)
            continue
        array = as_array(part)
        parts.extend(array.nonzero() if array.dtype.kind == "b" else [array])
    named = sum(part is not None and part is not Ellipsis for part in parts)
    if named > ndim:
        raise IndexError(f"index: got {named} entries for {ndim} dimensions")
    at = next((i for i, part in enumerate(parts) if part is Ellipsis), len(parts))
    return [*parts[:at], *[slice(None)] * (ndim - named), *parts[at + 1 :]]


def _checked_index(part: Any, length: int) -> np.ndarray:
    """Integers of an index as an array; IndexError where they are known and outside."""
    array = as_array(part)
    if not is_meta(array) and array.size and (array.min() < -length or array.max() >= length):
        raise IndexError(f"index: got {array.min()} to {array.max()}, expected {-length} to {length - 1}")
    return array


# --- writing into arrays


def _require_meta(y: Any) -> None:
    if not is_meta(y):
        raise no_values("out: values are wanted in an array that has memory")


def _fit(y: Any, shape: Shape) -> Any:
    """`y`, into which a result of `shape` is to be written."""
    _require_meta(y)
    if np.broadcast_shapes(y.shape, shape) != y.shape:
        raise ValueError(f"out: got shape {y.shape}, expected {shape}")
    return y
