"""The sum of two arrays of one shape: where two paths of a network meet, forwards, or their gradients, backwards.

    add(x, y) = x + y, element by element

Shapes: x and y of any one shape, any strides; the result has the memory order of x. It is here for large images,
whose sum is nothing but memory traffic, and so gains from several threads; NumPy's own is as good for everything
small.
"""

import numpy as np

from kernels.backend import implementation
from kernels.checks import check_dtype, check_shape


def add(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """x + y. Errors: ValueError for different shapes, TypeError for mixed dtypes."""
    check_shape("y", y, x.shape)
    check_dtype("y", y, x)
    return implementation("add", "add", x)(x, y)
