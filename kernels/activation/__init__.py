r"""Activation functions: one number in, one number out, and their gradients.

ReLU stands by itself, since most networks spend time in it:

    relu(x) = max(x, 0)        relu_backward(gy, y) = gy where y > 0, else 0

Those that consist of straight lines are one function of their `Pieces` (ReLU6, leaky ReLU, the hard ones, the shrinks, the threshold):

    piecewise(x)[i] = constant + slope * x[i]        piecewise_backward(gy, x)[i] = slope * gy[i]

with the constant and the slope of the left piece where x <= low, of the right one where x >= high, else of the middle one. A slope of 0
makes 0 of infinity too. Where x is NaN, y is NaN, and gy goes through.

The smooth ones have names, SMOOTH, and some have parameters:

    smooth("gelu", x)                   y = f(x)
    smooth_backward("gelu", gy, x)      gx = gy * f'(x);  for "tanh" and "sigmoid", of the result: smooth_backward("tanh", gy, y)

    name                                    y
    tanh, sigmoid, erf                      1 / (1 + exp(-x)) is sigmoid(x)
    silu, mish                              x * sigmoid(x);  x * tanh(log(1 + exp(x)))
    gelu                                    x * (1 + erf(x / sqrt(2))) / 2
    gelu_tanh                               x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))) / 2
    hardswish                               x * min(max(x + 3, 0), 6) / 6
    softsign                                x / (1 + |x|)
    softplus (beta, threshold)              log(1 + exp(beta * x)) / beta, but x where beta * x > threshold
    elu (left, right, rate)                 right * x where x > 0, else left * (exp(rate * x) - 1)

A slope for each channel, learned:

    prelu(x, weight)[n, c] = x where x > 0, else weight[c] * x        prelu_backward(gy, x, weight) = (gx, gweight)

Shapes: any, any strides; prelu: x (N, C) or (N, C, *) and weight (C,) or (1,), which may be float32 where x has 16 bits. Results have the
memory order of the first argument (channels-last where that has gaps, and always in prelu). A NaN in x is a NaN in y, and lets gy through
relu.
"""

from typing import NamedTuple

import numpy as np

from kernels.backend import implementation
from kernels.checks import check_dtype, check_floating, check_shape
from kernels.gpu import wide_dtype

SMOOTH = {  # names, and the number of parameters
    "tanh": 0, "sigmoid": 0, "erf": 0, "silu": 0, "mish": 0, "gelu": 0, "gelu_tanh": 0, "hardswish": 0, "softsign": 0, "softplus": 2,
    "elu": 3,
}  # fmt: skip


class Pieces(NamedTuple):
    """A function of three straight lines, each (constant, slope): left where x <= low, right where x >= high, else middle."""

    low: float
    high: float
    left: tuple[float, float]
    middle: tuple[float, float]
    right: tuple[float, float]


def relu(x: np.ndarray) -> np.ndarray:
    """max(x, 0), element by element."""
    check_floating("x", x)
    return implementation("activation", "relu", x)(x)


def relu_backward(gy: np.ndarray, y: np.ndarray) -> np.ndarray:
    """gy where y = relu(x) is positive (or NaN), else 0."""
    _check_pair(gy, "y", y)
    return implementation("activation", "relu_backward", gy)(gy, y)


def piecewise(x: np.ndarray, pieces: Pieces) -> np.ndarray:
    """A function of straight lines; see the module's text."""
    check_floating("x", x)
    return implementation("activation", "piecewise", x)(x, x, pieces)


def piecewise_backward(gy: np.ndarray, x: np.ndarray, pieces: Pieces) -> np.ndarray:
    """gy times the slope of the piece in which x lies."""
    _check_pair(gy, "x", x)
    slopes = [(0.0, slope) for _, slope in pieces[2:]]
    return implementation("activation", "piecewise", gy)(gy, x, Pieces(pieces.low, pieces.high, *slopes))


def smooth(name: str, x: np.ndarray, *parameters: float) -> np.ndarray:
    """The smooth activation function `name`; see the module's text."""
    check_floating("x", x)
    _check_name(name, parameters)
    return implementation("activation", "smooth", x)(name, x, *parameters)


def smooth_backward(name: str, gy: np.ndarray, kept: np.ndarray, *parameters: float) -> np.ndarray:
    """gy times the derivative of the activation function `name`; kept: x, but for "tanh" and "sigmoid" the result y."""
    _check_pair(gy, "kept", kept)
    _check_name(name, parameters)
    return implementation("activation", "smooth_backward", gy)(name, gy, kept, *parameters)


def prelu(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """x where it is positive, else weight * x, with a weight for each channel or one for all."""
    _check_weight(x, weight)
    return implementation("activation", "prelu", x)(x, weight)


def prelu_backward(gy: np.ndarray, x: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(gx, gweight): gx = gy where x > 0, else weight * gy; gweight = the sum of gy * x where x <= 0, for each weight."""
    _check_pair(gy, "x", x)
    _check_weight(x, weight)
    return implementation("activation", "prelu_backward", gy)(gy, x, weight)


def _check_pair(gy: np.ndarray, name: str, other: np.ndarray) -> None:
    check_floating("gy", gy)
    check_dtype(name, other, gy)
    check_shape(name, other, gy.shape)


def _check_name(name: str, parameters: tuple[float, ...]) -> None:
    if name not in SMOOTH:
        raise ValueError(f"name: got {name!r}, expected one of {', '.join(SMOOTH)}")
    if len(parameters) != SMOOTH[name]:
        raise ValueError(f"parameters: got {len(parameters)}, expected {SMOOTH[name]} for {name}")


def _check_weight(x: np.ndarray, weight: np.ndarray) -> None:
    check_floating("x", x)
    if weight.dtype != wide_dtype(x.dtype):
        check_dtype("weight", weight, x)
    channels = x.shape[1] if x.ndim > 1 else 1
    if weight.shape not in ((1,), (channels,)):
        raise ValueError(f"weight: got shape {weight.shape}, expected (1,), or ({channels},) as x of shape {x.shape} has channels")
