"""Depthwise convolution on a GPU: see depthwise.cu. Functions have the arguments of `kernels.conv2d`."""

from typing import Any

from kernels import gpu
from kernels.geometry import Pair, output_size, window_extent
from kernels.gpu.images import channel_vector, image_grid, weight_grid
from kernels.layout import contiguous, to_nchw, to_nhwc

SOURCE = gpu.CudaSource("depthwise.cu")
FITTING = (3, 5, 7)  # widths of windows whose rows are kept in registers as a whole; others are taken in segments of 8


def conv2d(x: Any, weight: Any, bias: Any, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> Any:
    """y; see `kernels.depthwise`."""
    size = output_size(x.shape[2:], weight.shape[2:], stride, padding, dilation)
    taps = contiguous(weight[:, 0].transpose(1, 2, 0))  # (KH, KW, C)
    return _forward(x, taps, bias, size, stride, padding, dilation)


def conv2d_input(gy: Any, weight: Any, input_size: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> Any:
    """gx; see `kernels.depthwise`. At stride 1 a convolution with the kernel turned round."""
    kernel_size = weight.shape[2:]
    if stride == (1, 1):
        taps = contiguous(weight[:, 0, ::-1, ::-1].transpose(1, 2, 0))
        around = [window_extent(k, d) - 1 - p for k, d, p in zip(kernel_size, dilation, padding, strict=True)]
        return _forward(gy, taps, None, input_size, stride, (around[0], around[1]), dilation)
    gy, taps = to_nhwc(gy), contiguous(weight[:, 0].transpose(1, 2, 0))
    N, OH, OW, C = gy.shape
    H, W = input_size
    gx = gpu.empty((N, H, W, C), gy.dtype)
    vector = channel_vector(C, gy, taps)
    blocks, threads = image_grid(C // vector, W, H, N)
    SOURCE.launch("depthwise_input", gy.dtype, blocks, threads, gy, taps, gx, N, C,
                  H, W, OH, OW, *kernel_size, *stride, *padding, *dilation,
                  **_macros(kernel_size[1], stride[1], dilation[1], vector))  # fmt: skip
    return to_nchw(gx)


def conv2d_weight(x: Any, gy: Any, kernel_size: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> Any:
    """gw (C, 1, KH, KW); see `kernels.depthwise`. Blocks add up parts of the positions, one more launch adds up the parts."""
    x, gy = to_nhwc(x), to_nhwc(gy)
    (N, H, W, C), (OH, OW), (KH, KW) = x.shape, gy.shape[1:3], kernel_size
    vector = channel_vector(C, x, gy)
    macros = _macros(KW, stride[1], dilation[1], vector)
    blocks, threads = weight_grid(C // vector, -(-KH // macros["ROWS"]) * -(-KW // macros["WIDTH"]), N * OH, OW)
    parts = blocks[1]
    partial, gw = gpu.empty((parts, KH, KW, C), gpu.wide_dtype(x.dtype)), gpu.empty((C, 1, KH, KW), x.dtype)
    SOURCE.launch("depthwise_weight_parts", x.dtype, blocks, threads, x, gy, partial, N, C,
                  H, W, OH, OW, KH, KW, *stride, *padding, *dilation, **macros)  # fmt: skip
    SOURCE.launch("depthwise_weight", x.dtype, -(-KH * KW * C // 32), (32, 8), partial, gw, parts, KH * KW, C, **macros)
    return gw


def _forward(x: Any, taps: Any, bias: Any, size: Pair, stride: Pair, padding: Pair, dilation: Pair) -> Any:
    x = to_nhwc(x)
    (N, H, W, C), (OH, OW), (KH, KW) = x.shape, size, taps.shape[:2]
    y = gpu.empty((N, OH, OW, C), x.dtype)
    bias = None if bias is None else contiguous(bias)
    vector = channel_vector(C, x, taps, bias)
    macros = _macros(KW, stride[1], dilation[1], vector)
    blocks, threads = image_grid(C // vector, -(-OW // (8 if macros["STEP"] == 1 else 4)), OH, N)
    SOURCE.launch("depthwise", x.dtype, blocks, threads, x, taps, bias, y, N, C, H, W, OH, OW, KH, KW, *stride, *padding, *dilation,
                  **macros)  # fmt: skip
    return to_nchw(y)


def _macros(width: int, stride: int, dilation: int, vector: int) -> dict[str, int]:
    """The macros of depthwise.cu for windows of `width`; WIDTH 1 and STEP 1 take every window, tap by tap."""
    if width == 1 or dilation > 1 or stride > 2 or vector == 1:
        return {"WIDTH": 1, "STEP": 1, "ROWS": 3, "ALIGNED": int(vector > 1)}
    fitting = width if width in FITTING else 8
    return {"WIDTH": fitting, "STEP": stride, "ROWS": 3 if fitting == 3 else 2, "ALIGNED": 1}
