"""Copies, other dtypes, other devices."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from minitorch_cv.autograd.function import Function
from minitorch_cv.device import Device, DeviceLike, device_of, moved, target_of
from minitorch_cv.functional.arguments import checked
from minitorch_cv.tensor import Tensor, method


class To(Function):
    @staticmethod
    def forward(ctx: Any, x: np.ndarray, *, dtype: np.dtype) -> np.ndarray:
        ctx.dtype = x.dtype
        return x.astype(dtype)

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> Tensor:
        return To.apply(gy, dtype=ctx.dtype)


class Move(Function):
    """To another device; the gradient goes the way back, but for one without values ("meta"), which stays without."""

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, *, device: Device) -> np.ndarray:
        ctx.source = device_of(x)
        return moved(x, device)

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> Tensor:
        return gy if gy.is_meta else Move.apply(gy, device=ctx.source)


@method()
@checked
def to(input: Tensor, *target: Any, dtype: DTypeLike | None = None, device: DeviceLike = None) -> Tensor:
    """`input` with elements of another dtype, or on another device: x.to("float64"), x.to("cuda"), x.to("cuda:1", np.float32), x.to(y).

    target: a dtype, a device, both, or a tensor that has both. `input` itself where nothing would change. The gradient comes back.
    Errors: TypeError for what is neither; ValueError for a GPU that is not there, and for another device than "meta" where `input` has no
    values; GpuUnavailableError where no GPU can be used.
    """
    place, wanted = target_of(target, dtype, device)
    if wanted is not None and input.data.dtype != wanted:
        input = To.apply(input, dtype=wanted)
    return input if place is None or place == input.device else Move.apply(input, device=place)


@method()
@checked
def cuda(input: Tensor, device: int | None = None) -> Tensor:
    """`input` on the GPU number `device`, by default where it is, or else the first."""
    return to(input, Device("cuda", device)) if device is not None or not input.is_cuda else input


@method()
@checked
def cpu(input: Tensor) -> Tensor:
    """`input` on the CPU; ValueError where it has no values."""
    return to(input, "cpu")


@method()
@checked
def float(input: Tensor) -> Tensor:
    """`input` as float32"""
    return to(input, np.float32)


@method()
@checked
def half(input: Tensor) -> Tensor:
    """`input` as float16"""
    return to(input, np.float16)


@method()
@checked
def bfloat16(input: Tensor) -> Tensor:
    """`input` as bfloat16: a float32 without the lower half of its digits. ImportError where the package ml_dtypes is missing."""
    return to(input, "bfloat16")


@method()
@checked
def double(input: Tensor) -> Tensor:
    """`input` as float64"""
    return to(input, np.float64)


@method()
@checked
def long(input: Tensor) -> Tensor:
    """`input` as int64, cut off towards zero"""
    return to(input, np.int64)


@method()
@checked
def bool(input: Tensor) -> Tensor:
    """Which elements are not zero"""
    return to(input, np.bool_)


class Clone(Function):
    @staticmethod
    def forward(ctx: Any, x: np.ndarray) -> np.ndarray:
        return x.copy(order="K")

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> Tensor:
        return gy


@method()
@checked
def clone(input: Tensor) -> Tensor:
    """A copy in memory of its own, which gradients flow through."""
    return Clone.apply(input)
