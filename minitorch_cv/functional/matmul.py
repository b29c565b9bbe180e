"""The matrix product. Its gradients are matrix products."""

from collections.abc import Callable
from typing import Any

import numpy as np

import kernels
from minitorch_cv.autograd.function import Function
from minitorch_cv.functional.arguments import checked
from minitorch_cv.functional.operands import operands
from minitorch_cv.tensor import Operand, Tensor, method


class MatMul(Function):
    """z = x @ y: (..., M, K), (..., K, N) -> (..., M, N)"""

    broadcasts = True  # the leading dimensions

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        ctx.save_inputs(0 if ctx.needs[1] else None, 1 if ctx.needs[0] else None)
        return kernels.matmul(x, y) if x.ndim == y.ndim == 2 else np.matmul(_for_blas(x), _for_blas(y))

    @staticmethod
    def backward(ctx: Any, gz: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, y = ctx.saved_inputs
        gx = MatMul.apply(gz, y.transpose(-1, -2)) if ctx.needs[0] else None
        gy = MatMul.apply(x.transpose(-1, -2), gz) if ctx.needs[1] else None
        return gx, gy


def _for_blas(x: np.ndarray) -> np.ndarray:
    """`x` itself, or, where no dimension of its matrices is contiguous, a copy: NumPy multiplies others element by element."""
    rows, columns = x.strides[-2:]
    return x if x.itemsize in (abs(rows), abs(columns)) and min(rows, columns) > 0 else x.copy()


@method("matmul", "__matmul__", reflected="__rmatmul__")
def matmul(x: Operand, y: Operand) -> Tensor:
    """x @ y over the last two dimensions; leading ones are broadcast. A vector is one row on the left, one column on the right."""
    x, y = operands("matmul", x, y)
    if x.ndim == 0 or y.ndim == 0:
        raise ValueError(f"matmul: got shapes {x.shape} and {y.shape}, expected at least one dimension each")
    rows = x.unsqueeze(0) if x.ndim == 1 else x
    columns = y.unsqueeze(1) if y.ndim == 1 else y
    if rows.shape[-1] != columns.shape[-2]:
        raise ValueError(f"matmul: got shapes {x.shape} and {y.shape}, whose inner lengths {rows.shape[-1]} and {columns.shape[-2]} differ")
    if rows.ndim > 2 and columns.ndim == 2:  # many matrices by one: a single product, (B*M, K) @ (K, N)
        z = MatMul.apply(rows.reshape(-1, rows.shape[-1]), columns).reshape(*rows.shape[:-1], columns.shape[-1])
    else:
        try:
            z = MatMul.apply(rows, columns)
        except ValueError:
            raise ValueError(f"matmul: got shapes {x.shape} and {y.shape}, whose leading dimensions cannot be broadcast") from None
    if y.ndim == 1:
        z = z.squeeze(-1)
    return z.squeeze(-1 if y.ndim == 1 else -2) if x.ndim == 1 else z


# --- the same for fixed numbers of dimensions


def _product(name: str, x_ndim: int, y_ndim: int, what: str) -> Callable[[Tensor, Tensor], Tensor]:
    """The function `name`: `matmul` of operands that must have x_ndim and y_ndim dimensions."""

    def function(input: Tensor, other: Tensor) -> Tensor:
        for argument, value, ndim in (("input", input, x_ndim), ("other", other, y_ndim)):
            if not isinstance(value, Tensor) or value.ndim != ndim:
                raise ValueError(f"{argument}: got shape {np.shape(value)}, expected {ndim} dimensions")
        if x_ndim == 3 and len(input) != len(other):
            raise ValueError(f"other: got {len(other)} matrices, expected {len(input)} like input")
        return matmul(input, other)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = what
    return method(name)(function)


mm = _product("mm", 2, 2, "The product of two matrices, (M, K) @ (K, N) -> (M, N)")
mv = _product("mv", 2, 1, "The product of a matrix and a vector, (M, K) @ (K,) -> (M,)")
bmm = _product("bmm", 3, 3, "The products of two rows of matrices, (B, M, K) @ (B, K, N) -> (B, M, N)")
dot = _product("dot", 1, 1, "The inner product of two vectors, sum x[k] * y[k]")


@method()
@checked
def outer(input: Tensor, vec2: Tensor) -> Tensor:
    """The outer product of two vectors, x[m] * y[n]: (M,), (N,) -> (M, N)"""
    for name, value in (("input", input), ("vec2", vec2)):
        if not isinstance(value, Tensor) or value.ndim != 1:
            raise ValueError(f"{name}: got shape {np.shape(value)}, expected a vector")
    return input.unsqueeze(1) * vec2
