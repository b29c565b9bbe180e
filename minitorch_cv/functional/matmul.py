"""The matrix product. Its gradients are matrix products."""

import math
from typing import Any

import numpy as np

import kernels
from minitorch_cv.autograd.autocast import autocasts
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
        return kernels.matmul(x, y) if x.ndim == y.ndim == 2 else kernels.batched_matmul(x, y)

    @staticmethod
    def backward(ctx: Any, gz: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, y = ctx.saved_inputs
        gx = MatMul.apply(gz, y.transpose(-1, -2)) if ctx.needs[0] else None
        gy = MatMul.apply(x.transpose(-1, -2), gz) if ctx.needs[1] else None
        return gx, gy


@method("matmul", "__matmul__", reflected="__rmatmul__")
@autocasts
def matmul(input: Operand, other: Operand) -> Tensor:
    """x @ y over the last two dimensions; leading ones are broadcast. A vector is one row on the left, one column on the right."""
    input, other = operands("matmul", input, other)
    if input.ndim == 0 or other.ndim == 0:
        raise ValueError(f"matmul: got shapes {input.shape} and {other.shape}, expected at least one dimension each")
    rows = input.unsqueeze(0) if input.ndim == 1 else input
    columns = other.unsqueeze(1) if other.ndim == 1 else other
    if rows.shape[-1] != columns.shape[-2]:
        lengths = f"{rows.shape[-1]} and {columns.shape[-2]}"
        raise ValueError(f"matmul: got shapes {input.shape} and {other.shape}, whose inner lengths {lengths} differ")
    if rows.ndim > 2 and columns.ndim == 2:  # many matrices by one: a single product, (B*M, K) @ (K, N)
        z = MatMul.apply(rows.reshape(math.prod(rows.shape[:-1]), rows.shape[-1]), columns).reshape(*rows.shape[:-1], columns.shape[-1])
    else:
        try:
            z = MatMul.apply(rows, columns)
        except ValueError:
            raise ValueError(f"matmul: got shapes {input.shape} and {other.shape}, whose leading dimensions cannot be broadcast") from None
    if other.ndim == 1:
        z = z.squeeze(-1)
    return z.squeeze(-1 if other.ndim == 1 else -2) if input.ndim == 1 else z


# --- the same for fixed numbers of dimensions


@method()
@checked
def mm(input: Tensor, mat2: Tensor) -> Tensor:
    """The product of two matrices, (M, K) @ (K, N) -> (M, N)"""
    return _product(2, 2, input=input, mat2=mat2)


@method()
@checked
def mv(input: Tensor, vec: Tensor) -> Tensor:
    """The product of a matrix and a vector, (M, K) @ (K,) -> (M,)"""
    return _product(2, 1, input=input, vec=vec)


@method()
@checked
def bmm(input: Tensor, mat2: Tensor) -> Tensor:
    """The products of two rows of matrices, (B, M, K) @ (B, K, N) -> (B, M, N)"""
    if input.ndim == mat2.ndim == 3 and len(input) != len(mat2):
        raise ValueError(f"mat2: got {len(mat2)} matrices, expected {len(input)} like input")
    return _product(3, 3, input=input, mat2=mat2)


@method()
@checked
def dot(input: Tensor, tensor: Tensor) -> Tensor:
    """The inner product of two vectors, sum x[k] * y[k]"""
    return _product(1, 1, input=input, tensor=tensor)


def _product(*ndims: int, **factors: Tensor) -> Tensor:
    """`matmul` of two factors, which must have so many dimensions."""
    for ndim, (name, factor) in zip(ndims, factors.items(), strict=True):
        if factor.ndim != ndim:
            raise ValueError(f"{name}: got shape {factor.shape}, expected {ndim} dimension{'s' * (ndim > 1)}")
    return matmul(*factors.values())


@method()
@checked
def outer(input: Tensor, vec2: Tensor) -> Tensor:
    """The outer product of two vectors, x[m] * y[n]: (M,), (N,) -> (M, N)"""
    for name, value in (("input", input), ("vec2", vec2)):
        if not isinstance(value, Tensor) or value.ndim != 1:
            raise ValueError(f"{name}: got shape {np.shape(value)}, expected a vector")
    return input.unsqueeze(1) * vec2
