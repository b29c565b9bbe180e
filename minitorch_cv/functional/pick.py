"""Picking elements by index tensors, and putting them into places, along one dimension."""

from typing import Any

import numpy as np

from kernels.dtypes import is_floating
from minitorch_cv.autograd.function import Function
from minitorch_cv.device import beside
from minitorch_cv.functional.arguments import checked
from minitorch_cv.functional.index import added_at, setitem
from minitorch_cv.functional.operands import as_tensor
from minitorch_cv.functional.shape import as_dim
from minitorch_cv.tensor import Operand, Tensor, method


class Gather(Function):
    """y[..., i, ...] = x[..., index[..., i, ...], ...] along one dimension; along the others, y may be shorter than x."""

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, index: np.ndarray, *, dim: int) -> np.ndarray:
        ctx.save_inputs(1)
        ctx.shape = x.shape
        used = tuple([slice(None) if i == dim else slice(length) for i, length in enumerate(index.shape)])
        return np.take_along_axis(x[used], index, dim)

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> tuple[Tensor, None]:
        (index,) = ctx.saved_inputs
        return GatherAdjoint.apply(gy, index, dim=ctx.options["dim"], shape=ctx.shape), None


class GatherAdjoint(Function):
    """Zeros of a shape, with y[..., i, ...] added at [..., index[..., i, ...], ...]"""

    @staticmethod
    def forward(ctx: Any, y: np.ndarray, index: np.ndarray, *, dim: int, shape: tuple[int, ...]) -> np.ndarray:
        ctx.save_inputs(1)
        return added_at(_places(index, dim), y, shape)

    @staticmethod
    def backward(ctx: Any, gx: Tensor) -> tuple[Tensor, None]:
        (index,) = ctx.saved_inputs
        return Gather.apply(gx, index, dim=ctx.options["dim"]), None


def _places(index: np.ndarray, dim: int) -> tuple[np.ndarray, ...]:
    """The index of x[...] that names the same elements as `index` does along `dim`."""
    places = [beside(np.arange(length).reshape(-1, *[1] * (index.ndim - 1 - i)), index) for i, length in enumerate(index.shape)]
    places[dim] = index
    return tuple(places)


