r"""Windows laid out as columns, and their adjoint: what a convolution by matrix product begins with.

Column l = oh*OW + ow of the result holds the window at (oh, ow), its C*KH*KW pixels one after the other, zero where the window looks
into the padding; stride, padding and dilation are those of `kernels.conv2d`. `fold` adds every window to where it came from.

Shapes: x (N, C, H, W), columns (N, C*KH*KW, OH*OW), any strides.
"""

import numpy as np

from kernels.backend import implementation
from kernels.checks import check_floating, check_ndim
from kernels.geometry import Pair, output_size, pair


def unfold(
    x: np.ndarray, kernel_size: int | Pair, dilation: int | Pair = 1, padding: int | Pair = 0, stride: int | Pair = 1
) -> np.ndarray:
    """The windows of x (N, C, H, W) as columns (N, C*KH*KW, OH*OW)."""
    check_floating("x", x)
    check_ndim("x", x, 4)
    kernel, dilation, padding, stride = _window(kernel_size, dilation, padding, stride)
    output_size(x.shape[2:], kernel, stride, padding, dilation)  # at least one window must fit
    return implementation("unfold", "unfold", x)(x, kernel, dilation, padding, stride)


def fold(
    columns: np.ndarray, size: int | Pair, kernel_size: int | Pair, dilation: int | Pair = 1, padding: int | Pair = 0,
    stride: int | Pair = 1,
) -> np.ndarray:  # fmt: skip
    """The sum of all windows, each where it was, in images (N, C, H, W) of `size` (H, W): the adjoint of `unfold`."""
    check_floating("columns", columns)
    check_ndim("columns", columns, 3)
    size = pair(size, "size", 1)
    kernel, dilation, padding, stride = _window(kernel_size, dilation, padding, stride)
    OH, OW = output_size(size, kernel, stride, padding, dilation)
    if columns.shape[1] % (kernel[0] * kernel[1]) or columns.shape[2] != OH * OW:
        raise ValueError(
            f"columns: got shape {columns.shape}, expected (N, a multiple of {kernel[0] * kernel[1]}, {OH * OW}) "
            f"for {OH} x {OW} windows of {kernel} in images of {size}"
        )
    return implementation("unfold", "fold", columns)(columns, size, (OH, OW), kernel, dilation, padding, stride)


def _window(kernel_size: int | Pair, dilation: int | Pair, padding: int | Pair, stride: int | Pair) -> tuple[Pair, Pair, Pair, Pair]:
    return pair(kernel_size, "kernel_size", 1), pair(dilation, "dilation", 1), pair(padding, "padding", 0), pair(stride, "stride", 1)
