"""Windows of an image as columns, and back. Each of the two is the gradient of the other."""

from typing import Any

import numpy as np

import kernels
from kernels.geometry import Pair, pair
from minitorch_cv.autograd import Function
from minitorch_cv.functional.checks import as_batch, check_floating
from minitorch_cv.tensor import Tensor


class Unfold(Function):
    """x (N, C, H, W) -> columns (N, C*KH*KW, L)."""

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, **window: Any) -> np.ndarray:
        ctx.size = x.shape[2:]
        return kernels.unfold(x, **window)

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> Tensor:
        return Fold.apply(gy, size=ctx.size, **ctx.options)


class Fold(Function):
    """columns (N, C*KH*KW, L) -> x (N, C, H, W)."""

    @staticmethod
    def forward(ctx: Any, columns: np.ndarray, *, size: Pair, **window: Any) -> np.ndarray:
        ctx.window = window
        return kernels.fold(columns, size, **window)

    @staticmethod
    def backward(ctx: Any, gx: Tensor) -> Tensor:
        return Unfold.apply(gx, **ctx.window)


def unfold(
    input: Tensor, kernel_size: int | Pair, dilation: int | Pair = 1, padding: int | Pair = 0, stride: int | Pair = 1
) -> Tensor:
    """The windows of images (N, C, H, W), or of one image (C, H, W), as columns (N, C*KH*KW, OH*OW), from left to right, row by row.

    kernel_size, dilation, padding, stride: pixels, a number or a (vertical, horizontal) pair, as in `conv2d`; the padding is zeros.
    A convolution is `weight.reshape(OC, -1) @ unfold(x, ...)`.
    """
    x, single = as_batch(input)
    columns = Unfold.apply(x, kernel_size=kernel_size, dilation=dilation, padding=padding, stride=stride)
    return columns.squeeze(0) if single else columns


def fold(
    input: Tensor, output_size: int | Pair, kernel_size: int | Pair, dilation: int | Pair = 1, padding: int | Pair = 0,
    stride: int | Pair = 1,
) -> Tensor:  # fmt: skip
    """Columns (N, C*KH*KW, OH*OW), or (C*KH*KW, OH*OW), added up where `unfold` takes windows from: images (N, C, H, W).

    output_size: (H, W), or one number for both. Where windows overlap, the result is their sum: fold(unfold(x)) counts each pixel as
    often as windows see it.
    """
    check_floating("input", input)
    if input.ndim not in (2, 3):
        raise ValueError(f"input: got shape {input.shape}, expected columns (N, C*KH*KW, OH*OW), or (C*KH*KW, OH*OW)")
    columns = input if input.ndim == 3 else input.unsqueeze(0)
    size = pair(output_size, "output_size", 1)
    x = Fold.apply(columns, size=size, kernel_size=kernel_size, dilation=dilation, padding=padding, stride=stride)
    return x if input.ndim == 3 else x.squeeze(0)
