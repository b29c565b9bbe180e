"""A NumPy function over device arrays: checked as CuPy checks, computed on the NumPy arrays behind them, the results put on the device."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from . import arrays, creation
from .capture import blocks_of, is_capturing, run
from .device import current_device_id
from .errors import capture_refused
from .names import check_call
from .streams import before_work, get_current_stream, transfers

# They write into an argument and return nothing.
IN_PLACE = {"copyto", "fill_diagonal", "place", "put", "put_along_axis", "putmask"}
METHODS_IN_PLACE = {"partition", "put", "sort"}
# The shape of the result depends on the values: CuPy waits for the device to know it.
SYNCHRONIZING = {
    "argwhere", "bincount", "compress", "extract", "flatnonzero", "histogram", "intersect1d", "nonzero", "setdiff1d", "union1d", "unique",
}  # fmt: skip
# Python values in NumPy, arrays on the device in CuPy.
DEVICE_SCALARS = {"allclose", "array_equal", "array_equiv", "count_nonzero"}
# They answer about types and shapes.
ABOUT = {
    "byte_bounds", "can_cast", "common_type", "iscomplexobj", "isfortran", "isrealobj", "isscalar", "iterable", "may_share_memory",
    "min_scalar_type", "ndim", "result_type", "shape", "shares_memory", "size",
}  # fmt: skip
# Sums of float16 and bfloat16: CuPy accumulates in float32 and rounds at the end.
ACCUMULATING = {
    "average", "cumsum", "dot", "einsum", "inner", "mean", "norm", "outer", "prod", "std", "sum", "tensordot", "trace", "var", "vdot",
}  # fmt: skip
CUBLAS = {"dot", "einsum", "inner", "matmul", "tensordot", "vdot"}
LOW_PRECISION = ("float16", "bfloat16")


def call(name: str, function: Callable, args: tuple, kwargs: dict[str, Any], module: str = "cupy") -> Any:
    """`cupy.<name>(*args, **kwargs)`, computed by NumPy's `function`."""
    given = check_call(module, name, args, kwargs)
    found = list(device_arrays((args, kwargs)))
    check_operands((args, kwargs), found)
    if name in ABOUT:
        return function(*_hosts(args), **_hosts(kwargs))
    if is_capturing() and (name in CUBLAS or name in SYNCHRONIZING):
        _refuse_in_capture(name)
    if name in SYNCHRONIZING:
        transfers.synchronizing(name)
    if name in ACCUMULATING and any(a.dtype.name in LOW_PRECISION for a in found):
        function = _accumulated(function, next(a.dtype for a in found if a.dtype.name in LOW_PRECISION), given.get("dtype"))
    host_args, host_kwargs = _hosts(args), _hosts(kwargs)
    out = given.get("out")
    if name in (METHODS_IN_PLACE if module == "ndarray" else IN_PLACE) or isinstance(out, arrays.ndarray):
        run(lambda: function(*host_args, **host_kwargs), blocks_of(*found))
        return out
    return evaluate(lambda: function(*host_args, **host_kwargs), found, force=name in DEVICE_SCALARS)


def evaluate(work: Callable[[], Any], operands: "list[arrays.ndarray]", force: bool = False) -> Any:
    """The results of `work`: views of the memory of `operands` where NumPy's are, else new arrays; other values as they are unless `force`.

    While the stream captures, `work` is done once for the shapes alone, on whatever the memory holds, and is recorded.
    """
    before_work(get_current_stream())
    with np.errstate(all="ignore"):
        result = work()
    made: list[tuple[tuple[int, ...], np.ndarray]] = []

    def wrap(value: Any, path: tuple[int, ...]) -> Any:
        if isinstance(value, np.ndarray | np.generic) or force:
            value = np.asarray(value)
            view = _as_view(value, operands)
            if view is not None:
                return view
            array = creation.empty(value.shape, value.dtype)
            made.append((path, array._host))
            return array
        if isinstance(value, tuple | list):
            return type(value)([wrap(item, (*path, i)) for i, item in enumerate(value)])
        return value

    wrapped = wrap(result, ())

    def store(values: Any) -> None:
        for path, host in made:
            value = values
            for i in path:
                value = value[i]
            host[...] = value

    if not is_capturing():
        store(result)
    elif made:
        run(lambda: store(work()), blocks_of(*operands, *device_arrays(wrapped)))
    return wrapped


def _as_view(value: np.ndarray, operands: "list[arrays.ndarray]") -> "arrays.ndarray | None":
    if value.base is None or not value.size:
        return None
    low, high = np.lib.array_utils.byte_bounds(value)
    for array in operands:
        block = array._memory.block
        if block.ptr <= low and high <= block.ptr + block.size:
            return creation.view_of(array, value)
    return None


def _accumulated(function: Callable, low: np.dtype, dtype: Any) -> Callable:
    def compute(*args: Any, **kwargs: Any) -> Any:
        wide = [_map(a, np.ndarray, lambda h: h.astype(np.float32) if h.dtype == low else h) for a in (args, kwargs)]
        result = function(*wide[0], **wide[1])
        return result if dtype is not None or not hasattr(result, "astype") or result.dtype != np.float32 else result.astype(low)

    return compute


def _refuse_in_capture(name: str) -> None:
    if name in CUBLAS:
        raise NotImplementedError(f"{name}: calling cuBLAS API during stream capture is currently unsupported")
    raise capture_refused(f"cupy.{name} waits for the device")


def device_arrays(value: Any) -> "Iterator[arrays.ndarray]":
    """The device arrays in nested tuples, lists and dictionaries."""
    if isinstance(value, arrays.ndarray):
        yield value
    elif isinstance(value, tuple | list):
        for item in value:
            yield from device_arrays(item)
    elif isinstance(value, dict):
        yield from device_arrays(list(value.values()))


def check_operands(value: Any, found: "list[arrays.ndarray]") -> None:
    """TypeError where NumPy arrays are among the arguments, ValueError where an array is not on the current device."""
    _refuse_numpy(value)
    for array in found:
        if array._memory.device_id != current_device_id():
            there, here = array._memory.device_id, current_device_id()
            text = f"The device where the array resides ({there}) is different from the current device ({here})."
            raise ValueError(f"{text} Peer access is unavailable between these devices.")


def _refuse_numpy(value: Any) -> None:
    if isinstance(value, np.ndarray):
        raise TypeError(f"Unsupported type {type(value)}")
    if isinstance(value, tuple | list):
        for item in value:
            _refuse_numpy(item)
    elif isinstance(value, dict):
        _refuse_numpy(list(value.values()))


def _hosts(value: Any) -> Any:
    return _map(value, arrays.ndarray, lambda array: array._host)


def _map(value: Any, kind: type, change: Callable) -> Any:
    if isinstance(value, kind):
        return change(value)
    if isinstance(value, tuple | list):
        return type(value)([_map(item, kind, change) for item in value])
    if isinstance(value, dict):
        return {key: _map(item, kind, change) for key, item in value.items()}
    return value
