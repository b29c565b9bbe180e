"""Changes in place: `x.add_(y)`, `x += y`, `x[i] = y`.

The function is computed as always; then `x` takes over the values and the history of the result. What was computed from `x` before
keeps the old history, which stays true unless a gradient needs the old values: then backward raises. A leaf that requires a
gradient can be changed only inside `no_grad`, as optimisers do: a change that counted as part of the computation would make it
something other than a leaf.
"""

from collections.abc import Callable

import numpy as np

from kernels.meta import as_array, is_meta, no_values
from minitorch_cv.autograd.modes import is_grad_enabled
from minitorch_cv.device import at_work, host, moved
from minitorch_cv.functional.choose import clamp, masked_fill
from minitorch_cv.functional.index import as_index, may_repeat, only_last, setitem
from minitorch_cv.functional.math import add, div, floor_divide, mul, pow, remainder, sub
from minitorch_cv.tensor import Index, Operand, Tensor, method


@method("__setitem__")
def assign(x: Tensor, index: Index, value: Operand) -> None:
    """x[index] = value"""
    if is_grad_enabled() and (x.requires_grad or (isinstance(value, Tensor) and value.requires_grad)):
        _become("x[index] = value", x, lambda: setitem(x, index, value))
    else:
        _check_writable("x[index] = value", x)
        values = value.data if isinstance(value, Tensor) else as_array(value)
        if is_meta(values) and not x.is_meta:
            raise no_values("x[index] = value")
        put(values, x, as_index(index, x))
        x.mark_changed()


def put(values: np.ndarray, x: Tensor, index: tuple) -> None:
    """x.data[index] = values, which may be on another device."""
    if x.is_cuda:
        values = values[()] if type(values) is np.ndarray and values.ndim == 0 else moved(values, x.device)
        with at_work(x.device):
            x.data[index] = only_last(values, index, x.shape) if may_repeat(index) else values
    else:
        x.data[index] = host(values)


@method()
def copy_(x: Tensor, other: Operand) -> Tensor:
    """Give `x` the values of `other`, broadcast and converted to its dtype."""
    x[...] = other
    return x


@method()
def fill_(x: Tensor, value: float) -> Tensor:
    """Make all elements `value`."""
    x[...] = value
    return x


@method()
def zero_(x: Tensor) -> Tensor:
    """Make all elements 0."""
    x[...] = 0
    return x


@method()
def add_(x: Tensor, other: Operand, *, alpha: float = 1) -> Tensor:
    """x += alpha * other"""
    return _become("add_", x, lambda: add(x, other if alpha == 1 else mul(other, alpha)))


@method()
def sub_(x: Tensor, other: Operand, *, alpha: float = 1) -> Tensor:
    """x -= alpha * other"""
    return _become("sub_", x, lambda: sub(x, other if alpha == 1 else mul(other, alpha)))


@method("mul_", "__imul__")
def mul_(x: Tensor, other: Operand) -> Tensor:
    """x *= other"""
    return _become("mul_", x, lambda: mul(x, other))


@method("div_", "__itruediv__")
def div_(x: Tensor, other: Operand) -> Tensor:
    """x /= other"""
    return _become("div_", x, lambda: div(x, other))


@method("pow_", "__ipow__")
def pow_(x: Tensor, exponent: Operand) -> Tensor:
    """x **= exponent"""
    return _become("pow_", x, lambda: pow(x, exponent))


@method("floor_divide_", "__ifloordiv__")
def floor_divide_(x: Tensor, other: Operand) -> Tensor:
    """x //= other"""
    return _become("floor_divide_", x, lambda: floor_divide(x, other))


@method("remainder_", "__imod__")
def remainder_(x: Tensor, other: Operand) -> Tensor:
    """x %= other"""
    return _become("remainder_", x, lambda: remainder(x, other))


@method()
def clamp_(x: Tensor, min: Operand | None = None, max: Operand | None = None) -> Tensor:
    """Replace what is below `min` or above `max` by them."""
    return _become("clamp_", x, lambda: clamp(x, min, max))


@method()
def masked_fill_(x: Tensor, mask: Tensor | np.ndarray, value: Operand) -> Tensor:
    """Make the elements where `mask` holds `value`."""
    return _become("masked_fill_", x, lambda: masked_fill(x, mask, value))


@method("__iadd__")
def _iadd(x: Tensor, other: Operand) -> Tensor:
    return add_(x, other)


@method("__isub__")
def _isub(x: Tensor, other: Operand) -> Tensor:
    return sub_(x, other)


def _become(name: str, x: Tensor, compute: Callable[[], Tensor]) -> Tensor:
    """`x` takes over what `compute` returns: the values, in its own memory, and, if they have one, the history."""
    _check_writable(name, x)
    result = compute()
    if result.shape != x.shape:
        raise ValueError(f"{name}: the result has shape {result.shape} and does not fit into the tensor, of shape {x.shape}")
    if not np.can_cast(result.dtype, x.dtype, "same_kind"):
        raise TypeError(f"{name}: the result is {result.dtype} and does not fit into the tensor, of {x.dtype}")
    np.copyto(x.data, result.data, casting="same_kind")
    x.mark_changed()
    if result.requires_grad:
        result = result.to(x.dtype)
        x._edge, x._requires_grad = result._edge, True
        x._version.recorded += 1
        x._recorded = x._version.recorded
    return x


def _check_writable(name: str, x: Tensor) -> None:
    if not getattr(x.data.flags, "writeable", True) or (x.is_cuda and _repeats(x.data)):
        raise ValueError(f"{name}: the tensor is read-only, as the result of broadcast_to is; change a clone() of it")
    if is_grad_enabled() and x.requires_grad and _shows_a_leaf(x):
        raise RuntimeError(f"{name}: the tensor is a leaf that requires a gradient, or a view of one; change it inside no_grad()")


def _repeats(x: np.ndarray) -> bool:
    """Whether several elements share a place in memory: CuPy would let them be written."""
    return any(stride == 0 and length > 1 for stride, length in zip(x.strides, x.shape, strict=True))


def _shows_a_leaf(x: Tensor) -> bool:
    """Whether `x` is a leaf, or a chain of views leads from it to a leaf in the same memory."""
    edge = x if x._edge is None else x._edge
    while isinstance(edge, tuple) and edge[0].is_view and edge[0].edges:
        edge = edge[0].edges[0]
    return isinstance(edge, Tensor) and np.may_share_memory(edge.data, x.data)
