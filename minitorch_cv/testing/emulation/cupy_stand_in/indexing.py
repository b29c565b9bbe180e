"""Reading and writing by index: with slices, numbers, device arrays, and lists and NumPy arrays, which are copied to the device."""

from typing import Any

import numpy as np

from . import core, creation
from .capture import blocks_of, run
from .dispatch import check_devices
from .streams import refuse_capture, transfers

# CuPy scatters by atomic operations, which it has for these.
ATOMIC = {
    "add": {"float16", "float32", "float64", "int32", "uint32", "uint64"},
    "maximum": {"float32", "float64", "int32", "uint32", "uint64"},
    "minimum": {"float32", "float64", "int32", "uint32", "uint64"},
}


def host_index(array: "core.Array", index: Any) -> "tuple[Any, list[core.Array]]":
    """(the index for the NumPy array behind, the device arrays used)."""
    parts = index if isinstance(index, tuple) else (index,)
    operands = [array]
    hosts: list[Any] = []
    for part in parts:
        if isinstance(part, core.Array):
            if part._memory.device_id != array._memory.device_id:
                raise ValueError(f"index: an array on device {part._memory.device_id}, expected one on device {array._memory.device_id}")
            if part.dtype.kind not in "bui":
                raise IndexError(f"arrays used as indices must be of integer or boolean type. (actual: {part.dtype})")
            if part.dtype.kind == "b":
                transfers.synchronizing("an index of booleans")  # CuPy counts them, for reading and for writing
            operands.append(part)
            hosts.append(part._host)
            continue
        if isinstance(part, np.ndarray | list):
            refuse_capture("an index in host memory")
            transfers.to_device += 1
        hosts.append(part)
    if sum(np.asarray(part).dtype == bool and np.ndim(part) > 0 for part in hosts if isinstance(part, np.ndarray | list)) > 1:
        raise ValueError("Advanced indexing with multiple boolean arrays is not supported.")
    if not is_advanced(index) and not any(part is Ellipsis for part in parts):
        hosts.append(Ellipsis)  # NumPy's view even of a single element
    return tuple(hosts), operands


def assign(array: "core.Array", index: Any, value: Any) -> None:
    hosts, operands = host_index(array, index)
    view = None if is_advanced(index) else array._host[hosts]
    if view is not None and not isinstance(value, core.Array):
        creation.view_of(array, view).fill(value)  # refuses what is not a number
        return
    if isinstance(value, core.Array):
        if view is None or not _plain_copy(view, value):
            check_devices([array, value])
        operands.append(value)
        value = value._host
    else:
        check_devices([array])
        value = np.asarray(value)
    host = array._host

    def work() -> None:
        host[hosts] = value

    run(work, blocks_of(*operands))


def is_advanced(index: Any) -> bool:
    return any(isinstance(part, np.ndarray | list | core.Array) for part in (index if isinstance(index, tuple) else (index,)))


def _plain_copy(view: np.ndarray, value: "core.Array") -> bool:
    """Whether bytes are copied as they are, which works between devices."""
    same = view.shape == value.shape and view.strides == value.strides and view.dtype == value.dtype
    return same and view.flags.c_contiguous


def scatter(array: "core.Array", function: Any, index: Any, value: Any) -> None:
    """`function.at`: add, maximum or minimum, for indices that occur more than once."""
    if is_advanced(index) and array.dtype.name not in ATOMIC.get(function.__name__, ("int32", "uint32")):
        raise TypeError(f"scatter_{function.__name__} does not support {array.dtype}")
    hosts, operands = host_index(array, index)
    if isinstance(value, core.Array):
        operands.append(value)
        value = value._host
    check_devices(operands)
    host = array._host
    run(lambda: function.at(host, hosts, value), blocks_of(*operands))
