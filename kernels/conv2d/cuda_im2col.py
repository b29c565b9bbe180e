"""Convolution by im2col and one matrix product of cuBLAS: the textbook's way on a GPU.

Easy to read, and a measure for other ways: the matrix of windows is KH*KW times as large as the input, and is written and read once for
every product. `kernels.conv2d.cuda_conv2d` never writes it. See im2col.cu for the two kernels; the functions have the arguments of
`kernels.conv2d`.
"""

from typing import Any

import numpy as np

from kernels import gpu
from kernels.geometry import Pair, output_size
from kernels.gpu.images import image_grid, next_power_of_2
from kernels.layout import contiguous, to_nchw, to_nhwc
from kernels.matmul.cuda_matmul import matmul

SOURCE = gpu.CudaSource("im2col.cu")
PACK_BYTES = 16


def im2col(x: Any, kernel_size: Pair, stride: Pair, padding: Pair, dilation: Pair, taps_first: bool = True) -> Any:
    """The windows of x (N, C, H, W) as rows of an array (N, OH, OW, C, KH, KW).

    In memory the channels of a tap stand side by side, and come before the next tap's; without `taps_first` it is C-contiguous.
    """
    x = to_nhwc(x)
    (N, H, W, C), (KH, KW) = x.shape, kernel_size
    OH, OW = output_size((H, W), kernel_size, stride, padding, dilation)
    shape = (N, OH, OW, KH, KW, C) if taps_first else (N, OH, OW, C, KH, KW)
    columns = gpu.empty(shape, x.dtype)
    vector = _vector(C, taps_first, x)
    length = KH * KW * C // vector
    across = min(256, max(32, next_power_of_2(length)))
    SOURCE.launch("im2col", x.dtype, (-(-length // across), min(OH, 65535), min(N, 65535)), (across, 256 // across),
                  x, columns, N, C, int(taps_first), vector, H, W, OH, OW, KH, KW, *stride, *padding, *dilation)  # fmt: skip
    return columns.transpose(0, 1, 2, 5, 3, 4) if taps_first else columns


def col2im(columns: Any, input_size: Pair, stride: Pair, padding: Pair, dilation: Pair) -> Any:
    """The adjoint of `im2col`: every window (N, OH, OW, C, KH, KW) added to where it came from, (N, C, H, W).

    Columns in either order of memory that `im2col` makes are read where they are, others are copied.
    """
    N, OH, OW, C, KH, KW = columns.shape
    by_taps = columns.transpose(0, 1, 2, 4, 5, 3)
    taps_first = bool(by_taps.flags.c_contiguous)
    columns = by_taps if taps_first else contiguous(columns)
    H, W = input_size
    x = gpu.empty((N, H, W, C), columns.dtype)
    vector = _vector(C, taps_first, columns)
    blocks, threads = image_grid(C // vector, W, H, N)
    SOURCE.launch("col2im", x.dtype, blocks, threads, columns, x, N, C, int(taps_first), vector,
                  H, W, OH, OW, KH, KW, *stride, *padding, *dilation)  # fmt: skip
    return to_nchw(x)


def conv2d(x: Any, weight: Any, bias: Any, stride: Pair, padding: Pair, dilation: Pair, groups: int = 1) -> Any:
    """y = columns @ weight, group by group; see `kernels.conv2d`."""
    OC, _, KH, KW = weight.shape
    OH, OW = output_size(x.shape[2:], (KH, KW), stride, padding, dilation)
    products = [
        matmul(_matrix(im2col(part, (KH, KW), stride, padding, dilation)), _weight_matrix(w), b)  # (M, OC/G)
        for part, w, b in zip(_cut(x, 1, groups), _cut(weight, 0, groups), _cut(bias, 0, groups), strict=True)
    ]
    return to_nchw(_joined(products, 1).reshape(x.shape[0], OH, OW, OC))


def conv2d_input(gy: Any, weight: Any, input_size: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int = 1) -> Any:
    """gx = col2im(gy @ weight^T), group by group; see `kernels.conv2d`."""
    _, CG, KH, KW = weight.shape
    N, _, OH, OW = gy.shape
    images = []
    for part, w in zip(_cut(gy, 1, groups), _cut(weight, 0, groups), strict=True):
        columns = matmul(_rows(part), _weight_matrix(w).T)  # (M, KH*KW*C/G)
        windows = columns.reshape(N, OH, OW, KH, KW, CG).transpose(0, 1, 2, 5, 3, 4)
        images.append(to_nhwc(col2im(windows, input_size, stride, padding, dilation)))
    return to_nchw(_joined(images, 3))


def conv2d_weight(x: Any, gy: Any, kernel_size: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int = 1) -> Any:
    """gw = gy^T @ columns, group by group; see `kernels.conv2d`."""
    products = [
        matmul(_rows(g).T, _matrix(im2col(part, kernel_size, stride, padding, dilation)))  # (OC/G, KH*KW*C/G)
        for part, g in zip(_cut(x, 1, groups), _cut(gy, 1, groups), strict=True)
    ]
    return contiguous(_joined(products, 0).reshape(gy.shape[1], *kernel_size, x.shape[1] // groups).transpose(0, 3, 1, 2))


def _rows(images: Any) -> Any:
    """(N, C, H, W) -> (N*H*W, C)."""
    N, C, H, W = images.shape
    return to_nhwc(images).reshape(N * H * W, C)


def _matrix(columns: Any) -> Any:
    """(N, OH, OW, C, KH, KW), taps first in memory -> (N*OH*OW, KH*KW*C)."""
    N, OH, OW, C, KH, KW = columns.shape
    return columns.transpose(0, 1, 2, 4, 5, 3).reshape(N * OH * OW, KH * KW * C)


def _weight_matrix(weight: Any) -> Any:
    """(OC, C, KH, KW) -> (KH*KW*C, OC), rows in the order of `_matrix`'s columns."""
    return contiguous(weight.transpose(2, 3, 1, 0)).reshape(-1, weight.shape[0])


def _cut(array: Any, axis: int, groups: int) -> list[Any]:
    """`array` as `groups` views that follow one another along `axis`; None as often as that."""
    if array is None:
        return [None] * groups
    size = array.shape[axis] // groups
    before = (slice(None),) * axis
    return [array[(*before, slice(group * size, (group + 1) * size))] for group in range(groups)]


def _joined(parts: list[Any], axis: int) -> Any:
    """The inverse of `_cut`."""
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis)


def _vector(channels: int, taps_first: bool, array: Any) -> int:
    """How many numbers a thread moves at once: those of a pack, where channels allow it, else 1."""
    pack = PACK_BYTES // array.dtype.itemsize
    return pack if taps_first and channels % pack == 0 and array.data.ptr % PACK_BYTES == 0 else 1
