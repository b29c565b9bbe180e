"""Other shapes for the same elements. Where the memory allows it, the result is a view."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from minitorch_cv.autograd.function import Function
from minitorch_cv.functional.arguments import checked
from minitorch_cv.tensor import Dims, Tensor, method


class Reshape(Function):
    is_view = True

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, *, shape: tuple[int, ...]) -> np.ndarray:
        ctx.shape = x.shape
        return x.reshape(shape)

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> Tensor:
        return Reshape.apply(gy, shape=ctx.shape)


@method("reshape", "view")
@checked
def reshape(input: Tensor, shape: Any = (), *more: int) -> Tensor:
    """The elements of `input`, in C order, in another shape; one length may be -1."""
    lengths = as_shape((shape, *more))
    try:
        return Reshape.apply(input, shape=lengths)
    except ValueError:
        raise ValueError(f"shape: got {lengths} for {input.numel()} elements of shape {input.shape}") from None


@method()
@checked
def unflatten(input: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """`input` with the dimension `dim` cut into several of the lengths `sizes`, of which one may be -1; the inverse of `flatten`."""
    dim = as_dim(dim, input.ndim)
    lengths = list(as_shape((sizes,)))
    if lengths.count(-1) == 1:
        known = math.prod([length for length in lengths if length != -1])
        lengths[lengths.index(-1)] = input.shape[dim] // known if known else 0
    if math.prod(lengths) != input.shape[dim] or min(lengths, default=1) < 0:
        raise ValueError(f"sizes: got {tuple(sizes)}, which do not multiply to {input.shape[dim]}, the length of dimension {dim}")
    return Reshape.apply(input, shape=(*input.shape[:dim], *lengths, *input.shape[dim + 1 :]))


@method()
@checked
def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """`input` with the dimensions from `start_dim` to `end_dim` (included) made one."""
    if input.ndim == 0:
        return input.reshape(1)
    start, end = as_dim(start_dim, input.ndim, "start_dim"), as_dim(end_dim, input.ndim, "end_dim")
    if start > end:
        raise ValueError(f"start_dim: got {start_dim}, which comes after end_dim {end_dim}")
    length = int(np.prod(input.shape[start : end + 1]))
    return input.reshape(*input.shape[:start], length, *input.shape[end + 1 :])


@method()
@checked
def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """`input` with a dimension of length 1 put in before `dim`."""
    dim = as_dim(dim, input.ndim + 1)
    return Reshape.apply(input, shape=(*input.shape[:dim], 1, *input.shape[dim:]))


@method()
@checked
def squeeze(input: Tensor, dim: Dims = None) -> Tensor:
    """`input` without its dimensions of length 1: all of them, or only those of `dim`."""
    dims = as_dims(dim, input.ndim)
    return Reshape.apply(input, shape=tuple([length for i, length in enumerate(input.shape) if i not in dims or length != 1]))


class Permute(Function):
    is_view = True

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, *, dims: tuple[int, ...]) -> np.ndarray:
        return x.transpose(dims)

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> Tensor:
        inverse = [0] * gy.ndim
        for i, dim in enumerate(ctx.options["dims"]):
            inverse[dim] = i
        return Permute.apply(gy, dims=tuple(inverse))


@method()
@checked
def permute(input: Tensor, dims: Any = (), *more: int) -> Tensor:
    """Dimension i of the result is dimension dims[i] of `input`."""
    dims = as_shape((dims, *more), "dims")
    order = tuple([as_dim(dim, input.ndim, "dims") for dim in dims])
    if len(order) != input.ndim or len(set(order)) != input.ndim:
        raise ValueError(f"dims: got {dims}, expected each of the {input.ndim} dimensions once")
    return Permute.apply(input, dims=order)


@method()
@checked
def movedim(input: Tensor, source: int | Sequence[int], destination: int | Sequence[int]) -> Tensor:
    """`input` with the dimensions `source` moved to the places `destination`; the others stay in their order."""
    sources, targets = ((dims,) if isinstance(dims, (int, np.integer)) else tuple(dims) for dims in (source, destination))
    if len(sources) != len(targets):
        raise ValueError(f"destination: got {len(targets)} dimensions, expected {len(sources)} like source")
    moved = dict(zip(_distinct(targets, input.ndim, "destination"), _distinct(sources, input.ndim, "source"), strict=True))
    others = (i for i in range(input.ndim) if i not in moved.values())
    return Permute.apply(input, dims=tuple([moved[i] if i in moved else next(others) for i in range(input.ndim)]))


def _distinct(dims: tuple[int, ...], ndim: int, name: str) -> list[int]:
    found = [as_dim(dim, ndim, name) for dim in dims]
    if len(set(found)) < len(found):
        raise ValueError(f"{name}: got {dims}, which names a dimension twice")
    return found


@method()
@checked
def t(input: Tensor) -> Tensor:
    """The transpose of a matrix; vectors and single numbers stay as they are."""
    if input.ndim > 2:
        raise ValueError(f"input: got shape {input.shape}, expected at most 2 dimensions; use transpose(dim0, dim1)")
    return Permute.apply(input, dims=tuple(range(input.ndim))[::-1])


@method("transpose", "swapaxes", "swapdims")
@checked
def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """`input` with two dimensions exchanged."""
    order = list(range(input.ndim))
    dim0, dim1 = as_dim(dim0, input.ndim, "dim0"), as_dim(dim1, input.ndim, "dim1")
    order[dim0], order[dim1] = dim1, dim0
    return Permute.apply(input, dims=tuple(order))


class Expand(Function):
    is_view = True

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, *, shape: tuple[int, ...]) -> np.ndarray:
        ctx.shape = x.shape
        return np.broadcast_to(x, shape)

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> Tensor:
        return gy.sum_to_shape(ctx.shape)


@method("expand", "broadcast_to")
@checked
def broadcast_to(input: Tensor, shape: Any = (), *more: int) -> Tensor:
    """`input` repeated along new dimensions and along those of length 1, without a copy (so it cannot be written to); -1 keeps a length."""
    shape = as_shape((shape, *more))
    lengths = list(shape)
    added = len(lengths) - input.ndim
    for i, length in enumerate(lengths):
        if length == -1 and i >= added:
            lengths[i] = input.shape[i - added]
    if added < 0 or any(old not in (1, new) for old, new in zip(input.shape, lengths[added:], strict=True)):
        raise ValueError(f"shape: got {shape}, to which shape {input.shape} cannot be broadcast")
    return Expand.apply(input, shape=tuple(lengths))


@method()
@checked
def expand_as(input: Tensor, other: Tensor) -> Tensor:
    """`broadcast_to` the shape of `other`"""
    return broadcast_to(input, other.shape)


@method("view_as", "reshape_as")
@checked
def reshape_as(input: Tensor, other: Tensor) -> Tensor:
    """`reshape` to the shape of `other`"""
    return reshape(input, other.shape)


class Contiguous(Function):
    @staticmethod
    def forward(ctx: Any, x: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(x)

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> Tensor:
        return gy


@method()
@checked
def contiguous(input: Tensor) -> Tensor:
    """`input` with its elements side by side in C order in memory: itself where they are, else a copy."""
    return input if input.data.flags.c_contiguous else Contiguous.apply(input)


# --- arguments


def as_shape(shape: tuple, name: str = "shape") -> tuple[int, ...]:
    """The lengths of x.reshape(2, 3) and of x.reshape((2, 3)) alike; with the arguments `shape, *more` also of shape=(2, 3)."""
    if len(shape) == 1 and isinstance(shape[0], (tuple, list)):
        shape = tuple(shape[0])
    if not all(hasattr(length, "__index__") for length in shape):
        raise TypeError(f"{name}: got {shape}, expected integers")
    return tuple([int(length) for length in shape])


def as_dim(dim: int, ndim: int, name: str = "dim") -> int:
    """A dimension, counted from the front or (negative) from the back, as 0 <= dim < ndim."""
    if not hasattr(dim, "__index__"):
        raise TypeError(f"{name}: got {dim!r}, expected an integer")
    if not -ndim <= dim < ndim:
        raise IndexError(f"{name}: got {dim}, expected {-ndim} to {ndim - 1}")
    return int(dim) % ndim


def as_dims(dim: Dims, ndim: int) -> tuple[int, ...]:
    """The argument `dim` of a reduction as sorted numbers; None means all dimensions."""
    if dim is None:
        return tuple(range(ndim))
    if not isinstance(dim, (tuple, list)):
        return (as_dim(dim, ndim),) if ndim else ()
    dims = tuple(sorted([as_dim(d, ndim) for d in dim]))
    if len(set(dims)) < len(dims):
        raise ValueError(f"dim: got {dim}, which names a dimension twice")
    return dims
