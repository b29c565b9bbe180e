"""Layer and RMS normalisation: rows for a few threads, for a warp, for a block, and rows too long to be kept in registers."""

import numpy as np

import kernels
from cases import Case, Wide

FORWARD = "layer_norm_forward"
BACKWARD = "layer_norm_input_gradient layer_norm_partial_gradients layer_norm_member_gradients"


def forward(rng: np.random.Generator, M: int, D: int) -> tuple:
    return rng.standard_normal((M, D)) + 2, 1, Wide(rng.standard_normal(D)), Wide(rng.standard_normal(D)), 1e-3


def backward(rng: np.random.Generator, M: int, D: int) -> tuple:
    x, gy = rng.standard_normal((2, M, D))
    return gy, x, Wide(x.mean(1, keepdims=True)), Wide(x.var(1, keepdims=True)), 1, Wide(rng.standard_normal(D)), 1e-3


def backward_of_images(rng: np.random.Generator) -> tuple:
    x, gy = rng.standard_normal((2, 4, 3, 5, 8))
    return gy, x, Wide(rng.standard_normal((4, 1, 1, 1))), Wide(0.5 + rng.random((4, 1, 1, 1))), 3, None, 1e-3


CASES = [
    Case(kernels.layer_norm, lambda rng: forward(rng, 37, 24), launches=FORWARD, name="short"),
    Case(kernels.layer_norm, lambda rng: forward(rng, 9, 131), launches=FORWARD, name="warp"),
    Case(kernels.layer_norm, lambda rng: forward(rng, 3, 1203), launches=FORWARD, name="block"),
    Case(kernels.layer_norm, lambda rng: forward(rng, 2, 4200), launches=FORWARD, dtypes=("float32", "float16"), name="long"),
    Case(kernels.layer_norm, lambda rng: (rng.standard_normal((4, 3, 8)), 2, None, None, 1e-3, False), launches=FORWARD, name="rms"),
    Case(kernels.layer_norm_backward, lambda rng: backward(rng, 37, 24), launches=BACKWARD, name="backward_short"),
    Case(kernels.layer_norm_backward, lambda rng: backward(rng, 5, 1203), launches=BACKWARD, name="backward_block"),
    Case(kernels.layer_norm_backward, backward_of_images, {"centred": False}, launches=BACKWARD, name="backward_rms_of_images"),
]
