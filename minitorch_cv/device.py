"""Devices: where the values of a tensor live.

    "cpu"   in the computer's memory
    "meta"  nowhere: such a tensor has a shape and a dtype, but no values, no memory, and what is computed from it has none either

The second makes models of any size for nothing, in order to look at them: shapes, summaries, costs, names of parameters.
`kernels.meta` says how it works.
"""

from contextvars import ContextVar
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from kernels import meta

NAMES = ("cpu", "meta")


class Device:
    """The device called `type`: "cpu" or "meta". Equal to its name.

    As a context manager, the device of tensors and layers that are created inside the block, where they are not told another:

        with mt.device("meta"):
            model = nn.Linear(10**6, 10**6)
    """

    __slots__ = ("type",)

    def __init__(self, type: "str | Device") -> None:
        name = type.type if isinstance(type, Device) else type
        if name not in NAMES:
            raise ValueError(f"device: got {name!r}, expected one of {', '.join(NAMES)}")
        self.type: str = name

    def __enter__(self) -> "Device":
        _entered.set((*_entered.get(), self))
        return self

    def __exit__(self, *exception: object) -> None:
        _entered.set(_entered.get()[:-1])

    def __eq__(self, other: object) -> bool:
        return self.type == (other.type if isinstance(other, Device) else other)

    def __hash__(self) -> int:
        return hash(self.type)

    def __repr__(self) -> str:
        return f"device('{self.type}')"

    def __str__(self) -> str:
        return self.type


CPU, META = Device("cpu"), Device("meta")
DeviceLike = Device | str | None

_entered: ContextVar[tuple[Device, ...]] = ContextVar("minitorch_cv_device", default=(CPU,))


def as_device(device: DeviceLike) -> Device:
    """The argument `device` of a function that creates tensors; None is that of the innermost `with device(...)`, or else the CPU."""
    return _entered.get()[-1] if device is None else device if isinstance(device, Device) else Device(device)


def device_of(array: np.ndarray) -> Device:
    """Where the values of `array` are."""
    return META if meta.is_meta(array) else CPU


def empty_array(shape: tuple[int, ...], dtype: DTypeLike, device: DeviceLike = None) -> np.ndarray:
    """An array on `device`, its values undefined."""
    wanted = as_dtype(dtype)
    return meta.empty(shape, wanted) if as_device(device) == META else np.empty(shape, wanted)


def moved(array: np.ndarray, device: DeviceLike) -> np.ndarray:
    """`array` on `device`: itself where it is there already. ValueError for values that are wanted of an array that has none."""
    if device is None or as_device(device) == device_of(array):
        return array
    if as_device(device) == META:
        return meta.like(array)
    raise ValueError("device: got 'cpu' for a tensor on 'meta', which has no values; Module.to_empty makes memory for a whole model")


def target_of(arguments: tuple, dtype: DTypeLike | None, device: DeviceLike) -> tuple[Device | None, np.dtype | None]:
    """The arguments of `to`: a device, a dtype, both, or a tensor that has both; as (device, dtype), None for what shall stay."""
    for argument in arguments:
        if isinstance(getattr(argument, "device", None), Device):  # a Tensor; NumPy's own types have a device of another kind
            device, dtype = argument.device, argument.dtype
        elif isinstance(argument, Device) or (isinstance(argument, str) and argument in NAMES):
            device = argument
        elif argument is not None:
            dtype = argument
    return None if device is None else as_device(device), None if dtype is None else as_dtype(dtype, f", or a device: {', '.join(NAMES)}")


def as_dtype(dtype: Any, others: str = "") -> np.dtype:
    """The argument `dtype`; TypeError for what is none, which says what else could have come."""
    try:
        return np.dtype(dtype)
    except TypeError:
        raise TypeError(f"dtype: got {dtype!r}, expected a NumPy dtype such as 'float64'{others}") from None
