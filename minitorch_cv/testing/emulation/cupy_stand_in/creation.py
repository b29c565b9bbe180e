"""New arrays, copies and views."""

from typing import Any

import numpy as np

from . import core
from .capture import blocks_of, run
from .device import current_device_id
from .memory import Block, MemoryPointer, pointer_at
from .pinned import is_pinned
from .streams import Stream, get_current_stream, refuse_capture, transfers


def view_of(array: "core.Array", host: np.ndarray) -> "core.Array":
    """The array that `host`, a view of the memory of `array`, is on the device."""
    view = core.Array.kind.__new__(core.Array.kind)
    view._memory, view.base = array._memory, array if array.base is None else array.base
    block = array._memory.block
    offset = host.ctypes.data - block.ptr if host.size else 0
    # A new view of the bytes, as NumPy makes some of its views read-only.
    view._host = block.view(offset, host.shape, host.dtype, host.strides)
    return view


def empty(shape: Any, dtype: Any = float, order: str = "C") -> "core.Array":
    return core.new(shape, dtype, order=order)


def zeros(shape: Any, dtype: Any = float, order: str = "C") -> "core.Array":
    return full(shape, 0, dtype, order)


def ones(shape: Any, dtype: Any = float, order: str = "C") -> "core.Array":
    return full(shape, 1, dtype, order)


def full(shape: Any, fill_value: Any, dtype: Any = None, order: str = "C") -> "core.Array":
    if dtype is None:
        dtype = fill_value.dtype if isinstance(fill_value, core.Array) else np.array(fill_value).dtype
    array = empty(shape, dtype, order)
    array.fill(fill_value)
    return array


def empty_like(prototype: "core.Array", dtype: Any = None, order: str = "K", subok: None = None, shape: Any = None) -> "core.Array":
    """As NumPy's: order "K" keeps the order of the axes in memory where the shape has as many."""
    if subok is not None:
        raise TypeError("subok is not supported yet")
    if not isinstance(prototype, core.Array):
        raise TypeError(f"prototype: got {type(prototype)}, expected cupy.ndarray")
    host = np.lib.stride_tricks.as_strided(np.empty(0, prototype.dtype), prototype.shape, prototype.strides)
    # As in CuPy, the shape () is none, and that of the prototype is taken.
    like = np.empty_like(host, dtype and core.checked_dtype(dtype), order, shape=shape or None)  # type: ignore[call-overload]
    memory = empty(like.size, like.dtype)
    return core.new(like.shape, like.dtype, MemoryPointer(memory._memory, 0), like.strides)


def zeros_like(a: "core.Array", dtype: Any = None, order: str = "K", subok: None = None, shape: Any = None) -> "core.Array":
    return full_like(a, 0, dtype, order, subok, shape)


def ones_like(a: "core.Array", dtype: Any = None, order: str = "K", subok: None = None, shape: Any = None) -> "core.Array":
    return full_like(a, 1, dtype, order, subok, shape)


def full_like(
    a: "core.Array", fill_value: Any, dtype: Any = None, order: str = "K", subok: None = None, shape: Any = None
) -> "core.Array":
    array = empty_like(a, dtype, order, subok, shape)
    array.fill(fill_value)
    return array


def from_host(host: np.ndarray, order: str = "C", blocking: bool = False) -> "core.Array":
    """A new device array with the values of `host`."""
    refuse_capture("a copy of a NumPy array to the device")
    array = empty(host.shape, core.checked_dtype(host.dtype), order)
    transfers.to_device += 1
    copy_host(array._host, host, get_current_stream(), blocks_of(array))
    if blocking:
        get_current_stream().synchronize()
    return array


def copy_host(target: np.ndarray, source: np.ndarray, stream: Stream, blocks: list[Block]) -> None:
    """Copy between host and device on a stream.

    Where copies are late, `target` holds poison until then, and what is read is pinned memory as it is then. Other host memory is read at
    once, as CUDA does.
    """
    pinned = is_pinned(target if blocks[0].holds(source) else source)
    if not pinned:
        stream.refuse_capture("a copy between the device and memory that is not pinned")
    late = stream.graph is None and stream.is_late
    if late:
        target[...] = np.frombuffer(b"\xff" * target.itemsize, target.dtype)[0]
        source = source if pinned or blocks[0].holds(source) else source.copy()

    def copy() -> None:
        target[...] = source

    if late:
        stream.postpone(copy)
    else:
        run(copy, blocks, stream)


