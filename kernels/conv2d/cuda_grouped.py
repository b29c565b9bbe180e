"""Convolution in groups on a GPU: see grouped.cu. Functions have the arguments of `kernels.conv2d`."""

from typing import Any

from kernels import gpu
from kernels.geometry import Pair, output_size
from kernels.gpu.images import image_grid, weight_grid
from kernels.layout import contiguous, to_nchw, to_nhwc

SOURCE = gpu.CudaSource("grouped.cu")
TAPS = 3  # as in grouped.cu


def conv2d(x: Any, weight: Any, bias: Any, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> Any:
    """y; see `kernels.conv2d`."""
    OH, OW = output_size(x.shape[2:], weight.shape[2:], stride, padding, dilation)
    x, taps = to_nhwc(x), contiguous(weight.transpose(2, 3, 1, 0))  # (KH, KW, C/G, OC)
    bias = None if bias is None else contiguous(bias)
    (N, H, W, C), OC = x.shape, weight.shape[0]
    y = gpu.empty((N, OH, OW, OC), x.dtype)
    vector = _vector(groups, C, OC, x, taps, bias)
    blocks, threads = image_grid(OC // vector, -(-OW // _pixels(x)), OH, N)
    SOURCE.launch("grouped_forward", x.dtype, blocks, threads, x, taps, bias, y, N, C, OC, groups, vector,
                  H, W, OH, OW, *weight.shape[2:], *stride, *padding, *dilation)  # fmt: skip
    return to_nchw(y)


def conv2d_input(gy: Any, weight: Any, input_size: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> Any:
    """gx; see `kernels.conv2d`."""
    OC, CG, KH, KW = weight.shape
    by_group = weight.reshape(groups, OC // groups, CG, KH, KW)
    gy, taps = to_nhwc(gy), contiguous(by_group.transpose(3, 4, 1, 0, 2))  # (KH, KW, OC/G, G, C/G)
    (N, OH, OW, _), (H, W), C = gy.shape, input_size, CG * groups
    gx = gpu.empty((N, H, W, C), gy.dtype)
    vector = _vector(groups, C, OC, gy, taps)
    blocks, threads = image_grid(C // vector, -(-W // _pixels(gy)), H, N)
    SOURCE.launch("grouped_input", gy.dtype, blocks, threads, gy, taps, gx, N, C, OC, groups, vector,
                  H, W, OH, OW, KH, KW, *stride, *padding, *dilation)  # fmt: skip
    return to_nchw(gx)


def conv2d_weight(x: Any, gy: Any, kernel_size: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> Any:
    """gw; see `kernels.conv2d`. Blocks add up parts of the positions, one more launch adds up the parts."""
    x, gy = to_nhwc(x), to_nhwc(gy)
    (N, H, W, C), (OH, OW, OC), (KH, KW) = x.shape, gy.shape[1:], kernel_size
    vector, CG = _vector(groups, C, OC, x, gy), C // groups
    blocks, threads = weight_grid(OC // vector, CG // vector * KH * -(-KW // TAPS), N * OH, OW)
    parts = blocks[1]
    partial, gw = gpu.empty((parts, KH, KW, CG, OC), gpu.wide_dtype(x.dtype)), gpu.empty((OC, CG, KH, KW), x.dtype)
    SOURCE.launch("grouped_weight_parts", x.dtype, blocks, threads, x, gy, partial, N, C, OC, groups, vector,
                  H, W, OH, OW, KH, KW, *stride, *padding, *dilation)  # fmt: skip
    SOURCE.launch("grouped_weight", x.dtype, -(-gw.size // 32), (32, 8), partial, gw, parts, KH * KW, CG, OC)
    return gw


def _vector(groups: int, C: int, OC: int, *arrays: Any) -> int:
    """Channels of a thread, all of one group: 4 or 1."""
    whole = C // groups % 4 == 0 and OC // groups % 4 == 0
    return 4 if whole and all(a is None or a.data.ptr % (4 * a.dtype.itemsize) == 0 for a in arrays) else 1


def _pixels(x: Any) -> int:
    """PIXELS of grouped.cu."""
    return 4 if x.dtype.itemsize == 8 else 8
