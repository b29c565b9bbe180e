"""Dropout."""

import numpy as np

from minitorch_cv import random
from minitorch_cv.functional.checks import check_floating
from minitorch_cv.tensor import Tensor


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """In training, zero each element with probability `p`, and divide the others by 1 - p, so that the expectation stays.

    (Srivastava et al. 2014, "Dropout: a simple way to prevent neural networks from overfitting".) The draw comes from the
    stream "dropout" of `minitorch_cv.random`. inplace: accepted, but the result is always a new Tensor.
    """
    check_floating("input", input)
    if not 0 <= p <= 1:
        raise ValueError(f"p: got {p}, expected a probability from 0 to 1")
    if not training or p == 0:
        return input
    kept = random.generator("dropout").random(input.shape, np.float32) >= p
    return input * Tensor(kept * input.dtype.type(1 / (1 - p) if p < 1 else 0))
