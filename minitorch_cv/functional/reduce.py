"""Reductions: along some dimensions, or along all, many elements become one."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from kernels.dtypes import is_floating
from minitorch_cv.autograd.autocast import autocasts
from minitorch_cv.autograd.function import Function
from minitorch_cv.device import full_array
from minitorch_cv.functional.arguments import checked
from minitorch_cv.functional.choose import maximum, minimum, where
from minitorch_cv.functional.join import cat
from minitorch_cv.functional.operands import floating
from minitorch_cv.functional.shape import as_dim, as_dims
from minitorch_cv.functional.sort import ValuesAndIndices
from minitorch_cv.functional.unary import Step
from minitorch_cv.tensor import Dims, Operand, Tensor, method


class Sum(Function):
    @staticmethod
    def forward(ctx: Any, x: np.ndarray, *, dims: tuple[int, ...], keepdim: bool) -> np.ndarray:
        ctx.shape = x.shape
        # float32 is added up in float64: the error of a long sum is that of rounding the result.
        accumulator = np.dtype(np.float64 if is_floating(x.dtype) else np.int64)
        y: Any = np.sum(x, axis=dims, keepdims=keepdim, dtype=accumulator)
        return y.astype(x.dtype, copy=False) if is_floating(x.dtype) else y

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> Tensor:
        return restored(gy, ctx.shape, ctx.options["dims"]).broadcast_to(ctx.shape)


def restored(y: Tensor, shape: tuple[int, ...], dims: tuple[int, ...]) -> Tensor:
    """A reduction's result with the reduced dimensions put back, of length 1, so that it can be broadcast against `shape`."""
    return y.reshape(tuple([1 if i in dims else length for i, length in enumerate(shape)]))


