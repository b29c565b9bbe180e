"""Global and local response normalisation."""

import numpy as np

import kernels
from cases import Case, Wide

GLOBAL = "global_response_norm_partial_squares global_response_norm_scales global_response_norm_apply"
GLOBAL_BACKWARD = (
    "global_response_norm_partial_gradients global_response_norm_slopes global_response_norm_weight_gradients "
    "global_response_norm_input_gradient"
)
LOCAL_BACKWARD = "local_response_norm_terms local_response_norm_gradient"


def forward(rng: np.random.Generator, *shape: int) -> tuple:
    return rng.standard_normal(shape), Wide(rng.standard_normal(shape[1])), Wide(rng.standard_normal(shape[1])), 1e-3


def backward(rng: np.random.Generator, *shape: int) -> tuple:
    gy, x = rng.standard_normal((2, *shape))
    x[0, 0] = 0
    norm = np.sqrt(np.square(x).reshape(*shape[:2], -1).sum(2))
    return gy, x, Wide(norm), Wide(rng.standard_normal(shape[1])), 1e-3


CASES = [
    Case(kernels.global_response_norm, lambda rng: forward(rng, 3, 16, 5, 4), launches=GLOBAL, name="global"),
    Case(kernels.global_response_norm, lambda rng: forward(rng, 2, 5, 300), launches=GLOBAL, name="global_without_packs"),
    Case(kernels.global_response_norm_backward, lambda rng: backward(rng, 3, 16, 5, 4), launches=GLOBAL_BACKWARD, name="global_backward"),
    Case(
        kernels.global_response_norm_backward, lambda rng: backward(rng, 2, 5, 300), launches=GLOBAL_BACKWARD,
        name="global_backward_without_packs",
    ),
    Case(
        kernels.local_response_norm, lambda rng: (2 * rng.standard_normal((2, 11, 3, 2)), 5, 0.5, 0.75, 2.0),
        launches="local_response_norm_forward", name="local",
    ),
    Case(
        kernels.local_response_norm_backward, lambda rng: (*rng.standard_normal((2, 2, 300, 3)), 4, 0.5, 0.75, 2.0),
        launches=LOCAL_BACKWARD, name="local_backward",
    ),
]  # fmt: skip
