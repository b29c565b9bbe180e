r"""Activation functions: one number in, one number out.

    relu(x) = max(x, 0)        relu_backward(gy, y) = gy where y > 0, else 0
    tanh(x)                    tanh_backward(gy, y) = gy * (1 - y^2)

The gradients are written in terms of the result y, so the input need not be kept. A NaN in x is a NaN in y, and lets gy through.

Shapes: any, any strides. The result has the memory order of the first argument (channels-last where that has gaps).
"""

import numpy as np

from kernels.backend import implementation
from kernels.checks import check_dtype, check_floating, check_shape


def relu(x: np.ndarray) -> np.ndarray:
    """max(x, 0), element by element."""
    check_floating("x", x)
    return implementation("activation", "relu", x)(x)


def relu_backward(gy: np.ndarray, y: np.ndarray) -> np.ndarray:
    """gy where y = relu(x) is positive (or NaN), else 0."""
    _check_pair(gy, y)
    return implementation("activation", "relu_backward", gy)(gy, y)


def tanh(x: np.ndarray) -> np.ndarray:
    """The hyperbolic tangent, element by element."""
    check_floating("x", x)
    return implementation("activation", "tanh", x)(x)


def tanh_backward(gy: np.ndarray, y: np.ndarray) -> np.ndarray:
    """gy * (1 - y^2) for y = tanh(x)."""
    _check_pair(gy, y)
    return implementation("activation", "tanh_backward", gy)(gy, y)


def _check_pair(gy: np.ndarray, y: np.ndarray) -> None:
    check_floating("gy", gy)
    check_dtype("y", y, gy)
    check_shape("y", y, gy.shape)
