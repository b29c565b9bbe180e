"""Kernels of minitorch_cv: arrays in, arrays out. No autograd, no state, no Tensor."""

from kernels.backend import BACKENDS, backend, current_backend
from kernels.conv2d import conv2d, conv2d_input, conv2d_weight
from kernels.matmul import matmul

MINITORCH_CV_PACKAGE = "minitorch_cv"  # marks this package as ours: other distributions are called `kernels` too

__all__ = [
    "BACKENDS",
    "backend",
    "conv2d",
    "conv2d_input",
    "conv2d_weight",
    "current_backend",
    "matmul",
]
