"""minitorch_cv: a from-scratch deep-learning engine for images.

>>> import minitorch_cv as mt
>>> x = mt.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
>>> (x * x).sum().backward()
>>> x.grad
tensor([[2., 4.],
        [6., 8.]])
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from minitorch_cv import packages  # noqa: F401  (first of all: is `kernels` ours?)

# isort: split
from kernels.backend import backend
from minitorch_cv import autograd, functional, random
from minitorch_cv.autograd import enable_grad, is_grad_enabled, no_grad
from minitorch_cv.creation import (
    arange,
    eye,
    from_numpy,
    full,
    full_like,
    ones,
    ones_like,
    rand,
    randint,
    randn,
    tensor,
    zeros,
    zeros_like,
)
from minitorch_cv.functional.convert import clone
from minitorch_cv.functional.index import gather
from minitorch_cv.functional.math import (
    abs, add, clamp, cos, div, exp, log, maximum, minimum, mul, neg, pow, sigmoid, sin, sqrt, square, sub, where,
)  # fmt: skip
from minitorch_cv.functional.compare import isfinite, isnan
from minitorch_cv.functional.matmul import matmul
from minitorch_cv.functional.activation import log_softmax, relu, softmax, tanh
from minitorch_cv.functional.reduce import all, amax, amin, any, argmax, argmin, logsumexp, max, mean, min, prod, std, sum, var
from minitorch_cv.functional.shape import broadcast_to, cat, flatten, pad, permute, reshape, squeeze, stack, transpose, unsqueeze
from minitorch_cv.random import manual_seed
from minitorch_cv.tensor import Tensor
from minitorch_cv.threads import get_num_threads, set_num_threads

if TYPE_CHECKING:
    from minitorch_cv import data, nn, optim

__version__ = "0.1.0"

concatenate = cat

_WHEN_USED = ("data", "nn", "optim", "training")


def __getattr__(name: str) -> Any:
    """mt.nn and the like are imported when they are first used."""
    if name in _WHEN_USED:
        return import_module(f"minitorch_cv.{name}")
    raise AttributeError(f"module 'minitorch_cv' has no attribute {name!r}")
