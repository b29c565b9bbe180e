"""Softmax and cross-entropy: rows for a few threads, for a block, and rows too long to be kept in registers."""

import numpy as np

import kernels
from cases import Case, Wide


def scores(rng: np.random.Generator, N: int, C: int) -> np.ndarray:
    return 3 * rng.standard_normal((N, C))


def probabilities(rng: np.random.Generator, N: int, C: int) -> np.ndarray:
    p = rng.random((N, C))
    return p / p.sum(1, keepdims=True)


def classes(rng: np.random.Generator, N: int, C: int) -> np.ndarray:
    target = rng.integers(0, C, N)
    target[::4] = -100
    return target


def cross_entropy(rng: np.random.Generator, N: int, C: int) -> tuple:
    return scores(rng, N, C), classes(rng, N, C), Wide(rng.random(C))


def cross_entropy_gradient(logits: np.ndarray, *arguments: np.ndarray, label_smoothing: float) -> np.ndarray:
    """The gradient in the type of the logits."""
    return kernels.softmax_cross_entropy_backward(*arguments, label_smoothing=label_smoothing, dtype=logits.dtype)


def gradient(rng: np.random.Generator, N: int, C: int) -> tuple:
    gloss, p = Wide(rng.standard_normal(N)), Wide(probabilities(rng, N, C))
    return scores(rng, N, C), gloss, p, classes(rng, N, C), Wide(rng.random(C))


CASES = [
    Case(kernels.softmax, lambda rng: (scores(rng, 71, 10),), launches="softmax_forward", name="few_classes"),
    Case(kernels.softmax, lambda rng: (scores(rng, 3, 1000),), launches="softmax_forward", name="many_classes"),
    Case(kernels.softmax, lambda rng: (scores(rng, 2, 4200),), launches="softmax_forward", dtypes=("float32", "float16"), name="long_rows"),
    Case(kernels.log_softmax, lambda rng: (scores(rng, 71, 24),), launches="log_softmax_forward", name="logarithm"),
    Case(
        kernels.softmax_backward, lambda rng: (rng.standard_normal((9, 160)), probabilities(rng, 9, 160)),
        launches="softmax_gradient", name="backward",
    ),
    Case(
        kernels.log_softmax_backward, lambda rng: (rng.standard_normal((9, 33)), np.log(probabilities(rng, 9, 33))),
        launches="log_softmax_gradient", name="backward_of_the_logarithm",
    ),
    Case(kernels.softmax_cross_entropy, lambda rng: cross_entropy(rng, 71, 10), launches="cross_entropy_forward", name="cross_entropy"),
    Case(
        kernels.softmax_cross_entropy, lambda rng: cross_entropy(rng, 5, 1000), {"label_smoothing": 0.1},
        launches="cross_entropy_forward", name="smoothed_cross_entropy",
    ),
    Case(
        cross_entropy_gradient, lambda rng: gradient(rng, 71, 10), {"label_smoothing": 0.0},
        launches="cross_entropy_gradient", name="cross_entropy_gradient",
    ),
    Case(
        cross_entropy_gradient, lambda rng: gradient(rng, 5, 1000), {"label_smoothing": 0.1},
        launches="cross_entropy_gradient", name="smoothed_cross_entropy_gradient",
    ),
]  # fmt: skip
