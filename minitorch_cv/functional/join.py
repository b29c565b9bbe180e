"""Joining tensors, repeating them, and cutting them into pieces."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from kernels.gpu import is_gpu
from minitorch_cv.autograd.autocast import autocasts
from minitorch_cv.autograd.function import Function
from minitorch_cv.device import beside, host
from minitorch_cv.functional.arguments import checked
from minitorch_cv.functional.operands import as_tensor
from minitorch_cv.functional.shape import as_dim, as_shape
from minitorch_cv.tensor import Tensor, method


class Cat(Function):
    @staticmethod
    def forward(ctx: Any, *arrays: np.ndarray, dim: int) -> np.ndarray:
        ctx.lengths = [x.shape[dim] for x in arrays]
        return _joined_on_gpu(arrays, dim) if is_gpu(arrays[0]) else np.concatenate(arrays, axis=dim)

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> tuple[Tensor | None, ...]:
        gradients, start = [], 0
        for length, needed in zip(ctx.lengths, ctx.needs, strict=True):
            place = (slice(None),) * ctx.options["dim"] + (slice(start, start + length),)
            gradients.append(gy[place] if needed else None)
            start += length
        return tuple(gradients)


def _joined_on_gpu(arrays: Sequence[Any], dim: int) -> Any:
    """np.concatenate in the memory order of the first array, which CuPy would not keep.

    Array by array: from nine arrays on CuPy sends their addresses to the GPU first, which cannot be recorded in a CUDA graph.
    """
    first, lengths = arrays[0], [x.shape[dim] for x in arrays]
    result = np.empty_like(first, shape=(*first.shape[:dim], sum(lengths), *first.shape[dim + 1 :]))
    start = 0
    for x, length in zip(arrays, lengths, strict=True):
        result[(slice(None),) * dim + (slice(start, start + length),)] = x
        start += length
    return result


@autocasts
@checked
def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """The tensors one after the other along the existing dimension `dim`; all other lengths and the dtypes must agree."""
    tensors = _sequence(tensors)
    first = tensors[0]
    dim = as_dim(dim, first.ndim)
    for i, x in enumerate(tensors):
        if x.ndim != first.ndim or x.shape[:dim] + x.shape[dim + 1 :] != first.shape[:dim] + first.shape[dim + 1 :]:
            raise ValueError(f"tensors: number {i} has shape {x.shape}, which does not fit {first.shape} along dimension {dim}")
    return Cat.apply(*tensors, dim=dim)


@autocasts
@checked
def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Tensors of one shape side by side along a new dimension `dim`."""
    tensors = _sequence(tensors)
    for i, x in enumerate(tensors):
        if x.shape != tensors[0].shape:
            raise ValueError(f"tensors: number {i} has shape {x.shape}, expected {tensors[0].shape} like the first")
    return cat([x.unsqueeze(dim) for x in tensors], as_dim(dim, tensors[0].ndim + 1))


def _sequence(tensors: Sequence[Tensor]) -> list[Tensor]:
    tensors = [as_tensor("tensors", x) for x in tensors]
    if not tensors:
        raise ValueError("tensors: got none, expected at least one")
    for i, x in enumerate(tensors):
        if x.dtype != tensors[0].dtype:
            raise TypeError(f"tensors: number {i} has dtype {x.dtype}, expected {tensors[0].dtype} like the first; convert it with .to()")
    return tensors


# --- pieces: views of the tensor


@method()
@checked
def narrow(input: Tensor, dim: int, start: int, length: int) -> Tensor:
    """`length` elements along `dim`, from number `start` (from the end where negative) on: a view."""
    dim = as_dim(dim, input.ndim)
    whole = input.shape[dim]
    first = start + whole if start < 0 else start
    if not 0 <= first <= whole:
        raise IndexError(f"start: got {start}, expected {-whole} to {whole}")
    if not 0 <= length <= whole - first:
        raise ValueError(f"length: got {length}, expected 0 to {whole - first} from number {first} of {whole}")
    return input[(slice(None),) * dim + (slice(first, first + length),)]