def array(
    obj: Any, dtype: Any = None, copy: bool | None = True, order: str | None = "K", subok: bool = False, ndmin: int = 0, *,
    blocking: bool = False,
) -> "core.Array":  # fmt: skip
    if subok:
        raise NotImplementedError("subok")
    order = order or "K"
    if not isinstance(obj, core.Array) and hasattr(obj, "__cuda_array_interface__"):
        obj = _from_interface(obj.__cuda_array_interface__)
    if isinstance(obj, core.Array):
        if obj._memory.device_id != current_device_id():
            made = obj.copy(order).astype(dtype or obj.dtype, copy=False)
        else:
            made = obj.astype(dtype or obj.dtype, order=order, copy=bool(copy))
    elif isinstance(obj, list | tuple) and any(True for _ in _arrays_in(obj)):
        stacked = _stacked(obj)
        made = stacked.astype(dtype or stacked.dtype, copy=False)
    else:
        host = np.asarray(obj, dtype=dtype)
        f_ordered = order == "F" or (order in "AK" and isinstance(obj, np.ndarray) and obj.flags.fnc)
        made = from_host(host, "F" if f_ordered else "C", blocking) if host.ndim else full((), host[()], host.dtype)
    if copy is False and made is not obj:
        raise ValueError("Unable to avoid copy while creating an array as requested.")
    return made.reshape((1,) * (ndmin - made.ndim) + made.shape) if ndmin > made.ndim else made


def _from_interface(interface: dict[str, Any]) -> "core.Array":
    shape, kind = interface["shape"], np.dtype(interface["typestr"])
    if 0 in shape:
        return empty(shape, kind)
    return core.new(shape, kind, pointer_at(interface["data"][0]), interface.get("strides"))


def _arrays_in(obj: Any) -> Any:
    for item in obj:
        if isinstance(item, core.Array):
            yield item
        elif isinstance(item, list | tuple):
            yield from _arrays_in(item)


def _stacked(obj: Any) -> "core.Array":
    if isinstance(obj, core.Array):
        return obj
    if not isinstance(obj, list | tuple):
        raise TypeError(f"Unsupported type {type(obj)}: lists of arrays and numbers cannot become one array")
    stack: Any = np.stack
    return stack([_stacked(item) for item in obj])


def asarray(a: Any, dtype: Any = None, order: str | None = None, *, copy: bool | None = None, blocking: bool = False) -> "core.Array":
    return array(a, dtype, copy, order, blocking=blocking)


def ascontiguousarray(a: Any, dtype: Any = None) -> "core.Array":
    made = array(a, dtype, None, "C")
    return made.reshape(1) if made.ndim == 0 else made


def asfortranarray(a: Any, dtype: Any = None) -> "core.Array":
    return array(a, dtype, None, "F")


def asnumpy(a: Any, stream: Any = None, order: str = "C", out: np.ndarray | None = None, *, blocking: bool = True) -> np.ndarray:
    if isinstance(a, core.Array):
        return a.get(stream, order, out, blocking)
    if out is None:
        return np.asarray(a, order=order)  # type: ignore[call-overload]
    np.copyto(out, a)
    return out


def arange(start: Any, stop: Any = None, step: Any = 1, dtype: Any = None) -> "core.Array":
    return _computed(np.arange(*((start,) if stop is None else (start, stop, step)), dtype=dtype))


def linspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, retstep: bool = False, dtype: Any = None, axis: int = 0
) -> "core.Array":
    if retstep:
        raise NotImplementedError("linspace: retstep is not emulated")
    return _computed(np.linspace(start, stop, num, endpoint, False, dtype, axis))


def eye(N: int, M: int | None = None, k: int = 0, dtype: Any = float, order: str = "C") -> "core.Array":
    return _computed(np.eye(N, M, k, dtype))


def identity(n: int, dtype: Any = float) -> "core.Array":
    return _computed(np.eye(n, dtype=dtype))


def tri(N: int, M: int | None = None, k: int = 0, dtype: Any = float) -> "core.Array":
    return _computed(np.tri(N, M, k, dtype))


def _computed(values: np.ndarray) -> "core.Array":
    """What a kernel computes on the device: no copy from the host."""
    made = empty(values.shape, core.checked_dtype(values.dtype))
    host = made._host

    def work() -> None:
        host[...] = values

    run(work, blocks_of(made))
    return made


def from_dlpack(array: Any, *, device: Any = None, copy: bool | None = None) -> "core.Array":
    """A view of the memory of another device array."""
    kind, _ = array.__dlpack_device__()
    if kind != 2:
        raise TypeError(f"from_dlpack: got an array on device type {kind}, expected 2 (CUDA)")
    other = array.__dlpack__(stream=get_current_stream().ptr or 1)
    if not isinstance(other, core.Array):
        raise TypeError(f"from_dlpack: got {type(array)}, but emulated device memory is only in arrays of this stand-in")
    return other.copy() if copy else view_of(other, other._host)


# --- copies ---
def order_of(array: "core.Array", order: str) -> str:
    order = order.upper()
    if order not in "CFA":
        raise ValueError(f"unsupported order: {order}")
    return ("F" if array.flags.fnc else "C") if order == "A" else order


def keeps(array: "core.Array", order: str | None) -> bool:
    """Whether `array` lies in memory as `order` says."""
    flags = array.flags
    return {"K": True, "A": flags.forc, "C": flags.c_contiguous, "F": flags.f_contiguous}[(order or "K").upper()]


def copied(array: "core.Array", dtype: np.dtype, order: str | None) -> "core.Array":
    made = empty_like(array, dtype, (order or "K").upper())
    source, target = array._host, made._host

    def work() -> None:
        target[...] = source

    run(work, blocks_of(array, made))
    return made
