"""Global response normalisation at the speed of memory: the passes of `kernels.channel_blocks`, and a few numbers for each channel."""

import numpy as np

from kernels.channel_blocks import from_sheets, gradient_sums, input_gradient, scale_and_shift, sheets, statistics
from kernels.global_response_norm.numpy_global_response_norm import gradients_of_channels, scale_of


def global_response_norm(x: np.ndarray, weight: np.ndarray, bias: np.ndarray, eps: float) -> tuple[np.ndarray, np.ndarray]:
    """See `kernels.global_response_norm`."""
    if x.size == 0:
        return np.empty_like(x), np.zeros(x.shape[:2], x.dtype)
    sheet = sheets(x)
    mean, var = statistics(sheet)
    norm = np.sqrt(sheet.shape[1] * (var + np.square(mean)))
    y = scale_and_shift(sheet, np.zeros_like(norm), scale_of(norm, weight, eps), np.broadcast_to(bias, norm.shape))
    return from_sheets(y, x.shape), norm.astype(x.dtype)


def global_response_norm_backward(
    gy: np.ndarray, x: np.ndarray, norm: np.ndarray, weight: np.ndarray, eps: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """See `kernels.global_response_norm`."""
    if x.size == 0:
        return np.empty_like(x), np.zeros_like(weight), np.zeros_like(weight)
    g, sheet, norm = sheets(gy), sheets(x), norm.astype(np.float64)
    zeros = np.zeros_like(norm)
    total, moment = gradient_sums(g, sheet, zeros)  # sum g, and sum g * x
    gweight, slope = gradients_of_channels(norm, weight, eps, moment)
    gx = input_gradient(g, sheet, zeros, scale_of(norm, weight, eps), zeros, -slope)
    return from_sheets(gx, x.shape), gweight.astype(x.dtype), total.sum(axis=0).astype(x.dtype)
