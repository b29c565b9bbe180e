"""Batch normalisation. Shapes: channels that fill packs in every type, that fill none, and more than a block has columns for."""

import numpy as np

import kernels
from cases import Case, Wide

TRAIN = "batch_norm_partial_statistics batch_norm_statistics batch_norm_normalise"
BACKWARD = "batch_norm_partial_gradients batch_norm_weight_gradients batch_norm_input_gradient"
NUMBA_TRAIN = "partial_statistics statistics normalise"
NUMBA_BACKWARD = "partial_gradients weight_gradients input_gradient"


def images(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Numbers whose means differ from channel to channel."""
    return rng.standard_normal(shape) + 3 * rng.standard_normal((1, shape[1], *[1] * (len(shape) - 2)))


def per_channel(rng: np.random.Generator, C: int) -> Wide:
    return Wide(rng.standard_normal(C))


def statistics(rng: np.random.Generator, C: int) -> tuple[Wide, Wide]:
    return Wide(rng.standard_normal(C)), Wide(0.5 + rng.random(C))


def train(rng: np.random.Generator, *shape: int) -> tuple:
    return images(rng, *shape), per_channel(rng, shape[1]), per_channel(rng, shape[1]), 1e-3, rng.standard_normal(shape), True


def backward(rng: np.random.Generator, relu: bool, *shape: int) -> tuple:
    C = shape[1]
    y = np.maximum(rng.standard_normal(shape), 0) if relu else None
    return rng.standard_normal(shape), images(rng, *shape), *statistics(rng, C), per_channel(rng, C), 1e-3, y, True


CASES = [
    Case(kernels.batch_norm_train, lambda rng: train(rng, 3, 16, 5, 4), launches=TRAIN, numba_cuda=NUMBA_TRAIN, name="train"),
    Case(kernels.batch_norm_train, lambda rng: train(rng, 70, 5, 3), launches=TRAIN, numba_cuda=NUMBA_TRAIN, name="train_without_packs"),
    Case(kernels.batch_norm_train, lambda rng: (images(rng, 300, 264),), launches=TRAIN, numba_cuda=NUMBA_TRAIN, name="train_wide"),
    Case(
        kernels.batch_norm_eval,
        lambda rng: (images(rng, 2, 16, 3, 3), *statistics(rng, 16), per_channel(rng, 16), None, 1e-3, None, True),
        launches="batch_norm_normalise", numba_cuda="normalise", name="eval",
    ),
    *[
        Case(
            kernels.batch_norm_backward, lambda rng, relu=relu, shape=shape: backward(rng, relu, *shape),
            launches=BACKWARD, numba_cuda=NUMBA_BACKWARD, name=name,
        )
        for name, relu, shape in [
            ("backward", True, (3, 16, 5, 4)), ("backward_without_relu", False, (70, 5, 3)), ("backward_wide", True, (130, 264)),
        ]
    ],
]  # fmt: skip
