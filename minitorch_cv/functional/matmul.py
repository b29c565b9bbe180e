"""The matrix product. Its gradients are matrix products."""

from typing import Any

import numpy as np

import kernels
from minitorch_cv.autograd.function import Function
from minitorch_cv.functional.operands import operands
from minitorch_cv.tensor import Operand, Tensor, method


class MatMul(Function):
    """z = x @ y: (..., M, K), (..., K, N) -> (..., M, N)"""

    broadcasts = True  # the leading dimensions

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        ctx.save_inputs(0 if ctx.needs[1] else None, 1 if ctx.needs[0] else None)
        return kernels.matmul(x, y) if x.ndim == y.ndim == 2 else np.matmul(x, y)

    @staticmethod
    def backward(ctx: Any, gz: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, y = ctx.saved_inputs
        gx = MatMul.apply(gz, y.transpose(-1, -2)) if ctx.needs[0] else None
        gy = MatMul.apply(x.transpose(-1, -2), gz) if ctx.needs[1] else None
        return gx, gy


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
    z = MatMul.apply(rows, columns)
    if y.ndim == 1:
        z = z.squeeze(-1)
    return z.squeeze(-1 if y.ndim == 1 else -2) if x.ndim == 1 else z
