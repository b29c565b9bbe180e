"""Activation functions in plain NumPy: the definition. (`empty_like` and `zeros_like` keep the memory order.)"""

import math
from collections.abc import Callable

import numpy as np

from kernels.activation import Pieces


def relu(x: np.ndarray) -> np.ndarray:
    """max(x, 0); `np.maximum` passes NaN on."""
    return np.maximum(x, x.dtype.type(0), out=np.empty_like(x))


def relu_backward(gy: np.ndarray, y: np.ndarray) -> np.ndarray:
    """gy where the unit was on. `not y <= 0` is true of NaN, `y > 0` is not."""
    gx = np.zeros_like(gy)
    np.copyto(gx, gy, where=~(y <= 0))
    return gx


def piecewise(v: np.ndarray, x: np.ndarray, pieces: Pieces) -> np.ndarray:
    """constant + slope * v of the piece in which x lies: v is x itself, or the gradient that comes back."""
    number = v.dtype.type
    left, middle, right = (number(constant) + number(slope) * v if slope else number(constant) for constant, slope in pieces[2:])
    with np.errstate(invalid="ignore"):
        chosen = np.where(x <= number(pieces.low), left, np.where(x >= number(pieces.high), right, middle))
    return _like(v, np.where(np.isnan(x), v, chosen))


def prelu(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """x, times the weight of its channel where it is not positive."""
    return _like(x, np.where(x > 0, x, _along_channels(weight, x) * x))


def prelu_backward(gy: np.ndarray, x: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """See `kernels.activation`."""
    gx = np.where(x > 0, gy, _along_channels(weight, x) * gy)
    terms = np.where(x > 0, 0, gy * x)
    others = tuple(axis for axis in range(x.ndim) if axis != 1 or weight.size == 1)
    return _like(gy, gx), terms.sum(others, dtype=np.float64).astype(weight.dtype).reshape(weight.shape)


def _along_channels(weight: np.ndarray, x: np.ndarray) -> np.ndarray:
    return weight.reshape(-1, *[1] * (x.ndim - 2)) if x.ndim > 1 else weight.reshape([1] * x.ndim)


def smooth(name: str, x: np.ndarray, *parameters: float) -> np.ndarray:
    """See `kernels.activation`."""
    with np.errstate(all="ignore"):  # infinity and NaN are results like others
        return _like(x, FUNCTIONS[name][0](x, *parameters))


def smooth_backward(name: str, gy: np.ndarray, kept: np.ndarray, *parameters: float) -> np.ndarray:
    """See `kernels.activation`."""
    with np.errstate(all="ignore"):
        return _like(gy, gy * FUNCTIONS[name][1](kept, *parameters))


def _like(first: np.ndarray, result: np.ndarray) -> np.ndarray:
    """The result in the type and the memory order of the first argument."""
    copy = np.empty_like(first)
    copy[...] = result
    return copy


def _sigmoid(x: np.ndarray) -> np.ndarray:
    w = np.exp(-np.abs(x))  # at most 1: never overflows
    return np.where(x >= 0, 1, w) / (1 + w)


def _softplus(x: np.ndarray, beta: float, threshold: float) -> np.ndarray:
    z = beta * x
    return np.where(z > threshold, x, (np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))) / beta)


def _softplus_slope(x: np.ndarray, beta: float, threshold: float) -> np.ndarray:
    z = beta * x
    return np.where(z > threshold, 1, _sigmoid(z))


def _silu_slope(x: np.ndarray) -> np.ndarray:
    return _sigmoid(x) * (1 + x * _sigmoid(-x))  # 1 - sigmoid(x) would lose the digits of what is small


def _mish_slope(x: np.ndarray) -> np.ndarray:
    t = np.tanh(_softplus(x, 1, np.inf))
    return t + x * (1 - t * t) * _sigmoid(x)


_erf_of_numbers = np.frompyfunc(math.erf, 1, 1)


def _erf(x: np.ndarray) -> np.ndarray:
    return np.asarray(_erf_of_numbers(x), np.float64)


def _normal(x: np.ndarray) -> np.ndarray:
    """The density of the normal distribution."""
    return np.exp(x * x / -2) / math.sqrt(2 * math.pi)


def _normal_share(x: np.ndarray) -> np.ndarray:
    """The share of the normal distribution below x."""
    return (1 + _erf(x / math.sqrt(2))) / 2


GELU_SCALE, GELU_CUBE = math.sqrt(8 / math.pi), 0.044715  # (1 + tanh(u)) / 2 = sigmoid(2 u), hence 8 and not 2


def _gelu_tanh_slope(x: np.ndarray) -> np.ndarray:
    x = np.clip(x, -30, 30)  # beyond, the slope is 0 or 1 to the last digit, and further out the cube would overflow
    z = GELU_SCALE * (x + GELU_CUBE * x**3)
    return _sigmoid(z) * (1 + x * _sigmoid(-z) * GELU_SCALE * (1 + 3 * GELU_CUBE * x**2))


def _elu(x: np.ndarray, left: float, right: float, rate: float) -> np.ndarray:
    return np.where(x > 0, right * x, left * np.expm1(rate * x))


def _elu_slope(x: np.ndarray, left: float, right: float, rate: float) -> np.ndarray:
    return np.where(x > 0, right, left * rate * np.exp(rate * x))


# name: (f(x, *parameters), f'(x, *parameters)); the derivative of tanh and sigmoid in terms of y = f(x)
FUNCTIONS: dict[str, tuple[Callable, Callable]] = {
    "tanh": (np.tanh, lambda y: 1 - y * y),
    "sigmoid": (_sigmoid, lambda y: y * (1 - y)),
    "erf": (_erf, lambda x: 2 / math.sqrt(math.pi) * np.exp(-x * x)),
    "silu": (lambda x: x * _sigmoid(x), _silu_slope),
    "mish": (lambda x: x * np.tanh(_softplus(x, 1, np.inf)), _mish_slope),
    "gelu": (lambda x: x * _normal_share(x), lambda x: _normal_share(x) + x * _normal(x)),
    "gelu_tanh": (lambda x: x * _sigmoid(GELU_SCALE * (x + GELU_CUBE * x**3)), _gelu_tanh_slope),
    "hardswish": (lambda x: x * np.clip(x + 3, 0, 6) / 6, lambda x: np.where(x <= -3, 0, np.where(x >= 3, 1, x / 3 + 0.5))),
    "softsign": (lambda x: x / (1 + np.abs(x)), lambda x: 1 / (1 + np.abs(x)) ** 2),
    "softplus": (_softplus, _softplus_slope),
    "elu": (_elu, _elu_slope),
}
