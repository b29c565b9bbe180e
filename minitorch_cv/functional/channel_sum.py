"""The sum of every channel: the gradient of a bias."""

from typing import Any

import numpy as np

import kernels
from minitorch_cv.autograd import Function
from minitorch_cv.tensor import Tensor


class ChannelSum(Function):
    """x (N, C) or (N, C, *) -> y (C,)."""

    @staticmethod
    def forward(ctx: Any, x: np.ndarray) -> np.ndarray:
        ctx.shape = x.shape
        return kernels.channel_sum(x)

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> Tensor:
        return gy.reshape(1, -1, *[1] * (len(ctx.shape) - 2)).broadcast_to(ctx.shape)


def channel_sum(x: Tensor) -> Tensor:
    """The sum over all dimensions but the second: x.sum((0, 2, 3)) by a kernel made for it."""
    return ChannelSum.apply(x)
