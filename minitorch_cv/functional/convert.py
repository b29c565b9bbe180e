"""Copies and other dtypes."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from minitorch_cv.autograd.function import Function
from minitorch_cv.tensor import Tensor, method


class To(Function):
    @staticmethod
    def forward(ctx: Any, x: np.ndarray, *, dtype: np.dtype) -> np.ndarray:
        ctx.dtype = x.dtype
        return x.astype(dtype)

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> Tensor:
        return To.apply(gy, dtype=ctx.dtype)


@method()
def to(x: Tensor, dtype: DTypeLike) -> Tensor:
    """`x` with elements of another dtype ("float64", np.float32, ...); `x` itself where they have it already."""
    try:
        wanted = np.dtype(dtype)
    except TypeError:
        raise TypeError(f"dtype: got {dtype!r}, expected a NumPy dtype such as 'float64'; tensors live on the CPU") from None
    return x if x.data.dtype == wanted else To.apply(x, dtype=wanted)


@method()
def float(x: Tensor) -> Tensor:
    """`x` as float32"""
    return to(x, np.float32)


@method()
def double(x: Tensor) -> Tensor:
    """`x` as float64"""
    return to(x, np.float64)


@method()
def long(x: Tensor) -> Tensor:
    """`x` as int64, cut off towards zero"""
    return to(x, np.int64)


@method()
def bool(x: Tensor) -> Tensor:
    """Which elements are not zero"""
    return to(x, np.bool_)


class Clone(Function):
    @staticmethod
    def forward(ctx: Any, x: np.ndarray) -> np.ndarray:
        return x.copy(order="K")

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> Tensor:
        return gy


@method()
def clone(x: Tensor) -> Tensor:
    """A copy in memory of its own, which gradients flow through."""
    return Clone.apply(x)
