"""The shape of pieces of images; the arguments are those of the definition."""

import numpy as np

from kernels.geometry import Pair
from kernels.meta import like


def augment(images: np.ndarray, picks: np.ndarray, size: Pair, values: np.ndarray, fill: int) -> np.ndarray:
    """y (B, C, OH, OW)."""
    return like(values, (len(picks), images.shape[1], *size))
