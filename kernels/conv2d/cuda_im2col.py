"""Convolution by im2col and one matrix product of cuBLAS: the textbook's way on a GPU.

Easy to read, and a measure for other ways: the matrix of windows is KH*KW times as large as the input, and is written and read once for
every product. `kernels.conv2d.cuda_conv2d` never writes it. See im2col.cu for the two kernels; the functions have the arguments of
`kernels.conv2d`.
"""

from typing import Any

from kernels import gpu
from kernels.conv2d.by_columns import ByColumns
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


def _vector(channels: int, taps_first: bool, array: Any) -> int:
    """How many numbers a thread moves at once: those of a pack, where channels allow it, else 1."""
    pack = PACK_BYTES // array.dtype.itemsize
    return pack if taps_first and channels % pack == 0 and array.data.ptr % PACK_BYTES == 0 else 1


BY_COLUMNS = ByColumns(im2col, col2im, matmul)
conv2d, conv2d_input, conv2d_weight = BY_COLUMNS.conv2d, BY_COLUMNS.conv2d_input, BY_COLUMNS.conv2d_weight
