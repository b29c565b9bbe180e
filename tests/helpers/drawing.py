"""Hypothesis strategies for tensors of images: sizes, memory orders, values that stay away from kinks."""

import numpy as np
from hypothesis import strategies as st

import minitorch_cv as mt
from minitorch_cv.testing import ORDERS, arranged


def pair(low: int, high: int) -> st.SearchStrategy[tuple[int, int]]:
    """(vertical, horizontal), each from `low` to `high`."""
    return st.tuples(st.integers(low, high), st.integers(low, high))


memory_orders = st.sampled_from(ORDERS)
seeds = st.integers(0, 2**32 - 1)


def smooth(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Standard normal values."""
    return rng.standard_normal(shape)


def apart(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Values of both signs, all at least 0.1 from each other and from zero: no maximum and no ReLU changes its mind over a small step."""
    count = int(np.prod(shape))
    values = np.arange(1, count + 1) * 0.1 * rng.choice([-1, 1], count)
    return rng.permutation(values).reshape(shape)


def leaf(array: np.ndarray, order: str = "contiguous") -> mt.Tensor:
    """A tensor, arranged in memory as asked, that requires a gradient."""
    return mt.from_numpy(arranged(array, order)).requires_grad_()
