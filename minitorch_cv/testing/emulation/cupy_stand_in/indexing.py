"""Reading and writing by index: with slices, numbers, device arrays, and lists and NumPy arrays, which are copied to the device."""

from typing import Any

import numpy as np

from . import arrays
from .capture import blocks_of, is_capturing, run
from .device import current_device_id
from .errors import capture_refused
from .streams import transfers


def host_index(array: "arrays.ndarray", index: Any, what: str) -> "tuple[Any, list[arrays.ndarray]]":
    """(the index for the NumPy array behind, the device arrays used)."""
    parts = index if isinstance(index, tuple) else (index,)
    operands = [array]
    hosts = []
    for part in parts:
        if isinstance(part, arrays.ndarray):
            if part._memory.device_id != array._memory.device_id:
                raise ValueError(f"index: an array on device {part._memory.device_id}, expected one on device {array._memory.device_id}")
            if part.dtype.kind not in "bui":
                raise IndexError(f"arrays used as indices must be of integer or boolean type. (actual: {part.dtype})")
            if part.dtype.kind == "b" and what == "__getitem__":
                transfers.synchronizing("an index of booleans")  # how many are true is the length of the result
            operands.append(part)
            hosts.append(part._host)
            continue
        if isinstance(part, np.ndarray | list):
            if is_capturing():
                raise capture_refused("an index in host memory")
            transfers.to_device += 1
        hosts.append(part)
    if sum(np.asarray(part).dtype == bool and np.ndim(part) > 0 for part in hosts if isinstance(part, np.ndarray | list)) > 1:
        raise ValueError("Advanced indexing with multiple boolean arrays is not supported.")
    return (tuple(hosts) if isinstance(index, tuple) else hosts[0]), operands


def assign(array: "arrays.ndarray", index: Any, value: Any) -> None:
    if isinstance(value, np.ndarray) and value.ndim:
        if not (isinstance(index, slice) and index == slice(None)):
            raise TypeError("Implicit conversion of a NumPy array to a device array is not allowed in an assignment")
        array.set(value)
        return
    hosts, operands = host_index(array, index, "__setitem__")
    if isinstance(value, arrays.ndarray):
        if value._memory.device_id != array._memory.device_id:
            raise ValueError(f"value: an array on device {value._memory.device_id}, expected one on device {current_device_id()}")
        operands.append(value)
        value = value._host
    host = array._host

    def work() -> None:
        host[hosts] = value

    run(work, blocks_of(*operands))


def scatter(array: "arrays.ndarray", function: Any, index: Any, value: Any) -> None:
    """`function.at`: add, maximum or minimum, for indices that occur more than once."""
    hosts, operands = host_index(array, index, "__setitem__")
    if isinstance(value, arrays.ndarray):
        operands.append(value)
        value = value._host
    host = array._host
    run(lambda: function.at(host, hosts, value), blocks_of(*operands))
