"""Shapes of pooling; the arguments are those of the definition."""

import numpy as np

from kernels.geometry import Pair
from kernels.meta import empty, like
from kernels.pool2d.windows import out_size


def max_pool2d(x: np.ndarray, rows: np.ndarray, columns: np.ndarray, dilation: Pair) -> tuple[np.ndarray, np.ndarray]:
    """(y, indices), both (N, C, OH, OW)."""
    y = avg_pool2d(x, rows, columns, None)
    return y, empty(y.shape, np.int64)


def max_pool2d_backward(gy: np.ndarray, indices: np.ndarray, input_size: Pair, windows: object = None) -> np.ndarray:
    """gx (N, C, H, W)."""
    return like(gy, (*gy.shape[:2], *input_size))


def max_pool2d_gather(x: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """y (N, C, OH, OW)."""
    return like(x, indices.shape)


def avg_pool2d(x: np.ndarray, rows: np.ndarray, columns: np.ndarray, scale: np.ndarray | None) -> np.ndarray:
    """y (N, C, OH, OW)."""
    return like(x, (*x.shape[:2], *out_size((rows, columns))))
