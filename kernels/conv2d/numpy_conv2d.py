"""Convolution by im2col and one matrix product: the definition, in plain NumPy.

Every output pixel sees one window of the input. `im2col` lays these windows out as the rows of a matrix; convolution
is then one product with the weights, and the two gradients are the other two products that the three matrices allow.
(Chellapilla et al. 2006, "High performance convolutional neural networks for document processing".)
"""

import numpy as np

from kernels.geometry import Pair, output_size
from kernels.layout import to_nchw


def im2col(x: np.ndarray, kernel_size: Pair, stride: Pair, padding: Pair, dilation: Pair) -> np.ndarray:
    """The windows of x (N, C, H, W) as an array (N, OH, OW, C, KH, KW)."""
    (KH, KW), (sh, sw), (ph, pw), (dh, dw) = kernel_size, stride, padding, dilation
    OH, OW = output_size(x.shape[2:], kernel_size, stride, padding, dilation)
    padded = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    columns = np.empty((x.shape[0], OH, OW, x.shape[1], KH, KW), x.dtype)
    for i in range(KH):
        for j in range(KW):
            tap = padded[:, :, i * dh : i * dh + OH * sh : sh, j * dw : j * dw + OW * sw : sw]  # (N, C, OH, OW)
            columns[..., i, j] = tap[:, :, :OH, :OW].transpose(0, 2, 3, 1)
    return columns


def col2im(columns: np.ndarray, input_size: Pair, stride: Pair, padding: Pair, dilation: Pair) -> np.ndarray:
    """The adjoint of `im2col`: every window (N, OH, OW, C, KH, KW) added to where it came from, (N, C, H, W)."""
    N, OH, OW, C, KH, KW = columns.shape
    (H, W), (sh, sw), (ph, pw), (dh, dw) = input_size, stride, padding, dilation
    # As large as the last windows reach, and at least as large as the padded image.
    padded = np.zeros((N, H + 2 * ph + sh, W + 2 * pw + sw, C), columns.dtype)
    for i in range(KH):
        for j in range(KW):
            tap = padded[:, i * dh : i * dh + OH * sh : sh, j * dw : j * dw + OW * sw : sw]  # (N, OH, OW, C)
            tap += columns[..., i, j]
    return to_nchw(np.ascontiguousarray(padded[:, ph : ph + H, pw : pw + W]))


def conv2d(
    x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> np.ndarray:
    """y = columns @ weight, group by group; see `kernels.conv2d`."""
    OC, CG, KH, KW = weight.shape
    columns = im2col(x, (KH, KW), stride, padding, dilation)
    N, OH, OW = columns.shape[:3]
    columns = columns.reshape(N * OH * OW, groups, CG * KH * KW).transpose(1, 0, 2)  # (G, N*OH*OW, C/G*KH*KW)
    matrix = weight.reshape(groups, OC // groups, CG * KH * KW).transpose(0, 2, 1)  # (G, C/G*KH*KW, OC/G)
    y = (columns @ matrix).transpose(1, 0, 2).reshape(N, OH, OW, OC)
    return to_nchw(y if bias is None else y + bias)


def conv2d_input(
    gy: np.ndarray, weight: np.ndarray, input_size: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> np.ndarray:
    """gx = col2im(gy @ weight^T), group by group; see `kernels.conv2d`."""
    OC, CG, KH, KW = weight.shape
    N, _, OH, OW = gy.shape
    rows = gy.transpose(0, 2, 3, 1).reshape(N * OH * OW, groups, OC // groups).transpose(1, 0, 2)  # (G, N*OH*OW, OC/G)
    matrix = weight.reshape(groups, OC // groups, CG * KH * KW)  # (G, OC/G, C/G*KH*KW)
    columns = (rows @ matrix).transpose(1, 0, 2).reshape(N, OH, OW, groups * CG, KH, KW)
    return col2im(columns, input_size, stride, padding, dilation)


def conv2d_weight(
    x: np.ndarray, gy: np.ndarray, kernel_size: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> np.ndarray:
    """gw = gy^T @ columns, group by group; see `kernels.conv2d`."""
    N, OC, OH, OW = gy.shape
    CG, (KH, KW) = x.shape[1] // groups, kernel_size
    columns = im2col(x, kernel_size, stride, padding, dilation)
    columns = columns.reshape(N * OH * OW, groups, CG * KH * KW).transpose(1, 0, 2)  # (G, N*OH*OW, C/G*KH*KW)
    rows = gy.transpose(1, 0, 2, 3).reshape(groups, OC // groups, N * OH * OW)  # (G, OC/G, N*OH*OW)
    return (rows @ columns).reshape(OC, CG, KH, KW)
