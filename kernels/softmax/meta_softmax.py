"""Shapes of cross-entropy, whose definition looks at the classes; the arguments are the same."""

import numpy as np

from kernels.gpu import wide_dtype
from kernels.meta import empty


def softmax_cross_entropy(
    logits: np.ndarray, target: np.ndarray, weight: np.ndarray | None, ignore_index: int, label_smoothing: float
) -> tuple[np.ndarray, np.ndarray]:
    """(losses (N,), probabilities (N, C))."""
    wide = wide_dtype(logits.dtype)
    return empty(target.shape, wide), empty(logits.shape, wide)


def softmax_cross_entropy_backward(
    gloss: np.ndarray, probabilities: np.ndarray, target: np.ndarray, weight: np.ndarray | None, ignore_index: int,
    label_smoothing: float, dtype: np.dtype,
) -> np.ndarray:  # fmt: skip
    """The gradient (N, C) with respect to the logits."""
    return empty(probabilities.shape, dtype)
