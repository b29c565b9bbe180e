"""Arithmetic, element by element, and the matrix product: each function beside its derivative.

Two operands are broadcast against each other as in NumPy. The gradients here have the broadcast shape; the walk sums them back (`broadcasts`).
"""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from minitorch_cv.autograd.function import Function
from minitorch_cv.functional.operands import operands
from minitorch_cv.tensor import Operand, Tensor, method


class Add(Function):
    broadcasts = True

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.add(x, y)

    @staticmethod
    def backward(ctx: Any, gz: Tensor) -> tuple[Tensor, Tensor]:
        return gz, gz


@method("add", "__add__", "__radd__")
def add(x: Operand, y: Operand) -> Tensor:
    """x + y"""
    return Add.apply(*operands("add", x, y))


class Sub(Function):
    broadcasts = True

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.subtract(x, y)

    @staticmethod
    def backward(ctx: Any, gz: Tensor) -> tuple[Tensor, Tensor | None]:
        return gz, -gz if ctx.needs[1] else None


@method("sub", "__sub__", reflected="__rsub__")
def sub(x: Operand, y: Operand) -> Tensor:
    """x - y"""
    return Sub.apply(*operands("sub", x, y))


class Mul(Function):
    broadcasts = True

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        ctx.save_inputs(0 if ctx.needs[1] else None, 1 if ctx.needs[0] else None)
        return np.multiply(x, y)

    @staticmethod
    def backward(ctx: Any, gz: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, y = ctx.saved_inputs
        return gz * y if ctx.needs[0] else None, gz * x if ctx.needs[1] else None


@method("mul", "__mul__", "__rmul__")
def mul(x: Operand, y: Operand) -> Tensor:
    """x * y"""
    return Mul.apply(*operands("mul", x, y))


class Neg(Function):
    @staticmethod
    def forward(ctx: Any, x: np.ndarray) -> np.ndarray:
        return np.negative(x)

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> Tensor:
        return -gy


@method("neg", "__neg__")
def neg(x: Tensor) -> Tensor:
    """-x"""
    return Neg.apply(x)


class To(Function):
    @staticmethod
    def forward(ctx: Any, x: np.ndarray, *, dtype: np.dtype) -> np.ndarray:
        ctx.dtype = x.dtype
        return x.astype(dtype)

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> Tensor:
        return gy.to(ctx.dtype)


@method()
def to(x: Tensor, dtype: DTypeLike) -> Tensor:
    """`x` with elements of another dtype ("float64", np.float32, ...); `x` itself where they have it already."""
    return x if x.dtype == dtype else To.apply(x, dtype=np.dtype(dtype))


class Clone(Function):
    @staticmethod
    def forward(ctx: Any, x: np.ndarray) -> np.ndarray:
        return x.copy(order="K")

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> Tensor:
        return gy


@method()
def clone(x: Tensor) -> Tensor:
    """A copy in memory of its own, which gradients flow through."""
    return Clone.apply(x)


class MatMul(Function):
    broadcasts = True  # of the leading dimensions

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        ctx.save_inputs(0 if ctx.needs[1] else None, 1 if ctx.needs[0] else None)
        return np.matmul(x, y)

    @staticmethod
    def backward(ctx: Any, gz: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, y = ctx.saved_inputs  # (..., M, K), (..., K, N); gz: (..., M, N)
        return gz @ y.transpose(-1, -2) if ctx.needs[0] else None, x.transpose(-1, -2) @ gz if ctx.needs[1] else None


@method("matmul", "__matmul__", reflected="__rmatmul__")
def matmul(x: Operand, y: Operand) -> Tensor:
    """The matrix product x @ y over the last two dimensions; leading ones are broadcast. A vector counts as one row on the left, one column on the right."""
    x, y = operands("matmul", x, y)
    if x.ndim == 0 or y.ndim == 0:
        raise ValueError(f"matmul: got shapes {x.shape} and {y.shape}, expected at least one dimension each")
    rows = x.unsqueeze(0) if x.ndim == 1 else x
    columns = y.unsqueeze(-1) if y.ndim == 1 else y
    if rows.shape[-1] != columns.shape[-2]:
        raise ValueError(f"matmul: got shapes {x.shape} and {y.shape}, whose inner dimensions {rows.shape[-1]} and {columns.shape[-2]} differ")
    z = MatMul.apply(rows, columns)
    z = z if y.ndim > 1 else z.squeeze(-1)
    return z if x.ndim > 1 else z.squeeze(-1 if y.ndim == 1 else -2)
