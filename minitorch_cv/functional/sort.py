"""Sorting: the order has no gradient, the sorted values have that of taking them from their places."""

from typing import NamedTuple

import numpy as np

from minitorch_cv.functional.arguments import checked
from minitorch_cv.functional.shape import as_dim
from minitorch_cv.tensor import Tensor, method


class ValuesAndIndices(NamedTuple):
    """Elements along a dimension, and where they stood there."""

    values: Tensor
    indices: Tensor


@method()
@checked
def argsort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Tensor:
    """The places along `dim` of the elements from the smallest to the largest, or the other way round. NaN is larger than all others.

    Equal elements always keep their order; `stable` is there for PyTorch's sake.
    """
    if input.ndim == 0:
        as_dim(dim, 1)
        return Tensor(np.zeros_like(input.data, dtype=np.int64))
    dim = as_dim(dim, input.ndim)
    if not descending:
        return Tensor(np.argsort(input.data, axis=dim, kind="stable"))
    # Backwards twice, so that equal elements keep their order.
    order = np.argsort(np.flip(input.data, dim), axis=dim, kind="stable")
    return Tensor((input.shape[dim] - 1 - np.flip(order, dim)).copy())


@method()
@checked
def sort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> ValuesAndIndices:
    """(values, indices): the elements along `dim` in order, and where they stood; the other arguments are those of `argsort`."""
    indices = argsort(input, dim, descending, stable)
    return ValuesAndIndices(input.gather(dim, indices), indices)


@method()
@checked
def topk(input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> ValuesAndIndices:
    """(values, indices) of the k largest (or smallest) elements along `dim`, in order, equal ones in the order in which they stood.

    sorted: False allows any order; they are sorted all the same. NaN is larger than all others.
    """
    length = input.shape[as_dim(dim, input.ndim)] if input.ndim else 1
    if not 0 <= k <= length:
        raise ValueError(f"k: got {k}, expected 0 to {length}, the length of dimension {dim}")
    order = argsort(input, dim, descending=largest)
    indices = order.narrow(dim, 0, k) if input.ndim else order
    return ValuesAndIndices(input.gather(dim, indices), indices)
