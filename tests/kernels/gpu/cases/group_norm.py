"""Group normalisation: groups that lie within a pack, across packs, and of one channel; samples of several strips."""

import numpy as np

import kernels
from cases import Case, Wide

FORWARD = "group_norm_partial_statistics group_norm_statistics group_norm_normalise"
BACKWARD = "group_norm_partial_gradients group_norm_weight_gradients group_norm_moments group_norm_input_gradient"


def forward(rng: np.random.Generator, groups: int, *shape: int) -> tuple:
    C = shape[1]
    return rng.standard_normal(shape) + 1, groups, Wide(rng.standard_normal(C)), Wide(rng.standard_normal(C)), 1e-3


def backward(rng: np.random.Generator, groups: int, *shape: int) -> tuple:
    gy, x = rng.standard_normal((2, *shape))
    mean, var = rng.standard_normal((shape[0], groups)), 0.5 + rng.random((shape[0], groups))
    return gy, x, Wide(mean), Wide(var), groups, Wide(rng.standard_normal(shape[1])), 1e-3


CASES = [
    Case(kernels.group_norm, lambda rng: forward(rng, 4, 3, 16, 5, 4), launches=FORWARD, name="packs"),
    Case(kernels.group_norm, lambda rng: forward(rng, 3, 2, 9, 7), launches=FORWARD, name="without_packs"),
    Case(kernels.group_norm, lambda rng: forward(rng, 16, 2, 16, 17, 31), launches=FORWARD, name="instances_of_several_strips"),
    Case(kernels.group_norm, lambda rng: (rng.standard_normal((3, 8)), 2), launches=FORWARD, name="without_pixels"),
    Case(kernels.group_norm_backward, lambda rng: backward(rng, 4, 3, 16, 5, 4), launches=BACKWARD, name="backward"),
    Case(kernels.group_norm_backward, lambda rng: backward(rng, 3, 2, 9, 7), launches=BACKWARD, name="backward_without_packs"),
    Case(kernels.group_norm_backward, lambda rng: backward(rng, 1, 2, 16, 17, 31), launches=BACKWARD, name="backward_of_several_strips"),
]
