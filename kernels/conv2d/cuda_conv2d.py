"""Convolution on a GPU: which way it goes.

- A 1x1 convolution of stride 1 is a matrix product as it stands, and goes to `kernels.matmul`: to cuBLAS, where that can be used.
  Windows of one pixel need no gathering, so an implicit product has nothing to save, and cuBLAS uses what the newest GPUs have.
- Images of few channels (the first layer) have windows whose pieces are too short for tiles: see cuda_direct.py.
- So have groups of few channels: see cuda_grouped.py.
- All others are implicit matrix products: see cuda_implicit_gemm.py.
"""

from types import ModuleType
from typing import Any

from kernels.conv2d import cuda_direct, cuda_grouped, cuda_implicit_gemm
from kernels.geometry import Pair
from kernels.layout import to_nchw, to_nhwc
from kernels.matmul.cuda_matmul import matmul

NARROW = 16  # channels of a group, of input or output, below which a tile would mostly be empty


def conv2d(x: Any, weight: Any, bias: Any, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> Any:
    """y; see `kernels.conv2d`."""
    (N, C, H, W), OC = x.shape, weight.shape[0]
    if _is_product(weight.shape[2:], stride, padding, groups):
        y = matmul(to_nhwc(x).reshape(N * H * W, C), weight.reshape(OC, C).T, bias)
        return to_nchw(y.reshape(N, H, W, OC))
    return _way(C, OC, groups).conv2d(x, weight, bias, stride, padding, dilation, groups)


def conv2d_input(gy: Any, weight: Any, input_size: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> Any:
    """gx; see `kernels.conv2d`."""
    (N, OC, OH, OW), C = gy.shape, weight.shape[1] * groups
    if _is_product(weight.shape[2:], stride, padding, groups):
        gx = matmul(to_nhwc(gy).reshape(N * OH * OW, OC), weight.reshape(OC, C))
        return to_nchw(gx.reshape(N, OH, OW, C))
    return _way(C, OC, groups).conv2d_input(gy, weight, input_size, stride, padding, dilation, groups)


def conv2d_weight(x: Any, gy: Any, kernel_size: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> Any:
    """gw; see `kernels.conv2d`."""
    (N, C, H, W), OC = x.shape, gy.shape[1]
    if _is_product(kernel_size, stride, padding, groups):
        return matmul(to_nhwc(gy).reshape(N * H * W, OC).T, to_nhwc(x).reshape(N * H * W, C)).reshape(OC, C, 1, 1)
    return _way(C, OC, groups).conv2d_weight(x, gy, kernel_size, stride, padding, dilation, groups)


def _is_product(kernel_size: Pair, stride: Pair, padding: Pair, groups: int) -> bool:
    return tuple(kernel_size) == stride == (1, 1) and padding == (0, 0) and groups == 1


def _way(C: int, OC: int, groups: int) -> ModuleType:
    """The module whose kernels are made for such channels."""
    if groups == 1:
        return cuda_direct if C <= cuda_direct.MOST_CHANNELS else cuda_implicit_gemm
    return cuda_grouped if min(C, OC) // groups < NARROW else cuda_implicit_gemm
