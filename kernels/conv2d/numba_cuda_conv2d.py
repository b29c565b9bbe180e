"""Convolution on a GPU in Python: windows laid out as the rows of a matrix, and a tiled matrix product. To be read beside im2col.cu.

Numbers are computed with, and kept in between, as float32 at least.
"""

from typing import Any

from numba import cuda

from kernels.conv2d.by_columns import ByColumns
from kernels.geometry import Pair, output_size
from kernels.gpu import empty, wide_dtype
from kernels.gpu.numba_kernels import cuda_kernel
from kernels.layout import contiguous, to_nchw, to_nhwc
from kernels.matmul.numba_cuda_matmul import matmul

THREADS = (32, 8)  # along columns or channels, which are neighbours in memory, and along rows


def conv2d(x: Any, weight: Any, bias: Any, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> Any:
    """y; see `kernels.conv2d`."""
    return BY_COLUMNS.conv2d(_wide(x), _wide(weight), _wide(bias), stride, padding, dilation, groups).astype(x.dtype, copy=False)


def conv2d_input(gy: Any, weight: Any, input_size: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> Any:
    """gx; see `kernels.conv2d`."""
    return BY_COLUMNS.conv2d_input(_wide(gy), _wide(weight), input_size, stride, padding, dilation, groups).astype(gy.dtype, copy=False)


def conv2d_weight(x: Any, gy: Any, kernel_size: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> Any:
    """gw; see `kernels.conv2d`."""
    return BY_COLUMNS.conv2d_weight(_wide(x), _wide(gy), kernel_size, stride, padding, dilation, groups).astype(x.dtype, copy=False)


def im2col(x: Any, kernel_size: Pair, stride: Pair, padding: Pair, dilation: Pair) -> Any:
    """The windows of x (N, C, H, W) as rows of an array (N, OH, OW, C, KH, KW), taps first in memory."""
    x = to_nhwc(x)
    (N, H, W, C), (KH, KW) = x.shape, kernel_size
    OH, OW = output_size((H, W), kernel_size, stride, padding, dilation)
    columns = empty((N, OH, OW, KH, KW, C), x.dtype)
    copy_windows.launch(_blocks(KH * KW * C, N * OH * OW), THREADS, x, columns, stride, padding, dilation)
    return columns.transpose(0, 1, 2, 5, 3, 4)


def col2im(columns: Any, input_size: Pair, stride: Pair, padding: Pair, dilation: Pair) -> Any:
    """The adjoint of `im2col`: every window (N, OH, OW, C, KH, KW) added to where it came from, (N, C, H, W)."""
    columns = contiguous(columns.transpose(0, 1, 2, 4, 5, 3))
    (N, C), (H, W) = (columns.shape[0], columns.shape[5]), input_size
    x = empty((N, H, W, C), columns.dtype)
    collect_windows.launch(_blocks(C, N * H * W), THREADS, columns, x, stride, padding, dilation)
    return to_nchw(x)


@cuda_kernel
def copy_windows(x, columns, stride, padding, dilation):
    """x (N, H, W, C) -> columns (N, OH, OW, KH, KW, C): a thread copies one number of a row, then that of another row, and so on."""
    _, H, W, C = x.shape
    N, OH, OW, KH, KW, _ = columns.shape
    k, first = cuda.grid(2)
    if k < KH * KW * C:
        c, j, i = k % C, k // C % KW, k // C // KW  # the channel and the tap of this thread
        for row in range(first, N * OH * OW, cuda.gridsize(2)[1]):
            n, h, w = row // OW // OH, row // OW % OH, row % OW
            u = h * stride[0] + i * dilation[0] - padding[0]
            v = w * stride[1] + j * dilation[1] - padding[1]
            seen = 0 <= u and u < H and 0 <= v and v < W  # else this tap looks into the padding
            columns[n, h, w, i, j, c] = x[n, u, v, c] if seen else x.dtype.type(0)


@cuda_kernel
def collect_windows(columns, x, stride, padding, dilation):
    """columns (N, OH, OW, KH, KW, C) -> x (N, H, W, C). A thread makes one number of x: it looks for the windows that have seen it.

    Were there a thread for each number of columns instead, several of them would add to one number of x at the same time.
    """
    N, H, W, C = x.shape
    _, OH, OW, KH, KW, _ = columns.shape
    c, first = cuda.grid(2)
    if c < C:
        for pixel in range(first, N * H * W, cuda.gridsize(2)[1]):
            n, u, v = pixel // W // H, pixel // W % H, pixel % W
            total = x.dtype.type(0)
            for i in range(KH):
                down = u + padding[0] - i * dilation[0]  # a stride times the window's row, where there is such a window
                h = down // stride[0]
                if down % stride[0] == 0 and 0 <= h and h < OH:
                    for j in range(KW):
                        across = v + padding[1] - j * dilation[1]
                        w = across // stride[1]
                        if across % stride[1] == 0 and 0 <= w and w < OW:
                            total += columns[n, h, w, i, j, c]
            x[n, u, v, c] = total


BY_COLUMNS = ByColumns(im2col, col2im, matmul)


def _wide(array: Any) -> Any:
    """`array` in the type that is computed with."""
    return None if array is None else array.astype(wide_dtype(array.dtype), copy=False)


def _blocks(columns: int, rows: int) -> tuple[int, int]:
    """Blocks of THREADS for a plane; CUDA takes no more than 65535 along rows, and the kernels go round."""
    return -(-columns // THREADS[0]), min(-(-rows // THREADS[1]), 65535)
