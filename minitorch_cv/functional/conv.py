r"""Convolution and transposed convolution.

    y[n, o, h, w] = bias[o] + sum_{c, i, j} x[n, c, h*s + i*d - p, w*s + j*d - p] * weight[o, c, i, j]

y depends linearly on x and linearly on weight, so both gradients are sums of products of the same kind. That makes
three maps, each linear in both of its arguments, and each the gradient of the other two:

    Conv2d        (x, weight)  -> y
    Conv2dInput   (gy, weight) -> gx         the gradient of Conv2d with respect to x: transposed convolution
    Conv2dWeight  (x, gy)      -> gw         the gradient of Conv2d with respect to weight

Whatever one differentiates, and however often, stays within these three: gradients of gradients need nothing else.
"""

from typing import Any

import numpy as np

import kernels
from kernels.geometry import Pair, output_length, pair, transposed_output_size
from minitorch_cv.autograd import Function
from minitorch_cv.autograd.autocast import autocasts
from minitorch_cv.functional.channel_sum import channel_sum
from minitorch_cv.functional.checks import as_batch, check_floating
from minitorch_cv.functional.padding import pad
from minitorch_cv.tensor import Tensor


class Conv2d(Function):
    """(x, weight, bias) -> y."""

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None, **geometry: Any) -> np.ndarray:
        _save_factors(ctx)
        ctx.input_size, ctx.kernel_size = x.shape[2:], weight.shape[2:]
        return kernels.conv2d(x, weight, bias, **geometry)

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_inputs
        geometry = ctx.options  # stride, padding, dilation, groups
        gx = Conv2dInput.apply(gy, weight, input_size=ctx.input_size, **geometry) if ctx.needs[0] else None
        gw = Conv2dWeight.apply(x, gy, kernel_size=ctx.kernel_size, **geometry) if ctx.needs[1] else None
        gb = channel_sum(gy) if ctx.needs[2] else None
        return gx, gw, gb


class Conv2dInput(Function):
    """(gy, weight) -> gx."""

    @staticmethod
    def forward(ctx: Any, gy: np.ndarray, weight: np.ndarray, *, input_size: Pair, **geometry: Any) -> np.ndarray:
        _save_factors(ctx)
        ctx.kernel_size, ctx.geometry = weight.shape[2:], geometry
        return kernels.conv2d_input(gy, weight, input_size, **geometry)

    @staticmethod
    def backward(ctx: Any, ggx: Tensor) -> tuple[Tensor | None, ...]:
        gy, weight = ctx.saved_inputs
        ggy = Conv2d.apply(ggx, weight, None, **ctx.geometry) if ctx.needs[0] else None
        gw = Conv2dWeight.apply(ggx, gy, kernel_size=ctx.kernel_size, **ctx.geometry) if ctx.needs[1] else None
        return ggy, gw


class Conv2dWeight(Function):
    """(x, gy) -> gw."""

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, gy: np.ndarray, *, kernel_size: Pair, **geometry: Any) -> np.ndarray:
        _save_factors(ctx)
        ctx.input_size, ctx.geometry = x.shape[2:], geometry
        return kernels.conv2d_weight(x, gy, kernel_size, **geometry)

    @staticmethod
    def backward(ctx: Any, ggw: Tensor) -> tuple[Tensor | None, ...]:
        x, gy = ctx.saved_inputs
        gx = Conv2dInput.apply(gy, ggw, input_size=ctx.input_size, **ctx.geometry) if ctx.needs[0] else None
        ggy = Conv2d.apply(x, ggw, None, **ctx.geometry) if ctx.needs[1] else None
        return gx, ggy


def _save_factors(ctx: Any) -> None:
    """Of a product's two factors, each is needed for the gradient of the other alone: a frozen network keeps no images."""
    ctx.save_inputs(0 if ctx.needs[1] else None, 1 if ctx.needs[0] else None)


