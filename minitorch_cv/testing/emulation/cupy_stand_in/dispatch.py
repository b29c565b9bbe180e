"""A NumPy function over device arrays: checked as CuPy checks, computed on the NumPy arrays behind them, the results put on the device."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from . import core, creation
from .capture import blocks_of, run
from .device import current_device_id
from .names import check_call
from .streams import before_work, get_current_stream, is_capturing, transfers

# They write into an argument and return nothing.
IN_PLACE = {"copyto", "fill_diagonal", "place", "put", "put_along_axis", "putmask"}
METHODS_IN_PLACE = {"partition", "put", "sort"}
# The shape of the result depends on the values: CuPy waits for the device to know it.
SYNCHRONIZING = {
    "argwhere", "bincount", "choose", "compress", "extract", "flatnonzero", "histogram", "intersect1d", "nonzero", "setdiff1d", "union1d",
    "unique",
}  # fmt: skip
# Python values in NumPy, arrays on the device in CuPy.
DEVICE_SCALARS = {"allclose", "array_equal", "array_equiv", "count_nonzero"}
# They answer about types and shapes.
ABOUT = {
    "byte_bounds", "can_cast", "common_type", "iscomplexobj", "isfortran", "isrealobj", "isscalar", "iterable", "may_share_memory",
    "min_scalar_type", "ndim", "result_type", "shape", "shares_memory", "size",
}  # fmt: skip
# CuPy computes them in float32 for float16 and bfloat16, and rounds at the end.
ACCUMULATING = {"average", "cumprod", "cumsum", "dot", "einsum", "inner", "norm", "outer", "tensordot", "trace", "vdot"}
CUBLAS = {"dot", "einsum", "inner", "tensordot", "vdot"}
LOW_PRECISION = ("float16", "bfloat16")
JOINING, MOST_JOINED = {"column_stack", "concatenate", "dstack", "hstack", "stack", "vstack"}, 8


def call(name: str, function: Callable, args: tuple, kwargs: dict[str, Any], module: str = "cupy") -> Any:
    """`cupy.<name>(*args, **kwargs)`, computed by NumPy's `function`."""
    given = check_call(module, name, args, kwargs)
    refuse_numpy((args, kwargs))
    found = list(device_arrays((args, kwargs)))
    if name in ABOUT:
        return function(*_hosts(args), **_hosts(kwargs))
    if name in CUBLAS:
        refuse_cublas(name)
    if name in JOINING and len(found) > MOST_JOINED:
        get_current_stream().refuse_capture(f"cupy.{name} of {len(found)} arrays, whose addresses are copied to the device")
    if name in SYNCHRONIZING:
        transfers.synchronizing(f"cupy.{name}")
    if name in ACCUMULATING and any(a.dtype.name in LOW_PRECISION for a in found):
        function = _in_float32(function, given.get("dtype"))
    host_args, host_kwargs = _hosts(args), _hosts(kwargs)
    out = given.get("out")
    if name in (METHODS_IN_PLACE if module == "ndarray" else IN_PLACE) or isinstance(out, core.Array):
        check_devices(found)
        run(lambda: function(*host_args, **host_kwargs), blocks_of(*found))
        return out
    return evaluate(lambda: function(*host_args, **host_kwargs), found, force=name in DEVICE_SCALARS)


def evaluate(work: Callable[[], Any], operands: "list[core.Array]", force: bool = False) -> Any:
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
            check_devices(operands)
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


def _as_view(value: np.ndarray, operands: "list[core.Array]") -> "core.Array | None":
    if value.base is None:
        return None
    if not value.size:
        return creation.view_of(operands[0], value)
    low, high = np.lib.array_utils.byte_bounds(value)
    for array in operands:
        block = array._memory.block
        if block.ptr <= low and high <= block.ptr + block.size:
            return creation.view_of(array, value)
    return None


def _in_float32(function: Callable, dtype: Any) -> Callable:
    def compute(*args: Any, **kwargs: Any) -> Any:
        low: list[np.dtype] = []

        def widen(host: np.ndarray) -> np.ndarray:
            if host.dtype.name not in LOW_PRECISION:
                return host
            low.append(host.dtype)
            return host.astype(np.float32)

        result = function(*_map(args, np.ndarray, widen), **_map(kwargs, np.ndarray, widen))
        return result.astype(low[0]) if dtype is None and result.dtype == np.float32 else result

    return compute


def refuse_cublas(name: str) -> None:
    """NotImplementedError while the current stream captures: CuPy does not let cuBLAS be recorded."""
    if is_capturing():
        raise NotImplementedError(f"{name}: calling cuBLAS API during stream capture is currently unsupported")


def device_arrays(value: Any) -> "Iterator[core.Array]":
    """The device arrays in nested tuples, lists and dictionaries."""
    if isinstance(value, core.Array):
        yield value
    elif isinstance(value, tuple | list):
        for item in value:
            yield from device_arrays(item)
    elif isinstance(value, dict):
        yield from device_arrays(list(value.values()))


def check_devices(operands: "list[core.Array]") -> None:
    """ValueError where an array that a kernel is to read or write is not on the current device."""
    here = current_device_id()
    for array in operands:
        there = array._memory.device_id
        if there != here:
            text = f"The device where the array resides ({there}) is different from the current device ({here})."
            raise ValueError(f"{text} Peer access is unavailable between these devices.")


def refuse_numpy(value: Any) -> None:
    """TypeError where NumPy arrays, 0-d ones too, are among the arguments."""
    if isinstance(value, np.ndarray):
        raise TypeError(f"Unsupported type {type(value)}")
    if isinstance(value, tuple | list):
        for item in value:
            refuse_numpy(item)
    elif isinstance(value, dict):
        refuse_numpy(list(value.values()))


def _hosts(value: Any) -> Any:
    return _map(value, core.Array, lambda array: array._host)


def _map(value: Any, kind: type, change: Callable) -> Any:
    if isinstance(value, kind):
        return change(value)
    if isinstance(value, tuple | list):
        return type(value)([_map(item, kind, change) for item in value])
    if isinstance(value, dict):
        return {key: _map(item, kind, change) for key, item in value.items()}
    return value
