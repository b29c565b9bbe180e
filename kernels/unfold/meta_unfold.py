"""Shapes of windows as columns; the arguments are those of the definition."""

import numpy as np

from kernels.geometry import Pair, output_size
from kernels.meta import like


def unfold(x: np.ndarray, kernel_size: Pair, dilation: Pair, padding: Pair, stride: Pair) -> np.ndarray:
    """columns (N, C*KH*KW, OH*OW)."""
    N, C, H, W = x.shape
    OH, OW = output_size((H, W), kernel_size, stride, padding, dilation)
    return like(x, (N, C * kernel_size[0] * kernel_size[1], OH * OW))


def fold(
    columns: np.ndarray, size: Pair, windows: Pair, kernel_size: Pair, dilation: Pair, padding: Pair, stride: Pair
) -> np.ndarray:
    """x (N, C, H, W)."""
    return like(columns, (columns.shape[0], columns.shape[1] // (kernel_size[0] * kernel_size[1]), *size))
