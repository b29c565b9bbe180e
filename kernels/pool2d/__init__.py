r"""Pooling: each channel shrinks by taking the maximum or the mean of windows.

Window (oh, ow) looks at the pixels ("taps") at rows oh*s - p + i*d and columns ow*s - p + j*d, for 0 <= i < KH and 0 <= j < KW, with
stride s, padding p and dilation d (1 for averages). `ceil_mode` adds a last window that hangs over the end, if it begins inside the
image or its left padding.

Adaptive pooling is told the size of the result instead (He et al. 2014, "Spatial pyramid pooling in deep convolutional networks"):
window oh looks at the rows from floor(oh * H / OH) to before ceil((oh + 1) * H / OH), and columns likewise. Windows may overlap, and differ
in size by a pixel or two.

Maximum: the padding counts as -inf, so it never wins. Of equal values the first in row-major order wins; a NaN wins over every number.
The place of the winner is returned as h*W + w; where a window has no pixel at all, the result is -inf and the place -1. Given the
places, pooling is a linear map, y[o] = x[indices[o]], called `max_pool2d_gather`, and its gradient is the adjoint of that map, a sum
over the windows that a pixel has won.

Average: the sum of the pixels divided by the size of the window, which counts the padding (but not what hangs over it) if
`count_include_pad`, else only pixels; or divided by `divisor_override`. The map is linear, and its adjoint is a resampling: every pixel
of gx is a weighted sum of the windows that see it (see `kernels.resample`).

Shapes: x and gx (N, C, H, W), y, gy and indices (N, C, OH, OW), any strides; results are channels-last in memory. kernel_size, stride,
padding and dilation are a number or a (vertical, horizontal) pair; stride None means kernel_size. An empty batch gives an empty result.

What the versions are given is not strides and padding but the bounds of all windows, as `windows.py` describes them.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from kernels.backend import implementation
from kernels.checks import check_floating, check_ndim, check_number, check_shape
from kernels.geometry import Pair, output_size, pair, window_extent
from kernels.gpu import wide_dtype
from kernels.pool2d import windows
from kernels.pool2d.windows import Mean


def max_pool2d(
    x: np.ndarray, kernel_size: int | Pair, stride: int | Pair | None = None, padding: int | Pair = 0,
    dilation: int | Pair = 1, ceil_mode: bool = False,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """(y, indices): the maximum of every window and its place h*W + w in the plane (int64)."""
    _check_images("x", x)
    bounds = _sliding(x.shape[2:], kernel_size, stride, padding, dilation, ceil_mode)
    return implementation("pool2d", "max_pool2d", x)(x, *bounds, pair(dilation, "dilation", 1))


def adaptive_max_pool2d(x: np.ndarray, output_size: int | Pair) -> tuple[np.ndarray, np.ndarray]:
    """(y, indices): the maximum of every adaptive window and its place h*W + w in the plane (int64)."""
    _check_images("x", x)
    return implementation("pool2d", "max_pool2d", x)(x, *_adaptive(x.shape[2:], output_size), (1, 1))


def max_pool2d_backward(gy: np.ndarray, indices: np.ndarray, input_size: int | Pair, **window: Any) -> np.ndarray:
    """gx (N, C, H, W) for `input_size` (H, W): every gy[o] added to the pixel at indices[o]. Index -1 goes nowhere.

    window: the other arguments of `max_pool2d` or `adaptive_max_pool2d`, where one of them has chosen the indices. On a GPU every pixel
    then looks at the few windows that see it, and indices are not checked; elsewhere this changes nothing.
    """
    input_size = pair(input_size, "input_size", 1)
    _check_images("gy", gy)
    _check_indices(indices, gy.shape)
    bounds = None if not window else (_adaptive if "output_size" in window else _sliding)(input_size, **window)
    if bounds is not None and windows.out_size(bounds) != gy.shape[2:]:
        raise ValueError(f"gy: got shape {gy.shape}, expected {windows.out_size(bounds)} windows for input_size {input_size} and {window}")
    return implementation("pool2d", "max_pool2d_backward", gy)(gy, indices, input_size, bounds)


def max_pool2d_gather(x: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """y[o] = x[indices[o]] in every plane, 0 where the index is -1: the adjoint of `max_pool2d_backward`."""
    _check_images("x", x)
    _check_indices(indices, (*x.shape[:2], *indices.shape[2:]))
    return implementation("pool2d", "max_pool2d_gather", x)(x, indices)


def avg_pool2d(
    x: np.ndarray, kernel_size: int | Pair, stride: int | Pair | None = None, padding: int | Pair = 0,
    ceil_mode: bool = False, count_include_pad: bool = True, divisor_override: int | None = None,
) -> np.ndarray:  # fmt: skip
    """The mean of every window; see the module's text."""
    _check_images("x", x)
    return _mean(x, *_mean_windows(x.shape[2:], kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override))


def avg_pool2d_backward(
    gy: np.ndarray, input_size: int | Pair, kernel_size: int | Pair, stride: int | Pair | None = None, padding: int | Pair = 0,
    ceil_mode: bool = False, count_include_pad: bool = True, divisor_override: int | None = None,
) -> np.ndarray:  # fmt: skip
    """gx (N, C, H, W) for `input_size` (H, W): the gradient of `avg_pool2d`, given its other arguments."""
    input_size = pair(input_size, "input_size", 1)
    _check_images("gy", gy)
    return _mean_backward(gy, *_mean_windows(input_size, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override))


