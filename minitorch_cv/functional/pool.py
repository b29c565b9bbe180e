"""Pooling: the maximum or the mean of windows.

Where the winners of a maximum are known, it is a linear map, which picks one pixel for each window; the mean is linear
anyway. Each map is paired with its adjoint, and each is the gradient of the other.
"""

from typing import Any

import numpy as np

import kernels
from kernels.geometry import Pair
from minitorch_cv.autograd import Function
from minitorch_cv.functional.checks import as_batch
from minitorch_cv.tensor import Tensor


class MaxPool2d(Function):
    """x -> y, and the places of the winners, which have no gradient."""

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, **window: Any) -> tuple[np.ndarray, np.ndarray]:
        y, ctx.indices = kernels.max_pool2d(x, **window)
        ctx.input_size = x.shape[2:]
        ctx.mark_non_differentiable(1)
        return y, ctx.indices

    @staticmethod
    def backward(ctx: Any, gy: Tensor, _: Tensor) -> tuple[Tensor]:
        return (MaxPool2dScatter.apply(gy, indices=ctx.indices, input_size=ctx.input_size),)


class MaxPool2dScatter(Function):
    """gy -> gx: each gradient to the pixel that won."""

    @staticmethod
    def forward(ctx: Any, gy: np.ndarray, *, indices: np.ndarray, input_size: Pair) -> np.ndarray:
        return kernels.max_pool2d_backward(gy, indices, input_size)

    @staticmethod
    def backward(ctx: Any, ggx: Tensor) -> tuple[Tensor]:
        return (MaxPool2dGather.apply(ggx, **ctx.options),)


class MaxPool2dGather(Function):
    """x -> y: the pixels at the places of the winners."""

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, *, indices: np.ndarray, input_size: Pair) -> np.ndarray:
        return kernels.max_pool2d_gather(x, indices)

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> tuple[Tensor]:
        return (MaxPool2dScatter.apply(gy, **ctx.options),)


class AvgPool2d(Function):
    """x -> y."""

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, **window: Any) -> np.ndarray:
        ctx.input_size = x.shape[2:]
        return kernels.avg_pool2d(x, **window)

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> tuple[Tensor]:
        return (AvgPool2dAdjoint.apply(gy, input_size=ctx.input_size, window=ctx.options),)


class AvgPool2dAdjoint(Function):
    """gy -> gx."""

    @staticmethod
    def forward(ctx: Any, gy: np.ndarray, *, input_size: Pair, window: dict[str, Any]) -> np.ndarray:
        ctx.window = window
        return kernels.avg_pool2d_backward(gy, input_size, **window)

    @staticmethod
    def backward(ctx: Any, ggx: Tensor) -> tuple[Tensor]:
        return (AvgPool2d.apply(ggx, **ctx.window),)


class GlobalAvgPool2d(Function):
    """x (N, C, H, W) -> y (N, C, 1, 1)."""

    @staticmethod
    def forward(ctx: Any, x: np.ndarray) -> np.ndarray:
        ctx.input_size = x.shape[2:]
        return kernels.global_avg_pool2d(x)

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> tuple[Tensor]:
        return (GlobalAvgPool2dAdjoint.apply(gy, input_size=ctx.input_size),)


class GlobalAvgPool2dAdjoint(Function):
    """gy (N, C, 1, 1) -> gx (N, C, H, W)."""

    @staticmethod
    def forward(ctx: Any, gy: np.ndarray, *, input_size: Pair) -> np.ndarray:
        return kernels.global_avg_pool2d_backward(gy, input_size)

    @staticmethod
    def backward(ctx: Any, ggx: Tensor) -> tuple[Tensor]:
        return (GlobalAvgPool2d.apply(ggx),)


def max_pool2d(
    input: Tensor, kernel_size: int | Pair, stride: int | Pair | None = None, padding: int | Pair = 0, dilation: int | Pair = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:  # fmt: skip
    """The maximum of every window of images (N, C, H, W), or of one image (C, H, W): (N, C, OH, OW).

    kernel_size, stride (None: kernel_size), padding, dilation: pixels, a number or a (vertical, horizontal) pair. The padding counts
    as -inf and is at most half of the window.
    ceil_mode: a last window may hang over the end. return_indices: return also the places h*W + w of the winners (int64).
    Of equal values the first one wins; a NaN wins over everything.
    """
    x, single = as_batch(input)
    y, indices = MaxPool2d.apply(
        x, kernel_size=kernel_size, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode
    )
    if single:
        y, indices = y.squeeze(0), indices.squeeze(0)
    return (y, indices) if return_indices else y


def avg_pool2d(
    input: Tensor, kernel_size: int | Pair, stride: int | Pair | None = None, padding: int | Pair = 0, ceil_mode: bool = False,
    count_include_pad: bool = True, divisor_override: int | None = None,
) -> Tensor:  # fmt: skip
    """The mean of every window of images (N, C, H, W), or of one image (C, H, W): (N, C, OH, OW).

    kernel_size, stride (None: kernel_size), padding: pixels, a number or a (vertical, horizontal) pair; the padding is at most half of
    the window. ceil_mode: a last window may hang over the end.
    The sum of a window is divided by `divisor_override`, or else by the number of its pixels, to which those in the padding belong
    with `count_include_pad`; what hangs over the padded image never counts.
    """
    x, single = as_batch(input)
    y = AvgPool2d.apply(
        x, kernel_size=kernel_size, stride=stride, padding=padding, ceil_mode=ceil_mode,
        count_include_pad=count_include_pad, divisor_override=divisor_override,
    )  # fmt: skip
    return y.squeeze(0) if single else y


def adaptive_avg_pool2d(input: Tensor, output_size: int | Pair) -> Tensor:
    """The mean of every plane (Lin et al. 2014, "Network in network"): (N, C, H, W) -> (N, C, 1, 1). output_size: 1 or (1, 1)."""
    if output_size not in (1, (1, 1), [1, 1]):
        raise ValueError(f"output_size: got {output_size!r}, expected 1, the only size there is")
    x, single = as_batch(input)
    y = GlobalAvgPool2d.apply(x)
    return y.squeeze(0) if single else y
