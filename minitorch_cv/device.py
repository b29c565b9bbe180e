"""Devices: where the values of a tensor live.

    "cpu"     in the computer's memory
    "cuda"    in the memory of an NVIDIA GPU: "cuda:0" is the first, which "cuda" alone means too, "cuda:1" the second
    "meta"    nowhere: such a tensor has a shape and a dtype, but no values, no memory, and what is computed from it has none either

A tensor's array says where it is: NumPy's arrays are on the CPU, CuPy's on a GPU, and `kernels.meta` has those without values, which make
models of any size for nothing, in order to look at them: shapes, summaries, costs, names of parameters.
"""

import re
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from kernels import dtypes, gpu, meta
from kernels.layout import flat, unflat

EXPECTED = "cpu, meta, cuda (or cuda:1, the second GPU, and so on)"
_NAME = re.compile(r"(cpu|meta|cuda)(?::(\d+))?")


class Device:
    """The device called `type`: "cpu", "cuda" or "meta"; for a GPU also its number, in the name ("cuda:1") or as `index`, by default 0.

    A device is equal to its name. Whether there is such a GPU shows when it is used.
    As a context manager, the device of tensors and layers that are created inside the block, where they are not told another; of several
    GPUs, also the one that computes.

        with mt.device("meta"):
            model = nn.Linear(10**6, 10**6)
    """

    __slots__ = ("index", "type")

    def __init__(self, type: "str | Device", index: int | None = None) -> None:
        found = _NAME.fullmatch(str(type))
        if found is None or (found[1] != "cuda" and (found[2] or index) is not None) or (found[2] is not None and index is not None):
            raise ValueError(f"device: got {type if index is None else (type, index)!r}, expected one of {EXPECTED}")
        self.type: str = found[1]
        self.index: int | None = int(found[2] or index or 0) if self.type == "cuda" else None

    def __enter__(self) -> "Device":
        context = computing_on(self)
        context.__enter__()
        _entered.set((*_entered.get(), (self, context)))
        return self

    def __exit__(self, *exception: Any) -> None:
        *outer, (_, context) = _entered.get()
        _entered.set(tuple(outer))
        context.__exit__(*exception)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, str):
            return other in (str(self), self.type) and (other != "cuda" or self.index == 0)
        return isinstance(other, Device) and self.type == other.type and self.index == other.index

    def __hash__(self) -> int:
        return hash(str(self))

    def __repr__(self) -> str:
        return f"device('{self}')"

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __reduce__(self) -> Any:
        return Device, (str(self),)


CPU, META = Device("cpu"), Device("meta")
DeviceLike = Device | str | None

_entered: ContextVar[tuple[tuple[Device, AbstractContextManager], ...]] = ContextVar("minitorch_cv_device", default=())


def as_device(device: DeviceLike) -> Device:
    """The argument `device` of a function that creates tensors; None is that of the innermost `with device(...)`, or else the CPU."""
    if device is None:
        entered = _entered.get()
        return entered[-1][0] if entered else CPU
    return device if isinstance(device, Device) else Device(device)


def device_of(array: Any) -> Device:
    """Where the values of `array` are."""
    if type(array) is np.ndarray:
        return CPU
    if gpu.is_gpu(array):
        return _gpu(array.device.id)
    return META if meta.is_meta(array) else CPU


@cache
def _gpu(index: int) -> Device:
    return Device("cuda", index)


def computing_on(device: Device) -> AbstractContextManager:
    """Inside this context CuPy computes, and makes arrays, on `device`, if that is a GPU.

    Errors: GpuUnavailableError where there is none, ValueError for a number that no GPU has.
    """
    if device.type != "cuda":
        return nullcontext()
    cupy = gpu.cupy()
    if device.index:
        count = cupy.cuda.runtime.getDeviceCount()
        if device.index >= count:
            raise ValueError(f"device: got '{device}', expected cuda:0{f' to cuda:{count - 1}' if count > 1 else ', the only GPU here'}")
    return cupy.cuda.Device(device.index)


def at_work(device: Device) -> AbstractContextManager:
    """`computing_on` for a device that is known to be there, because arrays are; quick where it is the one that computes already."""
    if device.type != "cuda" or gpu.current_device() == device.index:
        return _AS_IT_IS
    return computing_on(device)


_AS_IT_IS = nullcontext()


# --- arrays