@method()
@checked
def gather(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """Along `dim`, the elements of `input` that the integers `index` name: y[i][j] = x[i][index[i][j]] for dim=1.

    index: integers, with as many dimensions as `input`, of which none but `dim` may be longer; the result has its shape.
    """
    if input.ndim == 0:
        return gather(input.reshape(1), dim, as_tensor("index", index, like=input).reshape(1)).reshape(())
    dim = as_dim(dim, input.ndim)
    return Gather.apply(input, _checked_index(index, input, dim), dim=dim)


@method()
@checked
def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """`gather` where the other dimensions are broadcast against each other: it takes what `argsort` and `argmax(keepdim=True)` return.

    dim: None for indices into the flattened tensor.
    """
    indices = as_tensor("indices", indices, like=input)
    if dim is None:
        return gather(input.reshape(-1), 0, indices.reshape(-1))
    if indices.ndim != input.ndim:
        raise ValueError(f"indices: got shape {indices.shape}, expected {input.ndim} dimensions like input of shape {input.shape}")
    dim = as_dim(dim, input.ndim)
    try:
        common = list(np.broadcast_shapes(*[(*shape[:dim], 1, *shape[dim + 1 :]) for shape in (input.shape, indices.shape)]))
    except ValueError:
        raise ValueError(f"indices: got shape {indices.shape}, which cannot be broadcast against {input.shape}") from None
    wide, wide_indices = (t.broadcast_to([*common[:dim], t.shape[dim], *common[dim + 1 :]]) for t in (input, indices))
    return gather(wide, dim, wide_indices)


@method()
@checked
def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """The slices of `input` along `dim` whose numbers are in the vector `index`, one after the other"""
    index = as_tensor("index", index, like=input)
    if index.ndim > 1:
        raise ValueError(f"index: got shape {index.shape}, expected a vector")
    dim = as_dim(dim, input.ndim)
    _check_values("index", index, input.shape[dim])
    return input[(slice(None),) * dim + (index.reshape(-1),)]


@method()
@checked
def scatter(input: Tensor, dim: int, index: Tensor, src: Operand) -> Tensor:
    """A copy of `input` with the elements of `src` put where `index` says: y[i][index[i][j]] = src[i][j] for dim=1; the last one wins.

    index: as in `gather`. src: a number, or a tensor, at least as long as `index` in every dimension.
    """
    dim = as_dim(dim, input.ndim)
    index = _checked_index(index, input, dim)
    return setitem(input, _places(index.data, dim), _source(src, index, input) if np.ndim(src) else as_tensor("src", src))


@method()
@checked
def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """`input` with the elements of `src` added where `index` says: y[i][index[i][j]] += src[i][j] for dim=1; the adjoint of `gather`.

    index, src: as in `scatter`.
    """
    dim = as_dim(dim, input.ndim)
    index = _checked_index(index, input, dim)
    return input + GatherAdjoint.apply(_source(src, index, input), index, dim=dim, shape=input.shape)


def _source(src: Operand, index: Tensor, x: Tensor) -> Tensor:
    """The part of `src` that `index` speaks of"""
    src = as_tensor("src", src, like=x)
    if src.ndim != index.ndim or any(length < wanted for length, wanted in zip(src.shape, index.shape, strict=True)):
        raise ValueError(f"src: got shape {src.shape}, expected at least that of index, {index.shape}")
    if src.dtype != x.dtype:
        raise TypeError(f"src: got {src.dtype}, expected {x.dtype} like x")
    return src if src.shape == index.shape else src[tuple([slice(length) for length in index.shape])]


def _checked_index(index: Any, x: Tensor, dim: int) -> Tensor:
    index, shape = as_tensor("index", index, like=x), x.shape
    if index.ndim != len(shape) or any(i != dim and n > m for i, (n, m) in enumerate(zip(index.shape, shape, strict=True))):
        raise ValueError(f"index: got shape {index.shape}, expected at most that of input, {shape}, except along dimension {dim}")
    _check_values("index", index, shape[dim])
    return index


def _check_values(name: str, index: Tensor, length: int) -> None:
    if index.dtype.kind not in "iu":
        raise TypeError(f"{name}: got {index.dtype}, expected integers")
    if index.numel() and not index.is_meta and not (0 <= index.data.min() and index.data.max() < length):
        raise IndexError(f"{name}: got {index.data.min()} to {index.data.max()}, expected 0 to {length - 1}")


# --- by condition


@method()
@checked
def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """The elements of `input` where `mask` (booleans) holds, as a vector; both are broadcast against each other."""
    mask = as_tensor("mask", mask, like=input)
    if mask.dtype.kind != "b":
        raise TypeError(f"mask: got {mask.dtype}, expected booleans")
    shape = np.broadcast_shapes(input.shape, mask.shape)
    return input.broadcast_to(shape)[mask.broadcast_to(shape)]


@method()
@checked
def nonzero(input: Tensor, *, as_tuple: bool = False) -> Any:
    """The places of the elements that are not zero: a row of indices for each (K, ndim), or, `as_tuple`, K indices for each dimension."""
    places = np.nonzero(np.atleast_1d(input.data))
    if as_tuple:
        return tuple([Tensor(indices) for indices in places])
    return Tensor(np.stack(places, axis=1)[:, : input.ndim])


# --- whole numbers as classes


@checked
def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """Classes (...) as rows (..., num_classes) of zeros with a one in the place of the class, int64; -1: as many as the largest + 1."""
    if tensor.dtype.kind not in "iu":
        raise TypeError(f"tensor: got {tensor.dtype}, expected integers")
    if num_classes == -1:
        if tensor.numel() == 0:
            raise ValueError("num_classes: got -1 for no classes at all, expected their number")
        num_classes = int(tensor.data.max()) + 1
    if num_classes < 1:
        raise ValueError(f"num_classes: got {num_classes}, expected -1 or at least 1")
    _check_values("tensor", tensor, num_classes)
    return (tensor.unsqueeze(-1) == np.arange(num_classes)).long()


@method()
@checked
def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """How often each number 0, 1, 2, ... stands in the vector `input`; with weights (N,), the sum of those of its places. No gradient."""
    if input.dtype.kind not in "iub" or input.ndim != 1 or (input.numel() and input.data.min() < 0):
        raise ValueError(f"input: got {input.dtype} of shape {input.shape}, expected a vector of integers, none negative")
    if minlength < 0:
        raise ValueError(f"minlength: got {minlength}, expected 0 or more")
    if weights is None:
        return Tensor(np.bincount(input.data, minlength=minlength))
    if weights.shape != input.shape:
        raise ValueError(f"weights: got shape {weights.shape}, expected {input.shape} like input")
    sums = np.bincount(input.data, weights.data, minlength)
    return Tensor(sums.astype(weights.dtype if is_floating(weights.dtype) else np.float64))
