"""minitorch_cv: a from-scratch deep-learning engine for images."""

from typing import TYPE_CHECKING, Any

from minitorch_cv import packages  # noqa: F401  (first of all: is `kernels` ours?)

# isort: split
from minitorch_cv import autograd, functional, random
from minitorch_cv.autograd import enable_grad, is_grad_enabled, no_grad
from minitorch_cv.creation import from_numpy, tensor, zeros
from minitorch_cv.random import manual_seed
from minitorch_cv.tensor import Tensor

__version__ = "0.1.0"
