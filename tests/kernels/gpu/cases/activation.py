"""Activation functions: every formula, forwards and backwards."""

import numpy as np

import kernels
from cases import Case, Wide
from kernels import Pieces
from kernels.activation import SMOOTH

PARAMETERS = {"softplus": (1.5, 6.0), "elu": (1.7, 1.1, 0.8)}
BENT = Pieces(-1.0, 2.0, (0.5, -0.25), (3.0, 1.5), (7.0, 0.0))
FAR = np.array([np.nan, np.inf, -np.inf, -60.0, 60.0, -8.0, 8.0, 0.0, 3.0, -3.0])  # NaN, what overflows when it is done carelessly, kinks


def numbers(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return 4 * rng.standard_normal(shape)


def three(rng: np.random.Generator, channels: int, *shape: int) -> tuple:
    return numbers(rng, *shape), numbers(rng, *shape), Wide(numbers(rng, channels))


def _smooth(x: np.ndarray, name: str) -> np.ndarray:
    return kernels.smooth(name, x, *PARAMETERS.get(name, ()))


def _smooth_backward(gy: np.ndarray, kept: np.ndarray, name: str) -> np.ndarray:
    return kernels.smooth_backward(name, gy, kept, *PARAMETERS.get(name, ()))


def _smooth_cases(name: str) -> list[Case]:
    options = {"name": name}
    return [
        Case(_smooth, lambda rng: (numbers(rng, 11, 37),), options, launches="smooth", name=name),
        Case(_smooth, lambda rng: (FAR,), options, launches="smooth", name=f"{name}_far"),
        Case(_smooth_backward, lambda rng: (numbers(rng, 11, 37), numbers(rng, 11, 37)), options, launches="smooth_backward",
             name=f"{name}_backward"),
        Case(_smooth_backward, lambda rng: (np.ones(FAR.shape), FAR), options, launches="smooth_backward", name=f"{name}_backward_far"),
    ]  # fmt: skip


CASES = [
    Case(kernels.relu, lambda rng: (numbers(rng, 3, 5, 7, 7),), launches="relu"),
    Case(kernels.relu, lambda rng: (FAR,), launches="relu", name="relu_far"),
    Case(kernels.relu_backward, lambda rng: (numbers(rng, 9, 33), numbers(rng, 9, 33)), launches="relu_backward"),
    Case(kernels.relu_backward, lambda rng: (FAR[::-1].copy(), FAR), launches="relu_backward", name="relu_backward_far"),
    Case(kernels.piecewise, lambda rng: (numbers(rng, 9, 33), BENT), launches="piecewise"),
    Case(kernels.piecewise, lambda rng: (FAR, BENT), launches="piecewise", name="piecewise_far"),
    Case(kernels.piecewise_backward, lambda rng: (numbers(rng, 9, 33), numbers(rng, 9, 33), BENT), launches="piecewise"),
    *[case for name in SMOOTH for case in _smooth_cases(name)],
    Case(kernels.prelu, lambda rng: three(rng, 5, 3, 5, 4, 6)[1:], launches="prelu"),
    Case(kernels.prelu, lambda rng: three(rng, 1, 9, 5)[1:], launches="prelu", name="prelu_one_weight"),
    Case(kernels.prelu_backward, lambda rng: three(rng, 5, 3, 5, 4, 6), launches="prelu prelu_weight_partial_sums prelu_weight_sums"),
    Case(kernels.prelu_backward, lambda rng: three(rng, 40, 30, 40, 9), launches="prelu prelu_weight_partial_sums prelu_weight_sums",
         name="prelu_backward_parts"),
    Case(kernels.prelu_backward, lambda rng: three(rng, 1, 9, 700), launches="prelu prelu_weight_partial_sums prelu_weight_sums",
         name="prelu_backward_one_weight"),
    Case(kernels.relu, lambda rng: (numbers(rng, 0, 3),), name="relu_empty"),
    Case(kernels.prelu_backward, lambda rng: three(rng, 3, 0, 3, 2), launches="prelu_weight_sums", name="prelu_empty"),
]  # fmt: skip