@autocasts
def conv2d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: int | Pair = 1, padding: int | Pair | str = 0,
    dilation: int | Pair = 1, groups: int = 1,
) -> Tensor:  # fmt: skip
    """Convolve images (N, C, H, W), or one image (C, H, W), with weight (OC, C/groups, KH, KW) and add bias (OC,): (N, OC, OH, OW).

    OH = (H + 2*padding - dilation*(KH - 1) - 1) // stride + 1, and OW likewise.

    stride, padding, dilation: pixels, a number or a (vertical, horizontal) pair. padding "valid" is none; "same" keeps the size,
    for stride 1, and puts the odd pixel of an even kernel on the right and at the bottom.
    groups: cut the channels into that many slices, each with kernels of its own (Krizhevsky et al. 2012).
    Errors: ValueError for shapes that do not fit, TypeError for mixed dtypes.
    """
    x, single = as_batch(input)
    _check_weight(weight)
    check_padding_name(padding, stride)
    dilation = pair(dilation, "dilation", 1)
    if padding == "same":
        x, padding = _pad_to_same(x, _plane(weight), dilation)
    elif isinstance(padding, str):  # "valid"
        padding = 0
    y = Conv2d.apply(
        x, weight, bias, stride=pair(stride, "stride", 1), padding=pair(padding, "padding", 0), dilation=dilation, groups=groups
    )
    return y.squeeze(0) if single else y


@autocasts
def conv_transpose2d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: int | Pair = 1, padding: int | Pair = 0,
    output_padding: int | Pair = 0, groups: int = 1, dilation: int | Pair = 1,
) -> Tensor:  # fmt: skip
    """Transposed convolution of images (N, C, H, W), or one image, with weight (C, OC/groups, KH, KW), plus bias (OC,).

    OH = (H - 1)*stride - 2*padding + dilation*(KH - 1) + output_padding + 1, and OW likewise.

    It is what the gradient of `conv2d` does with gy, and so undoes its change of size (Zeiler et al. 2010, "Deconvolutional
    networks"). A convolution with stride s maps s sizes to the same one: output_padding, less than stride or dilation, says which of
    them is meant, by pixels to add at the bottom and on the right.
    Errors: ValueError for shapes that do not fit, TypeError for mixed dtypes.
    """
    x, single = as_batch(input)
    _check_weight(weight)
    stride, padding, dilation = pair(stride, "stride", 1), pair(padding, "padding", 0), pair(dilation, "dilation", 1)
    if x.shape[1] != weight.shape[0]:
        raise ValueError(f"input: got shape {input.shape}, expected {weight.shape[0]} channels for a weight of shape {weight.shape}")
    kernel_size, size = _plane(weight), _plane(x)
    output_padding = pair(output_padding, "output_padding", 0)
    out_size = transposed_output_size(size, kernel_size, stride, padding, dilation, output_padding)
    # With an output padding of a stride or more, a convolution of the result would see more windows than x has pixels: these count as zero.
    windows = [output_length(*lengths) for lengths in zip(out_size, kernel_size, stride, padding, dilation, strict=True)]
    if windows != list(size):
        x = pad(x, (0, windows[1] - size[1], 0, windows[0] - size[0]))
    y = Conv2dInput.apply(x, weight, input_size=out_size, stride=stride, padding=padding, dilation=dilation, groups=groups)
    if bias is not None:
        if bias.shape != (y.shape[1],):
            raise ValueError(f"bias: got shape {bias.shape}, expected {(y.shape[1],)}")
        if bias.dtype != y.dtype:
            raise TypeError(f"bias: got {bias.dtype}, expected {y.dtype} like input")
        y = y + bias.reshape(1, -1, 1, 1)
    return y.squeeze(0) if single else y


def check_padding_name(padding: int | Pair | str, stride: int | Pair) -> None:
    """ValueError for a `padding` that is a string other than "same" and "valid", and for "same" with a stride."""
    if isinstance(padding, str) and padding not in ("same", "valid"):
        raise ValueError(f"padding: got {padding!r}, expected 'same', 'valid', an integer of at least 0, or a pair of them")
    if padding == "same" and pair(stride, "stride", 1) != (1, 1):
        raise ValueError(f"padding: got 'same', which needs stride 1, with stride {stride}")


def _check_weight(weight: Tensor) -> None:
    check_floating("weight", weight)
    if weight.ndim != 4:
        raise ValueError(f"weight: got shape {weight.shape}, expected 4 dimensions")


def _plane(x: Tensor) -> Pair:
    """The last two lengths of a shape: (H, W), (KH, KW)."""
    return x.shape[2], x.shape[3]


def _pad_to_same(x: Tensor, kernel_size: Pair, dilation: Pair) -> tuple[Tensor, Pair]:
    """(x, padding) such that the convolution keeps the size: the padding that is left after x got the odd pixel, if there is one."""
    total = [d * (k - 1) for k, d in zip(kernel_size, dilation, strict=True)]
    if total[0] % 2 or total[1] % 2:
        x = pad(x, (0, total[1] % 2, 0, total[0] % 2))
    return x, (total[0] // 2, total[1] // 2)
