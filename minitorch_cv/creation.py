"""New tensors: filled with a value, counted up, or drawn at random.

device: "cpu", or "meta" for a tensor without values; by default that of `with mt.device(...)`, else the CPU. Functions called `..._like`
keep the device of the tensor that they are given.
"""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from kernels import meta
from minitorch_cv import random
from minitorch_cv.device import META, DeviceLike, as_device, empty_array, moved
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
    shape: int | tuple[int, ...], value: float, dtype: DTypeLike | None = None, requires_grad: bool = False, device: DeviceLike = None
) -> Tensor:
    """`value` everywhere"""
    like = tensor(value, dtype, device="cpu")
    return _filled(as_shape((shape,)), like.data, like.dtype, device, requires_grad)


def zeros_like(x: Tensor, dtype: DTypeLike | None = None, requires_grad: bool = False, device: DeviceLike = None) -> Tensor:
    """Zeros in the shape, dtype and memory order of `x`"""
    return full_like(x, 0, dtype, requires_grad, device)


def ones_like(x: Tensor, dtype: DTypeLike | None = None, requires_grad: bool = False, device: DeviceLike = None) -> Tensor:
    """Ones in the shape, dtype and memory order of `x`"""
    return full_like(x, 1, dtype, requires_grad, device)


def full_like(
    x: Tensor, value: float, dtype: DTypeLike | None = None, requires_grad: bool = False, device: DeviceLike = None
) -> Tensor:
    """`value` everywhere, in the shape, dtype and memory order of `x`"""
    if device is None or as_device(device) == x.device:
        return Tensor(np.full_like(x.data, value, dtype), requires_grad)
    return _filled(x.shape, value, x.dtype if dtype is None else dtype, device, requires_grad)


def arange(
    start: float, end: float | None = None, step: float = 1, dtype: DTypeLike | None = None, device: DeviceLike = None
) -> Tensor:
    """start, start + step, ... up to `end` exclusive (`arange(end)` starts at 0); integers if all three are."""
    first, last = (0, start) if end is None else (start, end)
    if not step:
        raise ValueError("step: got 0, expected another number")
    if dtype is None:
        dtype = DEFAULT_DTYPE if any(isinstance(number, float) for number in (first, last, step)) else np.int64
    return Tensor(moved(np.arange(first, last, step).astype(dtype), as_device(device)))


def linspace(start: float, end: float, steps: int, dtype: DTypeLike = DEFAULT_DTYPE, device: DeviceLike = None) -> Tensor:
    """`steps` numbers at equal distances from `start` to `end`, both included"""
    if steps < 0:
        raise ValueError(f"steps: got {steps}, expected 0 or more")
    return Tensor(moved(np.linspace(start, end, steps).astype(dtype), as_device(device)))


def eye(n: int, dtype: DTypeLike = DEFAULT_DTYPE, device: DeviceLike = None) -> Tensor:
    """The identity matrix of n rows"""
    if as_device(device) == META:
        return Tensor(meta.empty((n, n), dtype))
    return Tensor(np.eye(n, dtype=dtype))


def randn(*shape: Any, dtype: DTypeLike = DEFAULT_DTYPE, device: DeviceLike = None, requires_grad: bool = False) -> Tensor:
    """Normally distributed random numbers, mean 0, variance 1"""
    if as_device(device) == META:
        return empty(*shape, dtype=dtype, device=META, requires_grad=requires_grad)
    return Tensor(random.generator("randn").standard_normal(as_shape(shape)).astype(dtype), requires_grad)


def rand(*shape: Any, dtype: DTypeLike = DEFAULT_DTYPE, device: DeviceLike = None, requires_grad: bool = False) -> Tensor:
    """Random numbers, uniform between 0 (included) and 1 (excluded)"""
    if as_device(device) == META:
        return empty(*shape, dtype=dtype, device=META, requires_grad=requires_grad)
    return Tensor(random.generator("rand").random(as_shape(shape)).astype(dtype), requires_grad)


def randint(low: int, high: int, shape: tuple[int, ...], dtype: DTypeLike = np.int64, device: DeviceLike = None) -> Tensor:
    """Random integers, low <= n < high"""
    if as_device(device) == META:
        return empty(shape, dtype=dtype, device=META)
    return Tensor(random.generator("randint").integers(low, high, as_shape((shape,))).astype(dtype))


def _filled(shape: tuple[int, ...], value: Any, dtype: DTypeLike, device: DeviceLike, requires_grad: bool) -> Tensor:
    if as_device(device) == META:
        return Tensor(meta.empty(shape, dtype), requires_grad)
    return Tensor(np.full(shape, value, dtype), requires_grad)
