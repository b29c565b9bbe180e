"""Convolution as an implicit matrix product on a GPU: see implicit_gemm.cu. Functions have the arguments of `kernels.conv2d`."""

from typing import Any

from kernels import gpu
from kernels.geometry import Pair, output_size
from kernels.gpu.gemm import is_aligned, parts_for, tiles_for
from kernels.layout import contiguous, to_nchw, to_nhwc

SOURCE = gpu.CudaSource("implicit_gemm.cu")


def conv2d(x: Any, weight: Any, bias: Any, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> Any:
    """y; see `kernels.conv2d`."""
    (N, C, H, W), (OC, CG, KH, KW) = x.shape, weight.shape
    OH, OW = output_size((H, W), (KH, KW), stride, padding, dilation)
    image, packed = to_nhwc(x), contiguous(weight.transpose(0, 2, 3, 1))  # (N, H, W, C), (OC, KH, KW, C/G)
    y = gpu.empty((N, OH, OW, OC), x.dtype)
    aligned = is_aligned(image, C, CG) and is_aligned(packed)
    tiles = tiles_for(N * OH * OW, OC // groups, x, aligned)
    SOURCE.launch(
        "conv2d_rows", x.dtype, groups * tiles.count(N * OH * OW, OC // groups), tiles.threads,
        image, packed, None if bias is None else contiguous(bias), y, N, H, W, C, OH, OW, OC, KH, KW, *stride, *padding, *dilation, groups,
        shared_memory=tiles.shared_memory, **tiles.macros(aligned),
    )  # fmt: skip
    return to_nchw(y)


def conv2d_input(gy: Any, weight: Any, input_size: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> Any:
    """gx; see `kernels.conv2d`."""
    (N, OC, OH, OW), (_, CG, KH, KW), (H, W) = gy.shape, weight.shape, input_size
    C, OCG = CG * groups, OC // groups
    by_group = weight.reshape(groups, OCG, CG, KH, KW)
    gradient, packed = to_nhwc(gy), contiguous(by_group.transpose(0, 2, 3, 4, 1))  # (N, OH, OW, OC), (C, KH, KW, OC/G)
    gx = gpu.empty((N, H, W, C), gy.dtype)
    classes = min(stride[0], H) * min(stride[1], W)
    pixels = N * -(-H // stride[0]) * -(-W // stride[1])  # of the largest class
    aligned = is_aligned(gradient, OC, OCG) and is_aligned(packed)
    tiles = tiles_for(pixels, CG, gy, aligned)
    SOURCE.launch(
        "conv2d_input_rows", gy.dtype, classes * groups * tiles.count(pixels, CG), tiles.threads,
        gradient, packed, gx, N, H, W, C, OH, OW, OC, KH, KW, *stride, *padding, *dilation, groups,
        shared_memory=tiles.shared_memory, **tiles.macros(aligned),
    )  # fmt: skip
    return to_nchw(gx)


def conv2d_weight(x: Any, gy: Any, kernel_size: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> Any:
    """gw; see `kernels.conv2d`."""
    (N, C, H, W), (_, OC, OH, OW), (KH, KW) = x.shape, gy.shape, kernel_size
    image, gradient = to_nhwc(x), to_nhwc(gy)
    CG, OCG, pixels = C // groups, OC // groups, N * OH * OW
    aligned = is_aligned(image, C, CG) and is_aligned(gradient, OC, OCG)
    tiles = tiles_for(KH * KW * CG, OCG, x, aligned)
    count = groups * tiles.count(KH * KW * CG, OCG)
    gw, wide = gpu.empty((OC, CG, KH, KW), x.dtype), gpu.wide_dtype(x.dtype)
    parts, stretch = parts_for(count, pixels, gw.size * wide.itemsize)
    partial = gpu.empty((parts, groups, KH, KW, CG, OCG), wide)
    SOURCE.launch(
        "conv2d_weight_parts", x.dtype, parts * count, tiles.threads,
        image, gradient, partial, stretch, N, H, W, C, OH, OW, OC, KH, KW, *stride, *padding, *dilation, groups,
        shared_memory=tiles.shared_memory, **tiles.macros(aligned),
    )  # fmt: skip
    sizes = (parts, groups, KH * KW, CG, OCG)
    SOURCE.launch("conv2d_weight_sum", x.dtype, gpu.blocks_for(gw.size), gpu.THREADS, partial, gw, *sizes, **tiles.macros(aligned))
    return gw