def empty_array(shape: tuple[int, ...], dtype: DTypeLike, device: DeviceLike = None) -> np.ndarray:
    """An array on `device`, its values undefined."""
    wanted, place = as_dtype(dtype), as_device(device)
    if place.type == "meta":
        return meta.empty(shape, wanted)
    if place.type == "cpu":
        return np.empty(shape, wanted)
    with computing_on(place):
        return gpu.empty(shape, wanted)


def full_array(shape: tuple[int, ...], value: Any, dtype: DTypeLike, device: DeviceLike = None) -> np.ndarray:
    """An array on `device`, `value` everywhere."""
    place = as_device(device)
    if place.type == "cpu":
        return np.full(shape, value, as_dtype(dtype))
    with computing_on(place):
        array = empty_array(shape, dtype, place)
        array.fill(value)
    return array


def moved(array: np.ndarray, device: DeviceLike) -> np.ndarray:
    """`array` on `device`, in the same memory order: itself where it is there already.

    Errors: ValueError for values that are wanted of an array that has none, and those of `computing_on`.
    """
    here, there = device_of(array), as_device(device)
    if device is None or there == here:
        return array
    if there.type == "meta":
        return meta.like(array)
    if here.type == "meta":
        raise ValueError(f"device: got '{there}' for a tensor on 'meta', which has no values; Module.to_empty gives a whole model memory")
    if there.type == "cpu":
        return host(array)
    with at_work(here):
        values, order = flat(array if here.type == "cuda" else array.astype(array.dtype.newbyteorder("="), copy=False))
    with computing_on(there):
        return unflat(values.copy() if here.type == "cuda" else gpu.cupy().asarray(values), array.shape, order)


def host(array: Any) -> np.ndarray:
    """The values of `array`, if it is on a GPU, in a new array on the CPU of the same memory order; itself if it is not."""
    if not gpu.is_gpu(array):
        return array
    values: Any
    with at_work(device_of(array)):
        values, order = flat(array)
        return unflat(values.get(), array.shape, order)


def beside(array: Any, other: np.ndarray) -> np.ndarray:
    """`array`, which a function has made with NumPy, where `other` is: on a GPU itself, if that is on one."""
    return moved(array, device_of(other)) if gpu.is_gpu(other) else array


def together(name: str, arrays: Sequence[Any], fixed: Sequence[bool]) -> tuple[Device, list[Any]]:
    """(device, arrays) for arrays that are not all on the CPU, so that one function, called `name`, can compute with them.

    One of them that has no values is enough, and the others lose theirs. To the GPU on which one is, the others are moved, but for those
    that are `fixed`: a ValueError. Single numbers on the CPU that are not fixed become NumPy scalars, which CuPy computes with.
    """
    if any(type(array) is meta.MetaArray for array in arrays):
        return META, [None if array is None else meta.like(array) for array in arrays]
    device = next(device_of(array) for array in arrays if gpu.is_gpu(array))
    result = []
    for array, stays in zip(arrays, fixed, strict=True):
        if stays and array is not None and (other := device_of(array)) != device:
            raise ValueError(f"{name}: got tensors on {other} and {device}, expected all on one device; move one with .to('{device}')")
        single = type(array) is np.ndarray and array.ndim == 0
        result.append(array[()] if single else None if array is None else moved(array, device))
    return device, result


# --- arguments


def target_of(arguments: tuple, dtype: DTypeLike | None, device: DeviceLike) -> tuple[Device | None, np.dtype | None]:
    """The arguments of `to`: a device, a dtype, both, or a tensor that has both; as (device, dtype), None for what shall stay."""
    for argument in arguments:
        if isinstance(getattr(argument, "device", None), Device):  # a Tensor; NumPy's own types have a device of another kind
            device, dtype = argument.device, argument.dtype
        elif isinstance(argument, Device) or (isinstance(argument, str) and _NAME.fullmatch(argument)):
            device = argument
        elif argument is not None:
            dtype = argument
    return None if device is None else as_device(device), None if dtype is None else as_dtype(dtype, f", or a device: {EXPECTED}")


def as_dtype(dtype: Any, others: str = "") -> np.dtype:
    """The argument `dtype`; TypeError for what is none, which says what else could have come."""
    if isinstance(dtype, str) and dtype == "bfloat16":
        return dtypes.bfloat16()
    try:
        return np.dtype(dtype)
    except TypeError:
        raise TypeError(f"dtype: got {dtype!r}, expected a NumPy dtype such as 'float64'{others}") from None
