"""Convolution on a GPU.

Most convolutions are implicit matrix products: see implicit_gemm.cu. Three kinds go elsewhere:

- a 1x1 convolution of stride 1 is a matrix product as it stands, and goes to `kernels.matmul`: to cuBLAS, where that can be used, since
  nobody knows a GPU's instructions better than those who make it, and nothing can be gained from windows of one pixel;
- images of few channels (the first layer), whose windows' pieces are too short to be worth copying: see cuda_direct.py;
- narrow groups: see cuda_grouped.py.
"""

from typing import Any

from kernels import gpu
from kernels.geometry import Pair, output_size
from kernels.gpu.gemm import is_aligned, parts_for, tiles_for
from kernels.layout import contiguous, to_nchw, to_nhwc
from kernels.matmul.cuda_matmul import matmul

SOURCE = gpu.CudaSource("implicit_gemm.cu")
NO_PADDING, UNIT = (0, 0), (1, 1)


def conv2d(x: Any, weight: Any, bias: Any, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> Any:
    """y; see `kernels.conv2d`."""
    (N, C, H, W), (OC, CG, KH, KW) = x.shape, weight.shape
    if _is_pointwise((KH, KW), stride, padding, groups):
        y = matmul(to_nhwc(x).reshape(N * H * W, C), weight.reshape(OC, C).T, bias)
        return to_nchw(y.reshape(N, H, W, OC))
    OH, OW = output_size((H, W), (KH, KW), stride, padding, dilation)
    image, packed = to_nhwc(x), contiguous(weight.transpose(0, 2, 3, 1))  # (N, H, W, C), (OC, KH, KW, C/G)
    y = gpu.empty((N, OH, OW, OC), x.dtype)
    aligned = is_aligned(image, C, CG) and is_aligned(packed)
    tiles = tiles_for(N * OH * OW, OC // groups, x, aligned)
    SOURCE.launch(
        "conv2d_rows", x.dtype, groups * tiles.count(N * OH * OW, OC // groups), tiles.threads,
        image, packed, bias, y, N, H, W, C, OH, OW, OC, KH, KW, *stride, *padding, *dilation, groups,
        shared_memory=tiles.shared_memory, **tiles.macros(aligned),
    )  # fmt: skip
    return to_nchw(y)


def conv2d_input(gy: Any, weight: Any, input_size: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> Any:
    """gx; see `kernels.conv2d`."""
    (N, OC, OH, OW), (_, CG, KH, KW), (H, W) = gy.shape, weight.shape, input_size
    C = CG * groups
    if _is_pointwise((KH, KW), stride, padding, groups):
        gx = matmul(to_nhwc(gy).reshape(N * H * W, OC), weight.reshape(OC, C))
        return to_nchw(gx.reshape(N, H, W, C))
    OCG = OC // groups
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
    if _is_pointwise(kernel_size, stride, padding, groups):
        return matmul(gradient.reshape(N * H * W, OC).T, image.reshape(N * H * W, C)).reshape(OC, C, 1, 1)
    CG, OCG, pixels = C // groups, OC // groups, N * OH * OW
    aligned = is_aligned(image, C, CG) and is_aligned(gradient, OC, OCG)
    tiles = tiles_for(OCG, KH * KW * CG, x, aligned)
    count = groups * tiles.count(OCG, KH * KW * CG)
    wide = gpu.wide_dtype(x.dtype)
    parts = parts_for(count, pixels, OC * KH * KW * CG * wide.itemsize)
    partial, gw = gpu.empty((parts, OC, KH, KW, CG), wide), gpu.empty((OC, CG, KH, KW), x.dtype)
    SOURCE.launch(
        "conv2d_weight_parts", x.dtype, parts * count, tiles.threads,
        image, gradient, partial, -(-pixels // parts), N, H, W, C, OH, OW, OC, KH, KW, *stride, *padding, *dilation, groups,
        shared_memory=tiles.shared_memory, **tiles.macros(aligned),
    )  # fmt: skip
    sizes = (parts, OC, KH * KW, CG)
    SOURCE.launch("conv2d_weight_sum", x.dtype, gpu.blocks_for(gw.size), gpu.THREADS, partial, gw, *sizes, **tiles.macros(aligned))
    return gw


def _is_pointwise(kernel: Pair, stride: Pair, padding: Pair, groups: int) -> bool:
    return kernel == stride == UNIT and padding == NO_PADDING and groups == 1
