r"""Two-dimensional convolution and its two gradients.

With stride s, padding p, dilation d, and x read as zero outside the image,

    y[n, o, h, w] = bias[o] + sum_{c, i, j} x[n, c, h*s + i*d - p, w*s + j*d - p] * weight[o, c, i, j]

(in deep learning "convolution" does not flip the kernel). The sum is linear in x and linear in weight, so each
gradient is again a sum of products, of the upstream gradient gy with the other factor:

    conv2d_input   gx[n, c, u, v] = sum of gy[n, o, h, w] * weight[o, c, i, j] over all (o, h, w, i, j)
                                    with h*s + i*d - p = u and w*s + j*d - p = v
    conv2d_weight  gw[o, c, i, j] = sum_{n, h, w} gy[n, o, h, w] * x[n, c, h*s + i*d - p, w*s + j*d - p]

and the three maps are gradients of one another. `conv2d_input` by itself is transposed convolution (Zeiler et al.
2010).

With `groups` G the channels are cut into G slices, and slice g of the output sees slice g of the input alone; G = C =
OC is depthwise convolution, which has kernels of its own in `kernels.depthwise`.

Shapes: x (N, C, H, W), weight (OC, C/G, KH, KW), bias (OC,), y and gy (N, OC, OH, OW), with any strides; results are
channels-last in memory. stride, padding, dilation are a number or a (vertical, horizontal) pair. Errors: ValueError
for shapes that do not fit, TypeError for mixed dtypes; each names the argument.
"""

import numpy as np

from kernels.backend import implementation
from kernels.checks import check_dtype, check_ndim, check_shape
from kernels.geometry import Pair, output_size, pair


def conv2d(
    x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None = None,
    stride: int | Pair = 1, padding: int | Pair = 0, dilation: int | Pair = 1, groups: int = 1,
) -> np.ndarray:  # fmt: skip
    """The convolution y of x with weight, plus bias; see the module's text."""
    stride, padding, dilation = pair(stride, "stride", 1), pair(padding, "padding", 0), pair(dilation, "dilation", 1)
    check_ndim("x", x, 4)
    _check_weight(weight, x.shape[1], groups)
    check_dtype("weight", weight, x)
    if bias is not None:
        check_dtype("bias", bias, x)
        check_shape("bias", bias, (weight.shape[0],))
    output_size(x.shape[2:], weight.shape[2:], stride, padding, dilation)
    return implementation(_family(weight, groups), "conv2d", x)(x, weight, bias, stride, padding, dilation, groups)


def conv2d_input(
    gy: np.ndarray, weight: np.ndarray, input_size: Pair,
    stride: int | Pair = 1, padding: int | Pair = 0, dilation: int | Pair = 1, groups: int = 1,
) -> np.ndarray:  # fmt: skip
    """gx (N, C, H, W) for `input_size` (H, W): the gradient of `conv2d` with respect to x, which is transposed convolution of gy."""
    stride, padding, dilation = pair(stride, "stride", 1), pair(padding, "padding", 0), pair(dilation, "dilation", 1)
    input_size = pair(input_size, "input_size", 1)
    check_ndim("gy", gy, 4)
    _check_weight(weight, weight.shape[1] * groups if weight.ndim == 4 else 0, groups)
    check_dtype("weight", weight, gy)
    expected = output_size(input_size, weight.shape[2:], stride, padding, dilation)
    check_shape("gy", gy, (gy.shape[0], weight.shape[0], *expected))
    return implementation(_family(weight, groups), "conv2d_input", gy)(gy, weight, input_size, stride, padding, dilation, groups)


def conv2d_weight(
    x: np.ndarray, gy: np.ndarray, kernel_size: Pair,
    stride: int | Pair = 1, padding: int | Pair = 0, dilation: int | Pair = 1, groups: int = 1,
) -> np.ndarray:  # fmt: skip
    """gw (OC, C/G, KH, KW) for `kernel_size` (KH, KW): the gradient of `conv2d` with respect to weight."""
    stride, padding, dilation = pair(stride, "stride", 1), pair(padding, "padding", 0), pair(dilation, "dilation", 1)
    kernel_size = pair(kernel_size, "kernel_size", 1)
    check_ndim("x", x, 4)
    check_ndim("gy", gy, 4)
    check_dtype("gy", gy, x)
    _check_groups(x.shape[1], gy.shape[1], groups)
    expected = output_size(x.shape[2:], kernel_size, stride, padding, dilation)
    check_shape("gy", gy, (x.shape[0], gy.shape[1], *expected))
    family = "depthwise" if groups == x.shape[1] == gy.shape[1] else "conv2d"
    return implementation(family, "conv2d_weight", x)(x, gy, kernel_size, stride, padding, dilation, groups)


def _family(weight: np.ndarray, groups: int) -> str:
    depthwise = weight.shape[0] == groups and weight.shape[1] == 1
    return "depthwise" if depthwise else "conv2d"


def _check_weight(weight: np.ndarray, channels: int, groups: int) -> None:
    check_ndim("weight", weight, 4)
    _check_groups(channels, weight.shape[0], groups)
    if weight.shape[1] * groups != channels:
        raise ValueError(
            f"weight: got shape {weight.shape}, expected (OC, {channels // groups}, KH, KW) "
            f"for an input of {channels} channels in {groups} group(s)"
        )
    if 0 in weight.shape:
        raise ValueError(f"weight: got shape {weight.shape}, expected no empty dimension")


def _check_groups(channels: int, out_channels: int, groups: int) -> None:
    if not isinstance(groups, (int, np.integer)) or groups < 1 or channels % groups or out_channels % groups:
        raise ValueError(
            f"groups: got {groups!r}, expected a positive integer that divides {channels} input channels and {out_channels} output channels"
        )
