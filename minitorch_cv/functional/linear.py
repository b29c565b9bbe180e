"""The fully connected layer."""

import math
from typing import Any

import numpy as np

import kernels
from minitorch_cv.autograd import Function
from minitorch_cv.autograd.autocast import autocasts
from minitorch_cv.functional.channel_sum import channel_sum
from minitorch_cv.functional.checks import check_floating
from minitorch_cv.tensor import Tensor


class Linear(Function):
    """(x (M, IN), weight (OUT, IN), bias (OUT,)) -> y = x @ weight.T + bias."""

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None) -> np.ndarray:
        ctx.save_inputs(0 if ctx.needs[1] else None, 1 if ctx.needs[0] else None)
        return kernels.matmul(x, weight.T, bias)

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_inputs
        gx = gy @ weight if ctx.needs[0] else None
        gw = gy.transpose(0, 1) @ x if ctx.needs[1] else None
        gb = channel_sum(gy) if ctx.needs[2] else None
        return gx, gw, gb


@autocasts
def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """input (..., IN) @ weight (OUT, IN).T + bias (OUT,): (..., OUT).

    Errors: ValueError for shapes that do not fit, TypeError for mixed dtypes.
    """
    check_floating("input", input)
    check_floating("weight", weight)
    if weight.ndim != 2:
        raise ValueError(f"weight: got shape {weight.shape}, expected (OUT, IN)")
    if weight.dtype != input.dtype:
        raise TypeError(f"weight: got {weight.dtype}, expected {input.dtype} like input")
    if input.ndim == 0 or input.shape[-1] != weight.shape[1]:
        raise ValueError(f"input: got shape {input.shape}, expected {weight.shape[1]} features last for a weight of shape {weight.shape}")
    if input.ndim == 2:
        return Linear.apply(input, weight, bias)
    rows = Linear.apply(input.reshape(math.prod(input.shape[:-1]), weight.shape[1]), weight, bias)
    return rows.reshape(*input.shape[:-1], weight.shape[0])
