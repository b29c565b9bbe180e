"""Pooling: the maximum or the mean of windows.

Where the winners of a maximum are known, it is a linear map, which picks one pixel for each window; the mean is linear
anyway. Each map is paired with its adjoint, and each is the gradient of the other.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

import kernels
from kernels.checks import check_number
from kernels.geometry import Pair, pair, transposed_output_size
from kernels.meta import is_meta
from minitorch_cv.autograd import Function
from minitorch_cv.device import host
from minitorch_cv.functional.checks import as_batch, check_floating
from minitorch_cv.functional.choose import where
from minitorch_cv.functional.index import last_writes
from minitorch_cv.functional.reduce import power
from minitorch_cv.tensor import Tensor

AdaptiveSize = int | tuple[int | None, int | None] | None  # None keeps a length


class MaxPool2d(Function):
    """x -> y, and the places of the winners, which have no gradient. kernel: `kernels.max_pool2d`, or the adaptive one."""

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, *, kernel: Callable, **window: Any) -> tuple[np.ndarray, np.ndarray]:
        y, ctx.indices = kernel(x, **window)
        ctx.input_size, ctx.window = x.shape[2:], window
        ctx.mark_non_differentiable(1)
        return y, ctx.indices

    @staticmethod
    def backward(ctx: Any, gy: Tensor, _: Tensor) -> tuple[Tensor]:
        return (MaxPool2dScatter.apply(gy, indices=ctx.indices, input_size=ctx.input_size, window=ctx.window),)


class MaxPool2dScatter(Function):
    """gy -> gx: each gradient to the pixel that won. window: the arguments of the pooling, {} where they are not known."""

    @staticmethod
    def forward(ctx: Any, gy: np.ndarray, *, indices: np.ndarray, input_size: Pair, window: dict[str, Any]) -> np.ndarray:
        return kernels.max_pool2d_backward(gy, indices, input_size, **window)

    @staticmethod
    def backward(ctx: Any, ggx: Tensor) -> tuple[Tensor]:
        return (MaxPool2dGather.apply(ggx, **ctx.options),)


class MaxPool2dGather(Function):
    """x -> y: the pixels at the places of the winners."""

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, *, indices: np.ndarray, **of_the_adjoint: Any) -> np.ndarray:
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


class AdaptiveAvgPool2d(Function):
    """x (N, C, H, W) -> y (N, C, OH, OW)."""

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, *, output_size: Pair) -> np.ndarray:
        ctx.input_size = x.shape[2:]
        return kernels.adaptive_avg_pool2d(x, output_size)

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> tuple[Tensor]:
        return (AdaptiveAvgPool2dAdjoint.apply(gy, input_size=ctx.input_size),)


class AdaptiveAvgPool2dAdjoint(Function):
    """gy (N, C, OH, OW) -> gx (N, C, H, W)."""

    @staticmethod
    def forward(ctx: Any, gy: np.ndarray, *, input_size: Pair) -> np.ndarray:
        ctx.output_size = gy.shape[2:]
        return kernels.adaptive_avg_pool2d_backward(gy, input_size)

    @staticmethod
    def backward(ctx: Any, ggx: Tensor) -> tuple[Tensor]:
        return (AdaptiveAvgPool2d.apply(ggx, output_size=ctx.output_size),)


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
        x, kernel=kernels.max_pool2d,
        kernel_size=kernel_size, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode,
    )  # fmt: skip
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


def lp_pool2d(
    input: Tensor, norm_type: float, kernel_size: int | Pair, stride: int | Pair | None = None, ceil_mode: bool = False
) -> Tensor:
    """The p-norm of every window, p = norm_type, without absolute values: (sum of x^p)^(1/p); infinity for the largest |x|.

    kernel_size, stride (None: kernel_size), ceil_mode: as in `avg_pool2d`; a window that hangs over the end counts as if what it does
    not see were like the rest. norm_type 1 is the sum. For p > 1, the gradient is 0 where the sum is; powers of negative numbers are NaN
    where p is not a whole number.
    (Sermanet et al. 2012, "Convolutional neural networks applied to house numbers digit classification".)
    """
    check_floating("input", input)
    check_number("norm_type", norm_type)
    if norm_type == 0:
        raise ValueError("norm_type: got 0, expected another number")
    if math.isinf(norm_type):
        sign = math.copysign(1, norm_type)  # the smallest |x| is the largest of all -|x|
        largest: Any = max_pool2d(sign * input.abs(), kernel_size, stride, ceil_mode=ceil_mode)
        return largest * sign
    height, width = pair(kernel_size, "kernel_size", 1)
    powers = input if norm_type == 1 else input**norm_type
    sums = avg_pool2d(powers, (height, width), stride, 0, ceil_mode) * (height * width)
    if norm_type == 1:
        return sums
    return sums ** (1 / norm_type) if norm_type < 0 else power(sums, 1 / norm_type)


def adaptive_avg_pool2d(input: Tensor, output_size: AdaptiveSize) -> Tensor:
    """The mean of windows that cover the image, as many as asked for: images (N, C, H, W), or one image, to (N, C, OH, OW).

    output_size: (OH, OW), or one number for both; None keeps a length. Window oh goes from row floor(oh * H / OH) to before
    ceil((oh + 1) * H / OH), and likewise for the columns. Size 1 is the mean of the plane (Lin et al. 2014, "Network in network").
    """
    x, single = as_batch(input)
    y = AdaptiveAvgPool2d.apply(x, output_size=_adaptive_size(x, output_size))
    return y.squeeze(0) if single else y


def adaptive_max_pool2d(
    input: Tensor, output_size: AdaptiveSize, return_indices: bool = False
) -> Tensor | tuple[Tensor, Tensor]:
    """The maximum of windows that cover the image, as many as asked for (He et al. 2014, "Spatial pyramid pooling").

    The windows and output_size are those of `adaptive_avg_pool2d`, maximum and return_indices those of `max_pool2d`.
    """
    x, single = as_batch(input)
    y, indices = MaxPool2d.apply(x, kernel=kernels.adaptive_max_pool2d, output_size=_adaptive_size(x, output_size))
    if single:
        y, indices = y.squeeze(0), indices.squeeze(0)
    return (y, indices) if return_indices else y


def _adaptive_size(x: Tensor, output_size: AdaptiveSize) -> Pair:
    asked: Any = (None, None) if output_size is None else output_size
    if isinstance(asked, (tuple, list)) and len(asked) == 2:
        asked = tuple([length if size is None else size for length, size in zip(x.shape[2:], asked, strict=True)])
    return pair(asked, "output_size", 1)


def max_unpool2d(
    input: Tensor, indices: Tensor, kernel_size: int | Pair, stride: int | Pair | None = None, padding: int | Pair = 0,
    output_size: Pair | tuple[int, ...] | None = None,
) -> Tensor:  # fmt: skip
    """What a max pooling has kept, put back to where it was, among zeros: (N, C, OH, OW) -> (N, C, H, W), or without N.

    indices: places h*W + w as `max_pool2d(..., return_indices=True)` gives them; of several values for one place the last one counts.
    kernel_size, stride (None: kernel_size), padding: those of the pooling. output_size: (H, W), or a shape that ends with it, where that
    was not (OH - 1) * stride - 2 * padding + kernel_size, but up to `stride` more or less.
    (Zeiler and Fergus 2014, "Visualizing and understanding convolutional networks".)
    """
    x, single = as_batch(input)
    if not isinstance(indices, Tensor) or indices.shape != input.shape:
        raise ValueError(f"indices: got {getattr(indices, 'shape', indices)}, expected a Tensor of shape {input.shape} like input")
    kernel, pads = pair(kernel_size, "kernel_size", 1), pair(padding, "padding", 0)
    strides = kernel if stride is None else pair(stride, "stride", 1)
    size = transposed_output_size((x.shape[2], x.shape[3]), kernel, strides, pads, (1, 1), (0, 0))
    if output_size is not None:
        usual, size = size, pair(output_size[-2:], "output_size", 1)  # type: ignore[arg-type]
        if any(abs(length - other) >= step for length, other, step in zip(size, usual, strides, strict=True)):
            raise ValueError(f"output_size: got {output_size}, expected {usual}, or less than the stride {strides} more or less")
    places = indices.data.reshape(x.shape)
    y = MaxPool2dScatter.apply(_without_overwritten(x, places, size), indices=places, input_size=size, window={})
    return y.squeeze(0) if single else y


def _without_overwritten(x: Tensor, places: np.ndarray, size: Pair) -> Tensor:
    """`x` with zeros where a later value goes to the same place of its plane."""
    if is_meta(places) or is_meta(x.data) or places.size == 0:
        return x
    N, C = x.shape[:2]
    places, planes = host(places), np.arange(N * C).reshape(N, C, 1, 1)
    area = size[0] * size[1]
    if places.min() < 0 or places.max() >= area:
        raise ValueError(f"indices: got {places.min()} to {places.max()}, expected places in a plane of size {size}")
    kept = last_writes((planes * area + places,), (N * C * area,))
    return x if kept.all() else where(kept, x, 0.0)
