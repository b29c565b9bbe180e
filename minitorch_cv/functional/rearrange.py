"""The same elements in other places: backwards, shifted, on a diagonal, or only one triangle of them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from minitorch_cv.autograd.function import Function
from minitorch_cv.device import beside
from minitorch_cv.functional.arguments import checked
from minitorch_cv.functional.choose import where
from minitorch_cv.functional.shape import as_dim, as_shape
from minitorch_cv.tensor import Dims, Tensor, method


class Flip(Function):
    """Its own adjoint"""

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, *, dims: tuple[int, ...]) -> np.ndarray:
        return np.flip(x, dims).copy(order="K")

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> Tensor:
        return Flip.apply(gy, dims=ctx.options["dims"])


@method()
@checked
def flip(input: Tensor, dims: Any = (), *more: int) -> Tensor:
    """`input` backwards along the dimensions `dims`: a copy."""
    dims = as_shape((dims, *more), "dims")
    chosen = tuple([as_dim(dim, input.ndim, "dims") for dim in dims])
    if len(set(chosen)) < len(chosen):
        raise ValueError(f"dims: got {dims}, which names a dimension twice")
    return Flip.apply(input, dims=chosen)


class Roll(Function):
    """The adjoint shifts back."""

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, *, shifts: tuple[int, ...], dims: tuple[int, ...]) -> np.ndarray:
        return np.roll(x, shifts, dims)

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> Tensor:
        return Roll.apply(gy, shifts=tuple([-shift for shift in ctx.options["shifts"]]), dims=ctx.options["dims"])


@method()
@checked
def roll(input: Tensor, shifts: int | Sequence[int], dims: Dims = None) -> Tensor:
    """`input` shifted along the dimensions `dims`; what leaves at one end comes in at the other. Without `dims`: as if flattened."""
    if dims is None:
        if not isinstance(shifts, int):
            raise ValueError(f"dims: got None, expected one dimension for each of the shifts {tuple(shifts)}")
        return Roll.apply(input.reshape(-1), shifts=(shifts,), dims=(0,)).reshape(input.shape)
    distances, chosen = ((value,) if isinstance(value, int) else tuple(value) for value in (shifts, dims))
    if len(distances) != len(chosen):
        raise ValueError(f"dims: got {chosen}, expected one dimension for each of the shifts {distances}")
    return Roll.apply(input, shifts=distances, dims=tuple([as_dim(dim, input.ndim, "dims") for dim in chosen]))


# --- diagonals and triangles


class Diagonal(Function):
    """(..., dim1, dim2) -> (..., D), the elements [..., i, i + offset]"""

    is_view = True

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, *, offset: int, dims: tuple[int, int]) -> np.ndarray:
        ctx.shape = x.shape
        return np.diagonal(x, offset, *dims)

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> Tensor:
        return DiagonalAdjoint.apply(gy, shape=ctx.shape, **ctx.options)


class DiagonalAdjoint(Function):
    """Zeros of a shape, with y on a diagonal of two dimensions"""

    @staticmethod
    def forward(ctx: Any, y: np.ndarray, *, offset: int, dims: tuple[int, int], shape: tuple[int, ...]) -> np.ndarray:
        x = np.zeros_like(y, shape=shape)
        rows = beside(np.arange(y.shape[-1]), y) + max(-offset, 0)
        np.moveaxis(x, dims, (-2, -1))[..., rows, rows + offset] = y
        return x

    @staticmethod
    def backward(ctx: Any, gx: Tensor) -> Tensor:
        return Diagonal.apply(gx, offset=ctx.options["offset"], dims=ctx.options["dims"])


@method()
@checked
def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """The elements on a diagonal of the dimensions dim1 and dim2, as a new last dimension: a view, which cannot be written to.

    offset: 0 for the main diagonal, positive above it, negative below.
    """
    return Diagonal.apply(input, offset=int(offset), dims=_plane(input.ndim, dim1, dim2))


@method()
@checked
def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Zeros, with the last dimension of `input` on a diagonal of two new dimensions dim1 and dim2; the adjoint of `diagonal`."""
    if input.ndim == 0:
        raise ValueError("input: got a single number, expected at least one dimension")
    dims = _plane(input.ndim + 1, dim1, dim2)
    shape = list(input.shape[:-1])
    for dim in sorted(dims):
        shape.insert(dim, input.shape[-1] + abs(offset))
    return DiagonalAdjoint.apply(input, offset=int(offset), dims=dims, shape=tuple(shape))


@method()
@checked
def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """Of a matrix, its diagonal; of a vector, the matrix that has it as its diagonal."""
    if input.ndim not in (1, 2):
        raise ValueError(f"input: got shape {input.shape}, expected a vector or a matrix")
    return input.diagonal(diagonal) if input.ndim == 2 else diag_embed(input, diagonal)


def _plane(ndim: int, dim1: int, dim2: int) -> tuple[int, int]:
    first, second = as_dim(dim1, ndim, "dim1"), as_dim(dim2, ndim, "dim2")
    if first == second:
        raise ValueError(f"dim2: got {dim2}, the same dimension as dim1")
    return first, second


@method()
@checked
def tril(input: Tensor, diagonal: int = 0) -> Tensor:
    """The lower triangle of matrices (..., M, N), with 0 above: what is on or below the given diagonal."""
    return where(_lower(input, diagonal), input, input.dtype.type(0))


@method()
@checked
def triu(input: Tensor, diagonal: int = 0) -> Tensor:
    """The upper triangle of matrices (..., M, N), with 0 below: what is on or above the given diagonal."""
    return where(_lower(input, diagonal - 1), input.dtype.type(0), input)


def _lower(x: Tensor, diagonal: int) -> np.ndarray:
    if x.ndim < 2:
        raise ValueError(f"input: got shape {x.shape}, expected matrices (..., M, N)")
    rows, columns = x.shape[-2:]
    return np.tri(rows, columns, diagonal, dtype=bool)
