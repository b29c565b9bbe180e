"""Shapes of resampling; the arguments are those of the definition."""

import numpy as np

from kernels.meta import like
from kernels.resample.taps import Taps


def resample2d(x: np.ndarray, rows: Taps, columns: Taps) -> np.ndarray:
    """y (N, C, OH, OW)."""
    return like(x, (*x.shape[:2], rows.out_size, columns.out_size))