@method()
@checked
def split(input: Tensor, split_size_or_sections: int | Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Pieces along `dim`, views: each of a given length (the last may be shorter), or of the lengths in a list, which must fill it."""
    dim = as_dim(dim, input.ndim)
    whole = input.shape[dim]
    if isinstance(split_size_or_sections, (int, np.integer)):
        size = int(split_size_or_sections)
        if size < 0 or (size == 0 and whole):
            raise ValueError(f"split_size_or_sections: got {size}, expected a positive length")
        lengths = [size] * (whole // size) + [whole % size] * (whole % size > 0) if size else []
        lengths = lengths or [0]
    else:
        lengths = [int(length) for length in split_size_or_sections]
        if min(lengths, default=0) < 0 or sum(lengths) != whole:
            raise ValueError(f"split_size_or_sections: got {lengths}, expected lengths that add up to {whole}")
    starts = [sum(lengths[:i]) for i in range(len(lengths))]
    return tuple([narrow(input, dim, start, length) for start, length in zip(starts, lengths, strict=True)])


@method()
@checked
def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """At most `chunks` pieces of equal length along `dim` (the last may be shorter): views."""
    if chunks < 1:
        raise ValueError(f"chunks: got {chunks}, expected at least 1")
    length = input.shape[as_dim(dim, input.ndim)]
    return split(input, -(-length // chunks), dim) if length else (input[...],) * chunks


@method()
@checked
def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """The slices along `dim`, without it: views."""
    dim = as_dim(dim, input.ndim)
    return tuple([input[(slice(None),) * dim + (i,)] for i in range(input.shape[dim])])


# --- copies


@method()
@checked
def repeat(input: Tensor, *repeats: Any) -> Tensor:
    """`input` copied repeats[i] times along dimension i. More repeats than dimensions: `input` gets new ones in front."""
    counts = as_shape(repeats, "repeats")
    if min(counts, default=0) < 0 or len(counts) < input.ndim:
        raise ValueError(f"repeats: got {counts}, expected at least {input.ndim} counts, none of them negative")
    shape = (1,) * (len(counts) - input.ndim) + input.shape
    # (r0, n0, r1, n1, ...), where the r are without memory until the reshape copies
    parts = input.reshape([n for length in shape for n in (1, length)])
    wide = parts.broadcast_to([n for both in zip(counts, shape, strict=True) for n in both])
    result = wide.reshape([count * length for count, length in zip(counts, shape, strict=True)])
    return result if any(count != 1 for count in counts) else result.clone()  # always a copy


@method()
@checked
def tile(input: Tensor, dims: Any = (), *more: int) -> Tensor:
    """`repeat`, where missing counts in front are 1."""
    counts = as_shape((dims, *more), "dims")
    return repeat(input, (1,) * (input.ndim - len(counts)) + counts)


@method()
@checked
def repeat_interleave(input: Tensor, repeats: int | Tensor | Sequence[int], dim: int | None = None) -> Tensor:
    """Each element along `dim` (None: of all, flattened) `repeats` times in a row; or the i-th as often as repeats[i] says."""
    if dim is None:
        return repeat_interleave(input.reshape(-1), repeats, 0)
    dim = as_dim(dim, input.ndim)
    counts = as_tensor("repeats", repeats)
    if counts.dtype.kind not in "iu" or counts.ndim > 1 or (counts.ndim == 1 and len(counts) not in (1, input.shape[dim])):
        raise ValueError(f"repeats: got {counts.dtype} of shape {counts.shape}, expected an integer, or one for each of {input.shape[dim]}")
    if (counts.data < 0).any():
        raise ValueError(f"repeats: got {counts.data.min()}, expected no negative number")
    if counts.numel() == 1:
        wide = input.unsqueeze(dim + 1).broadcast_to([*input.shape[: dim + 1], counts.item(), *input.shape[dim + 1 :]])
        result = wide.reshape([*input.shape[:dim], input.shape[dim] * int(counts.item()), *input.shape[dim + 1 :]])
        return result if counts.item() != 1 else result.clone()
    return input.index_select(dim, Tensor(beside(np.repeat(np.arange(input.shape[dim]), host(counts.data)), input.data)))


@checked
def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Tensor, ...]:
    """Vectors x (M,), y (N,), ... as grids (M, N, ...) in which each varies along its own dimension: views without memory of their own.

    indexing: "ij", or "xy" for (N, M, ...), as pictures are drawn.
    """
    if indexing not in ("ij", "xy"):
        raise ValueError(f"indexing: got {indexing!r}, expected 'ij' or 'xy'")
    if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)):
        tensors = tuple(tensors[0])
    vectors = _sequence(tensors)
    for i, vector in enumerate(vectors):
        if vector.ndim > 1:
            raise ValueError(f"tensors: number {i} has shape {vector.shape}, expected a vector")
    if indexing == "xy":
        return tuple([grid.transpose(0, 1) if len(vectors) > 1 else grid for grid in meshgrid(*vectors)])
    shape = [vector.numel() for vector in vectors]
    lines = [vector.reshape([-1 if i == j else 1 for j in range(len(shape))]) for i, vector in enumerate(vectors)]
    return tuple([line.broadcast_to(shape) for line in lines])
