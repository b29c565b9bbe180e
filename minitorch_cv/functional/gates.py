"""Activation functions that multiply by something else than a function of the element itself: a learned slope, a random one, a gate."""

from typing import Any

import numpy as np

import kernels
from minitorch_cv import random
from minitorch_cv.autograd import Function, vjp
from minitorch_cv.functional.activation import leaky_relu, sigmoid
from minitorch_cv.functional.arguments import checked
from minitorch_cv.functional.checks import check_floating
from minitorch_cv.functional.choose import where
from minitorch_cv.functional.shape import as_dim
from minitorch_cv.tensor import Tensor


class PReLU(Function):
    """(x, weight) -> y."""

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, weight: np.ndarray) -> np.ndarray:
        ctx.save_inputs(0, 1)
        return kernels.prelu(x, weight)

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> tuple[Tensor, Tensor]:
        return PReLUGradient.apply(gy, *ctx.saved_inputs)


class PReLUGradient(Function):
    """(gy, x, weight) -> (gx, gweight)."""

    @staticmethod
    def forward(ctx: Any, gy: np.ndarray, x: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        ctx.save_inputs(0, 1, 2)
        return kernels.prelu_backward(gy, x, weight)

    @staticmethod
    def backward(ctx: Any, ggx: Tensor, ggweight: Tensor) -> tuple[Tensor | None, ...]:
        def gradient(gy: Tensor, x: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
            on, slopes = x > 0, weight.reshape(-1, *[1] * (x.ndim - 2)) if x.ndim > 1 else weight.reshape([1] * x.ndim)
            terms = where(on, 0.0, gy * x)
            others = tuple(dim for dim in range(x.ndim) if dim != 1 or weight.shape == (1,))
            return where(on, gy, gy * slopes), terms.sum(others).reshape(weight.shape)

        return vjp(gradient, ctx.saved_inputs, (ggx, ggweight))


@checked
def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """x where it is positive, else weight * x; weight: one slope for each channel (dimension 1), (C,), or one for all, (1,).

    (He et al. 2015, "Delving deep into rectifiers".)
    """
    check_floating("input", input)
    check_floating("weight", weight)
    return PReLU.apply(input, weight)


@checked
def rrelu(input: Tensor, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False, inplace: bool = False) -> Tensor:
    """`leaky_relu` with a slope for each element drawn evenly from [lower, upper] in training, and the middle of both in evaluation.

    Draws from the stream "rrelu" of `minitorch_cv.random`, by the place of the element. inplace: accepted, but the result is always a new
    Tensor. (Xu et al. 2015, "Empirical evaluation of rectified activations in convolutional network".)
    """
    check_floating("input", input)
    if not lower <= upper:
        raise ValueError(f"lower: got {lower}, expected at most upper = {upper}")
    if not training:
        return leaky_relu(input, (lower + upper) / 2)
    drawn = np.zeros(()) if input.is_meta else random.uniform("rrelu", input.shape, input.data, np.float64)
    slopes = (lower + (upper - lower) * drawn).astype(input.dtype)
    factors = np.where(input.data > 0, input.dtype.type(1), slopes)
    return input * Tensor(factors.astype(input.dtype, copy=False))


@checked
def glu(input: Tensor, dim: int = -1) -> Tensor:
    """a * sigmoid(b), where a and b are the halves of `input` along `dim`.

    (Dauphin et al. 2017, "Language modeling with gated convolutional networks".)
    """
    check_floating("input", input)
    dim = as_dim(dim, input.ndim)
    size = input.shape[dim]
    if size % 2:
        raise ValueError(f"input: got shape {input.shape}, expected an even length along dimension {dim}")
    before = (slice(None),) * dim
    return input[(*before, slice(size // 2))] * sigmoid(input[(*before, slice(size // 2, None))])
