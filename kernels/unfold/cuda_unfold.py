"""Windows as columns on a GPU: the kernels of kernels/conv2d/im2col.cu, in the order of columns that the contract wants."""

from typing import Any

from kernels.conv2d.cuda_im2col import col2im, im2col
from kernels.geometry import Pair


def unfold(x: Any, kernel_size: Pair, dilation: Pair, padding: Pair, stride: Pair) -> Any:
    """See `kernels.unfold`."""
    windows = im2col(x, kernel_size, stride, padding, dilation, taps_first=False)  # (N, OH, OW, C, KH, KW)
    N, OH, OW, C, KH, KW = windows.shape
    return windows.reshape(N, OH * OW, C * KH * KW).transpose(0, 2, 1)


def fold(columns: Any, size: Pair, windows: Pair, kernel_size: Pair, dilation: Pair, padding: Pair, stride: Pair) -> Any:
    """See `kernels.unfold`."""
    (N, CKK, _), (KH, KW) = columns.shape, kernel_size
    split = columns.transpose(0, 2, 1).reshape(N, *windows, CKK // (KH * KW), KH, KW)  # (N, OH, OW, C, KH, KW)
    return col2im(split, size, stride, padding, dilation)