@method()
@autocasts
@checked
def sum(input: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """The sum over the dimensions `dim`; of integers and booleans, as int64."""
    return Sum.apply(input, dims=as_dims(dim, input.ndim), keepdim=keepdim)


@method()
@checked
def sum_to_shape(input: Tensor, shape: tuple[int, ...]) -> Tensor:
    """The sum over all that broadcasting from `shape` to the shape of `input` has repeated; the adjoint of `broadcast_to`."""
    added = input.ndim - len(shape)
    dims = tuple([i for i in range(input.ndim) if i < added or shape[i - added] != input.shape[i]])
    return Sum.apply(input, dims=dims, keepdim=True).reshape(shape)


@method()
@checked
def mean(input: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """The mean over the dimensions `dim`; NaN where there is nothing."""
    _check_floating("mean", input)
    dims = as_dims(dim, input.ndim)
    count = math.prod([input.shape[i] for i in dims])
    wide = np.promote_types(input.dtype, np.float32)  # a sum of float16 may leave its range where the mean does not
    return (sum(input.to(wide), dims, keepdim) / count).to(input.dtype)


@method()
@autocasts
@checked
def var(
    input: Tensor, dim: Dims | bool = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: float | None = None
) -> Tensor:
    """sum (x - mean)^2 / (n - correction): the unbiased variance for correction=1 (the default), that of the elements themselves for 0.

    unbiased: True for correction=1, False for 0; also in the place of `dim`, as in PyTorch.
    """
    _check_floating("var", input)
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    if unbiased is not None and correction is not None:
        raise ValueError(f"correction: got {correction} besides unbiased={unbiased}, expected one of them")
    if correction is None:
        correction = 0 if unbiased is False else 1
    dims = as_dims(dim, input.ndim)
    freedom = math.prod([input.shape[i] for i in dims]) - correction
    return sum((input - mean(input, dims, keepdim=True)).square(), dims, keepdim) / (freedom if freedom > 0 else 0)


@method()
@autocasts
@checked
def std(
    input: Tensor, dim: Dims | bool = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: float | None = None
) -> Tensor:
    """The square root of `var`, with the same arguments; its gradient is 0 where all elements are equal."""
    _check_floating("std", input)
    return _root(var(input, dim, unbiased, keepdim, correction=correction))


def _root(x: Tensor) -> Tensor:
    """sqrt(x), with the gradient 0 at 0"""
    some = x > 0
    return where(some, where(some, x, 1).sqrt(), x)


@method()
@autocasts
@checked
def norm(input: Tensor, p: float | str = 2, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """The p-norm over the dimensions `dim`: (sum |x|^p)^(1/p). Its gradient is 0 where x is 0.

    p: 2 or "fro" for the length (the square root of the sum of squares), 1 for the sum of |x|, infinity for the largest and -infinity
    for the smallest of |x|, 0 for the number of elements that are not 0, or any other number.
    """
    _check_floating("norm", input)
    p = 2 if p == "fro" else p
    if isinstance(p, str):
        raise ValueError(f"p: got {p!r}, expected a number or 'fro'")
    if p == 0:
        return sum(Step.apply(input, ufunc=lambda values: (values != 0).astype(values.dtype)), dim, keepdim)
    if p == 2:
        return _root(sum(input.square(), dim, keepdim))
    size = input.abs()
    if p == 1:
        return sum(size, dim, keepdim)
    if math.isinf(p):
        return (amax if p > 0 else amin)(size, dim, keepdim)
    if p < 0:
        return sum(size**p, dim, keepdim) ** (1 / p)
    total = sum(power(size, p), dim, keepdim)
    return power(total, 1 / p)


def power(x: Tensor, p: float) -> Tensor:
    """x ** p for x >= 0 and p > 0, with the gradient 0 at 0 also where it has none"""
    zero = x == 0
    return where(zero, 0, where(zero, 1, x) ** p)


@method()
@checked
def count_nonzero(input: Tensor, dim: Dims = None) -> Tensor:
    """The number of elements that are not zero, over the dimensions `dim`, as int64"""
    return sum(input != 0, dim)


@method()
@autocasts
@checked
def prod(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The product along `dim`, or of all elements; of integers and booleans, as int64.

    Multiplied in pairs, halving the length again and again: so zeros need no special case, and the gradient is that of multiplication.
    """
    if dim is None:
        return prod(input.reshape(-1), 0)
    dim = as_dim(dim, input.ndim)
    y = (input if is_floating(input.dtype) else input.long()).transpose(0, dim)
    if y.shape[0] == 0:
        y = cat([y, Tensor(full_array((1, *y.shape[1:]), 1, y.dtype, y.device))])
    while len(y) > 1:
        half = len(y) // 2
        pairs = y[:half] * y[half : 2 * half]
        y = pairs if len(y) == 2 * half else cat([pairs, y[-1:]])
    y = y.transpose(0, dim)
    return y if keepdim else y.squeeze(dim)


@method()
@autocasts
@checked
def logsumexp(input: Tensor, dim: Dims, keepdim: bool = False) -> Tensor:
    """log(sum(exp(x))) over the dimensions `dim`, computed so that nothing overflows; -infinity where there is nothing."""
    input, dims = floating(input), as_dims(dim, input.ndim)
    if 0 in [input.shape[i] for i in dims]:
        peak = Tensor(np.zeros_like(input.data, shape=[1 if i in dims else length for i, length in enumerate(input.shape)]))
    else:
        highest = np.max(input.data, axis=dims, keepdims=True)
        peak = Tensor(np.where(np.isfinite(highest), highest, 0).astype(input.dtype))
    y = sum((input - peak).exp(), dims, keepdim=True).log() + peak
    return y if keepdim else y.squeeze(dims)


# --- extremes


class Extreme(Function):
    """The largest (choose: np.max) or smallest elements; where several are equal, they share the gradient evenly."""

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, *, choose: Callable, dims: tuple[int, ...], keepdim: bool) -> np.ndarray:
        y = choose(x, axis=dims, keepdims=True)
        if ctx.needs[0]:
            chosen = (x == y) | np.isnan(x)
            ctx.share = (chosen / np.sum(chosen, axis=dims, keepdims=True)).astype(x.dtype)
        return y if keepdim else y.squeeze(dims)

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> Tensor:
        return restored(gy, ctx.share.shape, ctx.options["dims"]) * ctx.share


@method()
@checked
def amax(input: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """The largest element along `dim`; equal ones share the gradient. NaN wins."""
    return _extreme("amax", np.max, input, dim, keepdim)


@method()
@checked
def amin(input: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """The smallest element along `dim`; equal ones share the gradient. NaN wins."""
    return _extreme("amin", np.min, input, dim, keepdim)


def _extreme(name: str, choose: Callable, x: Tensor, dim: Dims, keepdim: bool) -> Tensor:
    dims = as_dims(dim, x.ndim)
    _check_not_empty(name, x, dims)
    return Extreme.apply(x, choose=choose, dims=dims, keepdim=keepdim)


@method()
@checked
def max(input: Tensor, dim: int | Operand | None = None, keepdim: bool = False) -> Any:
    """The largest of all elements (equal ones share the gradient); or (values, indices) along `dim`, where the first of equal ones wins.

    With a tensor instead of `dim`: `maximum`.
    """
    if dim is None:
        return amax(input)
    return maximum(input, dim) if isinstance(dim, Tensor) else _along("max", input, dim, keepdim, argmax)


@method()
@checked
def min(input: Tensor, dim: int | Operand | None = None, keepdim: bool = False) -> Any:
    """The smallest of all elements (equal ones share the gradient); or (values, indices) along `dim`, where the first of equal ones wins.

    With a tensor instead of `dim`: `minimum`.
    """
    if dim is None:
        return amin(input)
    return minimum(input, dim) if isinstance(dim, Tensor) else _along("min", input, dim, keepdim, argmin)


def _along(name: str, x: Tensor, dim: Any, keepdim: bool, find: Any) -> ValuesAndIndices:
    if x.ndim == 0:
        return ValuesAndIndices(x.reshape(()), Tensor(np.zeros_like(x.data, np.int64)))
    dim = as_dim(dim, x.ndim)
    indices = find(x, dim, keepdim=True)
    values = x.gather(dim, indices)
    return ValuesAndIndices(values, indices) if keepdim else ValuesAndIndices(values.squeeze(dim), indices.squeeze(dim))


@method()
@checked
def argmax(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Where the largest element is: the index along `dim`, or in the flattened tensor; the first of equal ones, or the first NaN."""
    _check_not_empty("argmax", input, as_dims(dim, input.ndim))
    return Tensor(np.argmax(input.data, axis=dim, keepdims=keepdim))


@method()
@checked
def argmin(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Where the smallest element is: the index along `dim`, or in the flattened tensor; the first of equal ones, or the first NaN."""
    _check_not_empty("argmin", input, as_dims(dim, input.ndim))
    return Tensor(np.argmin(input.data, axis=dim, keepdims=keepdim))


@method()
@checked
def all(input: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """Whether all elements are true (not zero)"""
    return Tensor(np.all(input.data, axis=as_dims(dim, input.ndim), keepdims=keepdim))


@method()
@checked
def any(input: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """Whether any element is true (not zero)"""
    return Tensor(np.any(input.data, axis=as_dims(dim, input.ndim), keepdims=keepdim))


def _check_floating(name: str, x: Tensor) -> None:
    if not is_floating(x.dtype):
        raise TypeError(f"{name}: got a tensor of {x.dtype}, expected floating point; convert it with .float()")


def _check_not_empty(name: str, x: Tensor, dims: tuple[int, ...]) -> None:
    if math.prod([x.shape[i] for i in dims]) == 0:
        raise ValueError(f"{name}: got shape {x.shape}, with no elements to choose from")
