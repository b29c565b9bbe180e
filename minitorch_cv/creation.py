"""New tensors: filled with a value, counted up, or drawn at random.

device: "cpu", "cuda" for a GPU, or "meta" for a tensor without values; by default that of `with mt.device(...)`, else the CPU. Functions
called `..._like` keep the device of the tensor that they are given. Random numbers are drawn on the CPU, so that a seed means the same ones
everywhere.
"""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from minitorch_cv import random
from minitorch_cv.device import META, DeviceLike, as_device, as_dtype, at_work, empty_array, full_array, moved
from minitorch_cv.functional.shape import as_shape
from minitorch_cv.tensor import DEFAULT_DTYPE, Tensor, tensor


def empty(*shape: Any, dtype: DTypeLike = DEFAULT_DTYPE, device: DeviceLike = None, requires_grad: bool = False) -> Tensor:
    """A tensor whose values are whatever was in its memory"""
    return Tensor(empty_array(as_shape(shape), dtype, device), requires_grad)


def zeros(*shape: Any, dtype: DTypeLike = DEFAULT_DTYPE, device: DeviceLike = None, requires_grad: bool = False) -> Tensor:
    """A tensor of zeros"""
    return _filled(as_shape(shape), 0, dtype, device, requires_grad)


def ones(*shape: Any, dtype: DTypeLike = DEFAULT_DTYPE, device: DeviceLike = None, requires_grad: bool = False) -> Tensor:
    """A tensor of ones"""
    return _filled(as_shape(shape), 1, dtype, device, requires_grad)


def full(
    size: int | tuple[int, ...], fill_value: float, dtype: DTypeLike | None = None, requires_grad: bool = False, device: DeviceLike = None
) -> Tensor:
    """`fill_value` everywhere"""
    like = tensor(fill_value, dtype, device="cpu")
    return _filled(as_shape((size,)), like.data, like.dtype, device, requires_grad)


def zeros_like(input: Tensor, dtype: DTypeLike | None = None, requires_grad: bool = False, device: DeviceLike = None) -> Tensor:
    """Zeros in the shape, dtype and memory order of `input`"""
    return full_like(input, 0, dtype, requires_grad, device)


def ones_like(input: Tensor, dtype: DTypeLike | None = None, requires_grad: bool = False, device: DeviceLike = None) -> Tensor:
    """Ones in the shape, dtype and memory order of `input`"""
    return full_like(input, 1, dtype, requires_grad, device)


def empty_like(input: Tensor, dtype: DTypeLike | None = None, requires_grad: bool = False, device: DeviceLike = None) -> Tensor:
    """Whatever was in memory, in the shape, dtype and memory order of `input`"""
    if device is None or as_device(device) == input.device:
        with at_work(input.device):
            return Tensor(np.empty_like(input.data, None if dtype is None else as_dtype(dtype)), requires_grad)
    return Tensor(empty_array(input.shape, input.dtype if dtype is None else dtype, device), requires_grad)


def rand_like(input: Tensor, dtype: DTypeLike | None = None, requires_grad: bool = False, device: DeviceLike = None) -> Tensor:
    """`rand` in the shape and dtype of `input`"""
    return rand(*input.shape, **_as_in(input, dtype, device), requires_grad=requires_grad)


def randn_like(input: Tensor, dtype: DTypeLike | None = None, requires_grad: bool = False, device: DeviceLike = None) -> Tensor:
    """`randn` in the shape and dtype of `input`"""
    return randn(*input.shape, **_as_in(input, dtype, device), requires_grad=requires_grad)


def full_like(
    input: Tensor, fill_value: float, dtype: DTypeLike | None = None, requires_grad: bool = False, device: DeviceLike = None
) -> Tensor:
    """`fill_value` everywhere, in the shape, dtype and memory order of `input`"""
    if device is None or as_device(device) == input.device:
        with at_work(input.device):
            return Tensor(np.full_like(input.data, fill_value, None if dtype is None else as_dtype(dtype)), requires_grad)
    return _filled(input.shape, fill_value, input.dtype if dtype is None else dtype, device, requires_grad)


