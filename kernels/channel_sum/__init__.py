r"""The sum of every channel: what the gradient of a bias is.

    channel_sum(x)[c] = sum_{n, h, w} x[n, c, h, w]

Shapes: x (N, C) or (N, C, *), any strides; result (C,). Of float32, at most 64 terms are added up before float64 takes over, so that the
error is at most 64 * 2^-24 = 4e-6 of sum |x|; it does not depend on the number of threads. The sum of nothing is zero.
"""

import numpy as np

from kernels.backend import implementation
from kernels.checks import check_floating


def channel_sum(x: np.ndarray) -> np.ndarray:
    """The sum over all dimensions but the second. Errors: ValueError for less than two dimensions, TypeError for integers."""
    check_floating("x", x)
    if x.ndim < 2:
        raise ValueError(f"x: got shape {x.shape}, expected (N, C) or (N, C, *)")
    return implementation("channel_sum", "channel_sum", x)(x)
