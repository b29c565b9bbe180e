"""The sum of two arrays: the definition."""

import numpy as np


def add(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """x + y; see `kernels.add`."""
    return np.add(x, y, out=np.empty_like(x))
