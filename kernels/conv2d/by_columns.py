"""Convolution on a GPU by im2col and one matrix product, whoever makes the columns and the product."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from kernels.geometry import Pair, output_size
from kernels.layout import contiguous, to_nchw, to_nhwc


@dataclass(frozen=True)
class ByColumns:
    """The three convolutions, with the arguments of `kernels.conv2d`.

    im2col(x, kernel_size, stride, padding, dilation): the windows (N, OH, OW, C, KH, KW), in memory (N, OH, OW, KH, KW, C).
    col2im(columns, input_size, stride, padding, dilation): its adjoint. matmul(a, b, bias): a @ b + bias for matrices with any strides.
    """

    im2col: Callable
    col2im: Callable
    matmul: Callable

    def conv2d(self, x: Any, weight: Any, bias: Any, stride: Pair, padding: Pair, dilation: Pair, groups: int = 1) -> Any:
        """y = columns @ weight, group by group; see `kernels.conv2d`."""
        OC, _, KH, KW = weight.shape
        OH, OW = output_size(x.shape[2:], (KH, KW), stride, padding, dilation)
        products = [
            self.matmul(_matrix(self.im2col(part, (KH, KW), stride, padding, dilation)), _weight_matrix(w), b)  # (M, OC/G)
            for part, w, b in zip(_cut(x, 1, groups), _cut(weight, 0, groups), _cut(bias, 0, groups), strict=True)
        ]
        return to_nchw(_joined(products, 1).reshape(x.shape[0], OH, OW, OC))

    def conv2d_input(self, gy: Any, weight: Any, input_size: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int = 1) -> Any:
        """gx = col2im(gy @ weight^T), group by group; see `kernels.conv2d`."""
        _, CG, KH, KW = weight.shape
        N, _, OH, OW = gy.shape
        images = []
        for part, w in zip(_cut(gy, 1, groups), _cut(weight, 0, groups), strict=True):
            columns = self.matmul(_rows(part), _weight_matrix(w).T, None)  # (M, KH*KW*C/G)
            windows = columns.reshape(N, OH, OW, KH, KW, CG).transpose(0, 1, 2, 5, 3, 4)
            images.append(to_nhwc(self.col2im(windows, input_size, stride, padding, dilation)))
        return to_nchw(_joined(images, 3))

    def conv2d_weight(self, x: Any, gy: Any, kernel_size: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int = 1) -> Any:
        """gw = gy^T @ columns, group by group; see `kernels.conv2d`."""
        products = [
            self.matmul(_rows(g).T, _matrix(self.im2col(part, kernel_size, stride, padding, dilation)), None)  # (OC/G, KH*KW*C/G)
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
    OC, C, KH, KW = weight.shape
    return contiguous(weight.transpose(2, 3, 1, 0)).reshape(KH * KW * C, OC)


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
