"""Shapes of convolutions; the arguments are those of the definition."""

import numpy as np

from kernels.geometry import Pair, output_size
from kernels.meta import like


def conv2d(
    x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> np.ndarray:
    """y (N, OC, OH, OW)."""
    return like(x, (len(x), len(weight), *output_size(x.shape[2:], weight.shape[2:], stride, padding, dilation)))


def conv2d_input(
    gy: np.ndarray, weight: np.ndarray, input_size: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> np.ndarray:
    """gx (N, C, H, W)."""
    return like(gy, (len(gy), weight.shape[1] * groups, *input_size))


def conv2d_weight(
    x: np.ndarray, gy: np.ndarray, kernel_size: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> np.ndarray:
    """gw (OC, C/G, KH, KW)."""
    return like(x, (gy.shape[1], x.shape[1] // groups, *kernel_size))