def adaptive_avg_pool2d(x: np.ndarray, output_size: int | Pair) -> np.ndarray:
    """The mean of every adaptive window; that of a single one is `global_avg_pool2d`."""
    output_size = pair(output_size, "output_size", 1)
    if output_size == (1, 1):
        return global_avg_pool2d(x)
    _check_images("x", x)
    return _mean(x, *_along_both(windows.adaptive_mean, x.shape[2:], output_size))


def adaptive_avg_pool2d_backward(gy: np.ndarray, input_size: int | Pair) -> np.ndarray:
    """gx (N, C, H, W) for `input_size` (H, W): the gradient of `adaptive_avg_pool2d`."""
    if gy.shape[2:] == (1, 1):
        return global_avg_pool2d_backward(gy, input_size)
    input_size = pair(input_size, "input_size", 1)
    _check_images("gy", gy)
    return _mean_backward(gy, *_along_both(windows.adaptive_mean, input_size, gy.shape[2:]))


def global_avg_pool2d(x: np.ndarray) -> np.ndarray:
    """The mean of every plane, (N, C, 1, 1)."""
    _check_images("x", x)
    return implementation("pool2d", "global_avg_pool2d", x)(x)


def global_avg_pool2d_backward(gy: np.ndarray, input_size: int | Pair) -> np.ndarray:
    """gx (N, C, H, W) for `input_size` (H, W): every gy (N, C, 1, 1) divided by H*W and spread over its plane."""
    input_size = pair(input_size, "input_size", 1)
    _check_images("gy", gy)
    check_shape("gy", gy, (*gy.shape[:2], 1, 1))
    return implementation("pool2d", "global_avg_pool2d_backward", gy)(gy, input_size)


# --- windows


def _sliding(
    size: Pair, kernel_size: int | Pair, stride: int | Pair | None = None, padding: int | Pair = 0, dilation: int | Pair = 1,
    ceil_mode: bool = False,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """The bounds of the windows of `max_pool2d`, vertical and horizontal."""
    kernel_size, stride, padding = _windows(kernel_size, stride, padding, dilation)
    dilation = pair(dilation, "dilation", 1)
    out_size = output_size(size, kernel_size, stride, padding, dilation, ceil_mode)
    return _along_both(windows.sliding, size, out_size, kernel_size, stride, padding, dilation)


def _adaptive(size: Pair, output_size: int | Pair) -> tuple[np.ndarray, np.ndarray]:
    return _along_both(windows.adaptive, size, pair(output_size, "output_size", 1))


def _along_both(windows_of: Callable[..., Any], *options: Any) -> Any:
    """What `windows_of` makes of the vertical and of the horizontal part of every option."""
    return tuple([windows_of(*parts) for parts in zip(*options, strict=True)])


def _mean_windows(
    size: Pair, kernel_size: int | Pair, stride: int | Pair | None, padding: int | Pair, ceil_mode: bool, count_include_pad: bool,
    divisor_override: int | None,
) -> tuple[Mean, Mean]:  # fmt: skip
    kernel_size, stride, padding = _windows(kernel_size, stride, padding, 1)
    out_size = output_size(size, kernel_size, stride, padding, (1, 1), ceil_mode)
    divisors: Any = (None, None)
    if divisor_override is not None:
        check_number("divisor_override", divisor_override)
        if divisor_override == 0:
            raise ValueError("divisor_override: got 0, expected another number, or None")
        divisors = (divisor_override, 1)
    return _along_both(windows.sliding_mean, size, out_size, kernel_size, stride, padding, (bool(count_include_pad),) * 2, divisors)


def _mean(x: np.ndarray, rows: Mean, columns: Mean) -> np.ndarray:
    return implementation("pool2d", "avg_pool2d", x)(x, rows.bounds, columns.bounds, windows.scale(rows, columns, wide_dtype(x.dtype)))


def _mean_backward(gy: np.ndarray, rows: Mean, columns: Mean) -> np.ndarray:
    check_shape("gy", gy, (*gy.shape[:2], len(rows.weight), len(columns.weight)))
    return implementation("resample", "resample2d", gy)(gy, rows.adjoint, columns.adjoint)


def _windows(
    kernel_size: int | Pair, stride: int | Pair | None, padding: int | Pair, dilation: int | Pair
) -> tuple[Pair, Pair, Pair]:
    kernel_size = pair(kernel_size, "kernel_size", 1)
    stride = kernel_size if stride is None else pair(stride, "stride", 1)
    padding = pair(padding, "padding", 0)
    for pad, kernel, d in zip(padding, kernel_size, pair(dilation, "dilation", 1), strict=True):
        if pad > window_extent(kernel, d) // 2:
            raise ValueError(f"padding: got {padding}, expected at most half of the window: {kernel_size} with dilation {dilation}")
    return kernel_size, stride, padding


def _check_images(name: str, array: np.ndarray) -> None:
    check_floating(name, array)
    check_ndim(name, array, 4)
    if 0 in array.shape[1:]:
        raise ValueError(f"{name}: got shape {array.shape}, expected no empty dimension but the batch")


def _check_indices(indices: np.ndarray, shape: tuple[int, ...]) -> None:
    if indices.dtype != np.int64:
        raise TypeError(f"indices: got {indices.dtype}, expected int64")
    check_ndim("indices", indices, 4)
    check_shape("indices", indices, shape)
