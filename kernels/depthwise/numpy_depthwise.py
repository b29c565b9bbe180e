"""Depthwise convolution tap by tap: the definition, in plain NumPy.

Each of the KH*KW taps of the kernel multiplies one shifted, strided view of the padded image. Functions have the
arguments of `kernels.conv2d`.
"""

from collections.abc import Iterator

import numpy as np

from kernels.geometry import Pair, output_size
from kernels.layout import to_nchw


def _taps(padded: np.ndarray, kernel_size: Pair, size: Pair, stride: Pair, dilation: Pair) -> Iterator[tuple[int, int, np.ndarray]]:
    """(i, j, what tap (i, j) sees: a view (N, OH, OW, C) of the padded NHWC image)."""
    (OH, OW), (sh, sw), (dh, dw) = size, stride, dilation
    for i in range(kernel_size[0]):
        for j in range(kernel_size[1]):
            yield i, j, padded[:, i * dh : i * dh + (OH - 1) * sh + 1 : sh, j * dw : j * dw + (OW - 1) * sw + 1 : sw]


def _pad(x: np.ndarray, padding: Pair) -> np.ndarray:
    (ph, pw) = padding
    return np.pad(x.transpose(0, 2, 3, 1), ((0, 0), (ph, ph), (pw, pw), (0, 0)))


def conv2d(
    x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> np.ndarray:
    """y; see `kernels.depthwise`."""
    size = output_size(x.shape[2:], weight.shape[2:], stride, padding, dilation)
    y = np.zeros((x.shape[0], *size, x.shape[1]), x.dtype)
    for i, j, tap in _taps(_pad(x, padding), weight.shape[2:], size, stride, dilation):
        y += tap * weight[:, 0, i, j]
    return to_nchw(y if bias is None else y + bias)


def conv2d_input(
    gy: np.ndarray, weight: np.ndarray, input_size: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> np.ndarray:
    """gx; see `kernels.depthwise`."""
    (N, C, *size), (H, W), (ph, pw) = gy.shape, input_size, padding
    padded = np.zeros((N, H + 2 * ph, W + 2 * pw, C), gy.dtype)
    gy = gy.transpose(0, 2, 3, 1)
    for i, j, tap in _taps(padded, weight.shape[2:], (size[0], size[1]), stride, dilation):
        tap += gy * weight[:, 0, i, j]
    return to_nchw(np.ascontiguousarray(padded[:, ph : ph + H, pw : pw + W]))


def conv2d_weight(
    x: np.ndarray, gy: np.ndarray, kernel_size: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> np.ndarray:
    """gw (C, 1, KH, KW); see `kernels.depthwise`."""
    gw = np.zeros((x.shape[1], 1, *kernel_size), x.dtype)
    gy = gy.transpose(0, 2, 3, 1)
    for i, j, tap in _taps(_pad(x, padding), kernel_size, (gy.shape[1], gy.shape[2]), stride, dilation):
        gw[:, 0, i, j] = np.einsum("nhwc,nhwc->c", tap, gy)
    return gw
