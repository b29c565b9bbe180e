"""New tensors: filled with a value, counted up, or drawn at random."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from minitorch_cv import random
from minitorch_cv.functional.shape import as_shape
from minitorch_cv.tensor import DEFAULT_DTYPE, Tensor, tensor


def zeros(*shape: Any, dtype: DTypeLike = DEFAULT_DTYPE, requires_grad: bool = False) -> Tensor:
    """A tensor of zeros"""
    return Tensor(np.zeros(as_shape(shape), dtype), requires_grad)


def ones(*shape: Any, dtype: DTypeLike = DEFAULT_DTYPE, requires_grad: bool = False) -> Tensor:
    """A tensor of ones"""
    return Tensor(np.ones(as_shape(shape), dtype), requires_grad)


def full(shape: int | tuple[int, ...], value: float, dtype: DTypeLike | None = None, requires_grad: bool = False) -> Tensor:
    """`value` everywhere"""
    like = tensor(value, dtype)
    return Tensor(np.full(as_shape((shape,)), like.data), requires_grad)


def zeros_like(x: Tensor, dtype: DTypeLike | None = None, requires_grad: bool = False) -> Tensor:
    """Zeros in the shape, dtype and memory order of `x`"""
    return Tensor(np.zeros_like(x.data, dtype), requires_grad)


def ones_like(x: Tensor, dtype: DTypeLike | None = None, requires_grad: bool = False) -> Tensor:
    """Ones in the shape, dtype and memory order of `x`"""
    return Tensor(np.ones_like(x.data, dtype), requires_grad)


def full_like(x: Tensor, value: float, dtype: DTypeLike | None = None, requires_grad: bool = False) -> Tensor:
    """`value` everywhere, in the shape, dtype and memory order of `x`"""
    return Tensor(np.full_like(x.data, value, dtype), requires_grad)


def arange(start: float, end: float | None = None, step: float = 1, dtype: DTypeLike | None = None) -> Tensor:
    """start, start + step, ... up to `end` exclusive (`arange(end)` starts at 0); integers if all three are."""
    first, last = (0, start) if end is None else (start, end)
    if dtype is None:
        dtype = DEFAULT_DTYPE if any(isinstance(number, float) for number in (first, last, step)) else np.int64
    return Tensor(np.arange(first, last, step).astype(dtype))


def eye(n: int, dtype: DTypeLike = DEFAULT_DTYPE) -> Tensor:
    """The identity matrix of n rows"""
    return Tensor(np.eye(n, dtype=dtype))


def randn(*shape: Any, dtype: DTypeLike = DEFAULT_DTYPE, requires_grad: bool = False) -> Tensor:
    """Normally distributed random numbers, mean 0, variance 1"""
    return Tensor(random.generator("randn").standard_normal(as_shape(shape)).astype(dtype), requires_grad)


def rand(*shape: Any, dtype: DTypeLike = DEFAULT_DTYPE, requires_grad: bool = False) -> Tensor:
    """Random numbers, uniform between 0 (included) and 1 (excluded)"""
    return Tensor(random.generator("rand").random(as_shape(shape)).astype(dtype), requires_grad)


def randint(low: int, high: int, shape: tuple[int, ...], dtype: DTypeLike = np.int64) -> Tensor:
    """Random integers, low <= n < high"""
    return Tensor(random.generator("randint").integers(low, high, as_shape((shape,))).astype(dtype))
