"""Other shapes for the same elements. Where the memory allows it, the result is a view."""

from typing import Any

import numpy as np

from minitorch_cv.autograd.function import Function
from minitorch_cv.tensor import Tensor, method


class Reshape(Function):
    is_view = True

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, *, shape: tuple[int, ...]) -> np.ndarray:
        ctx.shape = x.shape
        return x.reshape(shape)

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> Tensor:
        return gy.reshape(ctx.shape)


@method("reshape", "view")
def reshape(x: Tensor, *shape: Any) -> Tensor:
    """The elements of `x`, in C order, in another shape; one length may be -1."""
    return Reshape.apply(x, shape=as_shape(shape))


class Permute(Function):
    is_view = True

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, *, dims: tuple[int, ...]) -> np.ndarray:
        return x.transpose(dims)

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> Tensor:
        return gy.permute(tuple(int(i) for i in np.argsort(ctx.options["dims"])))


@method()
def permute(x: Tensor, *dims: Any) -> Tensor:
    """Dimension i of the result is dimension dims[i] of `x`."""
    return Permute.apply(x, dims=tuple(as_dim(d, x.ndim, "dims") for d in as_shape(dims)))


@method()
def transpose(x: Tensor, dim0: int, dim1: int) -> Tensor:
    """`x` with two dimensions exchanged."""
    dims = list(range(x.ndim))
    dim0, dim1 = as_dim(dim0, x.ndim, "dim0"), as_dim(dim1, x.ndim, "dim1")
    dims[dim0], dims[dim1] = dim1, dim0
    return Permute.apply(x, dims=tuple(dims))


class Expand(Function):
    is_view = True

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, *, shape: tuple[int, ...]) -> np.ndarray:
        ctx.shape = x.shape
        return np.broadcast_to(x, shape)

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> Tensor:
        return gy.sum_to_shape(ctx.shape)


@method("broadcast_to")
def broadcast_to(x: Tensor, *shape: Any) -> Tensor:
    """`x` repeated along new dimensions and those of length 1, as NumPy broadcasts; a view that cannot be written to."""
    return Expand.apply(x, shape=as_shape(shape))


@method()
def unsqueeze(x: Tensor, dim: int) -> Tensor:
    """`x` with a dimension of length 1 put in before `dim`."""
    dim = as_dim(dim, x.ndim + 1, "dim")
    return x.reshape(x.shape[:dim] + (1,) + x.shape[dim:])


@method()
def squeeze(x: Tensor, dim: int | tuple[int, ...] | None = None) -> Tensor:
    """`x` without its dimensions of length 1: all of them, or only those of `dim`."""
    dims = range(x.ndim) if dim is None else as_dims(dim, x.ndim)
    return x.reshape(tuple(length for i, length in enumerate(x.shape) if i not in dims or length != 1))


# --- arguments


def as_shape(shape: tuple) -> tuple[int, ...]:
    """The arguments of x.reshape(2, 3) and of x.reshape((2, 3)) alike."""
    if len(shape) == 1 and isinstance(shape[0], (tuple, list)):
        shape = shape[0]
    return tuple(int(length) for length in shape)


def as_dim(dim: int, ndim: int, name: str = "dim") -> int:
    """A dimension, counted from the front or (negative) from the back, as 0 <= dim < ndim."""
    if not -ndim <= dim < ndim:
        raise IndexError(f"{name}: got {dim}, expected -{ndim} to {ndim - 1}")
    return int(dim) % ndim


def as_dims(dim: int | tuple[int, ...] | list[int] | None, ndim: int) -> tuple[int, ...]:
    """`dim` of a reduction as a sorted tuple; None means all."""
    if dim is None:
        return tuple(range(ndim))
    dims = tuple(sorted(as_dim(d, ndim) for d in (dim if isinstance(dim, (tuple, list)) else (dim,))))
    if len(set(dims)) < len(dims):
        raise ValueError(f"dim: got {dim}, which names a dimension twice")
    return dims
