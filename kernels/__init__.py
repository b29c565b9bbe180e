"""Kernels of minitorch_cv: arrays in, arrays out. No autograd, no state, no Tensor."""

from kernels.backend import BACKENDS, backend, current_backend

MINITORCH_CV_PACKAGE = "minitorch_cv"  # marks this package as ours: other distributions are called `kernels` too

__all__ = ["BACKENDS", "backend", "current_backend"]
