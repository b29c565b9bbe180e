r"""Rearranging pixels and channels: the same numbers in other places.

    channel_shuffle(x, g)    y[n, k*g + i, h, w]         = x[n, i*(C/g) + k, h, w]         for 0 <= i < g
    pixel_shuffle(x, r)      y[n, c, h*r + i, w*r + j]   = x[n, c*r*r + i*r + j, h, w]     for 0 <= i, j < r
    pixel_unshuffle(x, r)    the inverse of pixel_shuffle

Each is a permutation, so that its adjoint is its inverse: channel_shuffle(gy, C/g), pixel_unshuffle(gy, r), pixel_shuffle(gy, r).

Shapes: x (N, C, H, W), any strides; pixel_shuffle gives (N, C/(r*r), H*r, W*r), pixel_unshuffle (N, C*r*r, H/r, W/r). Results are
channels-last in memory.
"""

import numpy as np

from kernels.backend import implementation
from kernels.checks import check_ndim, check_positive


def channel_shuffle(x: np.ndarray, groups: int) -> np.ndarray:
    """Channels dealt out anew: the first of each group, the second of each, and so on."""
    check_ndim("x", x, 4)
    check_positive("groups", groups)
    if x.shape[1] % groups:
        raise ValueError(f"groups: got {groups}, expected a divisor of the {x.shape[1]} channels")
    return implementation("shuffle", "channel_shuffle", x)(x, groups)


def pixel_shuffle(x: np.ndarray, upscale_factor: int) -> np.ndarray:
    """Every r*r channels become a block of r x r pixels, r = upscale_factor."""
    check_ndim("x", x, 4)
    check_positive("upscale_factor", upscale_factor)
    if x.shape[1] % upscale_factor**2:
        raise ValueError(f"upscale_factor: got {upscale_factor}, whose square does not divide the {x.shape[1]} channels")
    return implementation("shuffle", "pixel_shuffle", x)(x, upscale_factor)


def pixel_unshuffle(x: np.ndarray, downscale_factor: int) -> np.ndarray:
    """Every block of r x r pixels becomes r*r channels, r = downscale_factor."""
    check_ndim("x", x, 4)
    check_positive("downscale_factor", downscale_factor)
    if x.shape[2] % downscale_factor or x.shape[3] % downscale_factor:
        raise ValueError(f"downscale_factor: got {downscale_factor}, which does not divide {x.shape[2]} x {x.shape[3]} pixels")
    return implementation("shuffle", "pixel_unshuffle", x)(x, downscale_factor)
