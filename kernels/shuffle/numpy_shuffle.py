"""Rearranging by splitting dimensions and exchanging the parts: the definition. NHWC views make the result channels-last."""

import numpy as np

from kernels.layout import contiguous, to_nchw


def channel_shuffle(x: np.ndarray, groups: int) -> np.ndarray:
    """See `kernels.shuffle`."""
    N, C, H, W = x.shape
    parts = x.transpose(0, 2, 3, 1).reshape(N, H, W, groups, C // groups)
    return to_nchw(contiguous(parts.swapaxes(3, 4)).reshape(N, H, W, C))


def pixel_shuffle(x: np.ndarray, upscale_factor: int) -> np.ndarray:
    """See `kernels.shuffle`."""
    (N, C, H, W), r = x.shape, upscale_factor
    parts = x.transpose(0, 2, 3, 1).reshape(N, H, W, C // (r * r), r, r)
    blocks = contiguous(parts.transpose(0, 1, 4, 2, 5, 3))  # (N, H, r, W, r, C/r/r)
    return to_nchw(blocks.reshape(N, H * r, W * r, C // (r * r)))


def pixel_unshuffle(x: np.ndarray, downscale_factor: int) -> np.ndarray:
    """See `kernels.shuffle`."""
    (N, C, H, W), r = x.shape, downscale_factor
    blocks = x.transpose(0, 2, 3, 1).reshape(N, H // r, r, W // r, r, C)
    parts = contiguous(blocks.transpose(0, 1, 3, 5, 2, 4))  # (N, H/r, W/r, C, r, r)
    return to_nchw(parts.reshape(N, H // r, W // r, C * r * r))
