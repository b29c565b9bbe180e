"""Reductions: many elements become one, along some dimensions or all."""

from typing import Any

import numpy as np

from minitorch_cv.autograd.function import Function
from minitorch_cv.functional.shape import as_dims
from minitorch_cv.tensor import Dims, Tensor, method


class Sum(Function):
    @staticmethod
    def forward(ctx: Any, x: np.ndarray, *, dim: tuple[int, ...]) -> np.ndarray:
        """Keeps the dimensions, with length 1."""
        ctx.shape = x.shape
        return np.sum(x, axis=dim, keepdims=True)

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> Tensor:
        return gy.broadcast_to(ctx.shape)


@method()
def sum(x: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """The sum over the dimensions `dim` (all by default)."""
    dims = as_dims(dim, x.ndim)
    y = Sum.apply(x, dim=dims)
    return y if keepdim else y.squeeze(dims)


@method()
def sum_to_shape(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """The sum over whatever broadcasting from `shape` to that of `x` has repeated: the adjoint of `broadcast_to`."""
    added = x.ndim - len(shape)
    dims = tuple(i for i in range(x.ndim) if i < added or (shape[i - added] == 1 and x.shape[i] != 1))
    return Sum.apply(x, dim=dims).reshape(shape)
