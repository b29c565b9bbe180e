"""Sums of two arrays: whole packs of 16 bytes, a tail, and arrays that do not begin at a multiple of 16 bytes."""

import numpy as np

import kernels
from cases import Case


def pair(rng: np.random.Generator, *shape: int) -> tuple[np.ndarray, np.ndarray]:
    return rng.standard_normal(shape), rng.standard_normal(shape)


def _shifted_add(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return kernels.add(x[1:], y[1:])


CASES = [
    Case(kernels.add, lambda rng: pair(rng, 4, 3, 8, 8), launches="add"),
    Case(kernels.add, lambda rng: pair(rng, 7, 5, 3), launches="add", name="tail"),
    Case(kernels.add, lambda rng: (rng.standard_normal((2, 3, 5, 5)), rng.standard_normal((2, 5, 5, 3)).transpose(0, 3, 1, 2)),
         launches="add", name="two_orders"),
    Case(_shifted_add, lambda rng: pair(rng, 600), launches="add", name="not_aligned"),
    Case(kernels.add, lambda rng: (np.array([np.nan, np.inf, -np.inf, 0.0, 1.0]), np.array([1.0, 1.0, 3.0, 0.0, 2.0])), launches="add",
         name="not_finite"),
    Case(kernels.add, lambda rng: pair(rng, 0, 3), name="empty"),
]  # fmt: skip