def arange(
    start: float, end: float | None = None, step: float = 1, dtype: DTypeLike | None = None, device: DeviceLike = None
) -> Tensor:
    """start, start + step, ... up to `end` exclusive (`arange(end)` starts at 0); integers if all three are."""
    first, last = (0, start) if end is None else (start, end)
    if not step:
        raise ValueError("step: got 0, expected another number")
    if dtype is None:
        dtype = DEFAULT_DTYPE if any(isinstance(number, float) for number in (first, last, step)) else np.int64
    return Tensor(moved(np.arange(first, last, step).astype(as_dtype(dtype)), as_device(device)))


def linspace(start: float, end: float, steps: int, dtype: DTypeLike = DEFAULT_DTYPE, device: DeviceLike = None) -> Tensor:
    """`steps` numbers at equal distances from `start` to `end`, both included"""
    if steps < 0:
        raise ValueError(f"steps: got {steps}, expected 0 or more")
    return Tensor(moved(np.linspace(start, end, steps).astype(as_dtype(dtype)), as_device(device)))


def eye(n: int, m: int | None = None, *, dtype: DTypeLike = DEFAULT_DTYPE, device: DeviceLike = None) -> Tensor:
    """The identity matrix of n rows; with `m`, cut or filled with zeros to m columns"""
    if as_device(device) == META:
        return empty(n, n if m is None else m, dtype=dtype, device=META)
    return Tensor(moved(np.eye(n, m, dtype=as_dtype(dtype)), as_device(device)))


def randn(*shape: Any, dtype: DTypeLike = DEFAULT_DTYPE, device: DeviceLike = None, requires_grad: bool = False) -> Tensor:
    """Normally distributed random numbers, mean 0, variance 1"""
    if as_device(device) == META:
        return empty(*shape, dtype=dtype, device=META, requires_grad=requires_grad)
    values = random.generator("randn").standard_normal(as_shape(shape)).astype(as_dtype(dtype))
    return Tensor(moved(values, as_device(device)), requires_grad)


def rand(*shape: Any, dtype: DTypeLike = DEFAULT_DTYPE, device: DeviceLike = None, requires_grad: bool = False) -> Tensor:
    """Random numbers, uniform between 0 (included) and 1 (excluded)"""
    if as_device(device) == META:
        return empty(*shape, dtype=dtype, device=META, requires_grad=requires_grad)
    return Tensor(moved(random.generator("rand").random(as_shape(shape)).astype(as_dtype(dtype)), as_device(device)), requires_grad)


def randint(
    low: int = 0, high: Any = None, size: int | tuple[int, ...] | None = None, dtype: DTypeLike = np.int64, device: DeviceLike = None
) -> Tensor:
    """Random integers, low <= n < high; `randint(high, size)` begins at 0."""
    if size is None:
        low, high, size = 0, low, high
    elif high is None:
        low, high = 0, low
    if size is None or not low < high:
        raise ValueError(f"high: got {high} with low {low} and size {size}, expected a larger number than low, and a size")
    if as_device(device) == META:
        return empty(size, dtype=dtype, device=META)
    return Tensor(moved(random.generator("randint").integers(low, high, as_shape((size,))).astype(as_dtype(dtype)), as_device(device)))


def _as_in(input: Tensor, dtype: DTypeLike | None, device: DeviceLike) -> dict[str, Any]:
    return {"dtype": input.dtype if dtype is None else dtype, "device": input.device if device is None else device}


def _filled(shape: tuple[int, ...], value: Any, dtype: DTypeLike, device: DeviceLike, requires_grad: bool) -> Tensor:
    return Tensor(full_array(shape, value, dtype, device), requires_grad)
