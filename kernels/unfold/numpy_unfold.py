"""Windows as columns, by the functions that define convolution."""

import numpy as np

from kernels.conv2d.numpy_conv2d import col2im, im2col
from kernels.geometry import Pair


def unfold(x: np.ndarray, kernel_size: Pair, dilation: Pair, padding: Pair, stride: Pair) -> np.ndarray:
    """See `kernels.unfold`."""
    windows = im2col(x, kernel_size, stride, padding, dilation)  # (N, OH, OW, C, KH, KW)
    N, OH, OW, C, KH, KW = windows.shape
    return windows.reshape(N, OH * OW, C * KH * KW).transpose(0, 2, 1)


def fold(
    columns: np.ndarray, size: Pair, windows: Pair, kernel_size: Pair, dilation: Pair, padding: Pair, stride: Pair
) -> np.ndarray:
    """See `kernels.unfold`."""
    (N, CKK, _), (KH, KW) = columns.shape, kernel_size
    split = columns.transpose(0, 2, 1).reshape(N, *windows, CKK // (KH * KW), KH, KW)  # (N, OH, OW, C, KH, KW)
    return col2im(split, size, stride, padding, dilation)
