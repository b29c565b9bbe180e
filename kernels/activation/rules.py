"""The smooth activation functions and their derivatives, number by number, as `numba_activation.py` puts them into its loops.

Every function takes x (or the result y, where its derivative is written in terms of that) and three parameters, of which most use none.
The numbers are written as number(0.5), in the type of x: a bare 0.5 is a float64, and would turn the arithmetic around it into float64.
"""

import math
from collections.abc import Callable

from kernels.elementary import erf, exp, expm1, sigmoid, softplus, tanh
from kernels.jit import jit

ROOT_HALF, NORMAL, ERF_SLOPE = math.sqrt(0.5), 1 / math.sqrt(2 * math.pi), 2 / math.sqrt(math.pi)
GELU_SCALE, GELU_CUBE = math.sqrt(8 / math.pi), 0.044715  # (1 + tanh(u)) / 2 = sigmoid(2 u), hence 8 and not 2
GELU_FAR = 30.0  # beyond it the slope is 0 or 1 to the last digit, and further out the cube would overflow


@jit
def _tanh(x, a, b, c):
    return tanh(x)


@jit
def _tanh_slope(y, a, b, c):
    return type(y)(1) - y * y


@jit
def _sigmoid(x, a, b, c):
    return sigmoid(x)


@jit
def _sigmoid_slope(y, a, b, c):
    return y * (type(y)(1) - y)


@jit
def _erf(x, a, b, c):
    return erf(x)


@jit
def _erf_slope(x, a, b, c):
    return type(x)(ERF_SLOPE) * exp(-x * x)


@jit
def _silu(x, a, b, c):
    return x * sigmoid(x)


@jit
def _sigmoid_and_slope(x):
    """(s, s (1 - s)) for s = sigmoid(x). With w = exp(-|x|), the second is w / (1 + w)^2: 1 - s would lose the digits of a small w."""
    number = type(x)
    zero, one = number(0), number(1)
    w = exp(-abs(x))
    part = one / (one + w)
    return (one if x > zero else w) * part, w * part * part


@jit
def _silu_slope(x, a, b, c):
    s, slope = _sigmoid_and_slope(x)
    return s + x * slope


@jit
def _mish_gate(x):
    """(tanh(log(1 + e^x)), 1 minus its square). With n = e^x (e^x + 2) it is n / (n + 2), and w = exp(-|x|) never overflows:

    x <= 0: w (w + 2) / (w (w + 2) + 2)        x > 0, after division by e^2x: (1 + 2 w) / (1 + 2 w + 2 w^2)
    """
    number = type(x)
    zero, one, two = number(0), number(1), number(2)
    w = exp(-abs(x))
    n = one + two * w if x > zero else w * (w + two)
    rest = two * w * w if x > zero else two
    t = n / (n + rest)
    return t, rest / (n + rest) * (one + t)


@jit
def _mish(x, a, b, c):
    return x * _mish_gate(x)[0]


@jit
def _mish_slope(x, a, b, c):
    t, rest = _mish_gate(x)
    return t + x * sigmoid(x) * rest


@jit
def _gelu(x, a, b, c):
    number = type(x)
    return number(0.5) * x * (number(1) + erf(x * number(ROOT_HALF)))


@jit
def _gelu_slope(x, a, b, c):
    number = type(x)
    share = number(0.5) * (number(1) + erf(x * number(ROOT_HALF)))
    return share + x * number(NORMAL) * exp(number(-0.5) * x * x)


@jit
def _gelu_tanh(x, a, b, c):
    number = type(x)
    return x * sigmoid(number(GELU_SCALE) * (x + number(GELU_CUBE) * x * x * x))


@jit
def _gelu_tanh_slope(x, a, b, c):
    number = type(x)
    one, scale, cube, far = number(1), number(GELU_SCALE), number(GELU_CUBE), number(GELU_FAR)
    x = far if x > far else (-far if x < -far else x)
    s, slope = _sigmoid_and_slope(scale * (x + cube * x * x * x))
    return s + x * slope * scale * (one + number(3) * cube * x * x)


@jit
def _hardswish(x, a, b, c):
    number = type(x)
    zero, six, z = number(0), number(6), x + number(3)
    z = zero if z < zero else z
    return x * (six if z > six else z) / six


@jit
def _hardswish_slope(x, a, b, c):
    number = type(x)
    zero, one, three = number(0), number(1), number(3)
    slope = one if x >= three else x / three + number(0.5)
    return zero if x <= -three else slope


@jit
def _softsign(x, a, b, c):
    return x / (type(x)(1) + abs(x))


@jit
def _softsign_slope(x, a, b, c):
    one = type(x)(1)
    d = one + abs(x)
    return one / (d * d)


@jit
def _softplus(x, beta, threshold, c):
    z = beta * x
    return x if z > threshold else softplus(z) / beta


@jit
def _softplus_slope(x, beta, threshold, c):
    z = beta * x
    return type(x)(1) if z > threshold else sigmoid(z)


@jit
def _elu(x, left, right, rate):
    zero = type(x)(0)
    return right * x if x > zero else left * expm1(rate * x if x < zero else x * zero)


@jit
def _elu_slope(x, left, right, rate):
    zero = type(x)(0)
    return right if x > zero else left * rate * exp(rate * x if x < zero else x * zero)


# name: (the function, its derivative)
RULES: dict[str, tuple[Callable, Callable]] = {
    "tanh": (_tanh, _tanh_slope),
    "sigmoid": (_sigmoid, _sigmoid_slope),
    "erf": (_erf, _erf_slope),
    "silu": (_silu, _silu_slope),
    "mish": (_mish, _mish_slope),
    "gelu": (_gelu, _gelu_slope),
    "gelu_tanh": (_gelu_tanh, _gelu_tanh_slope),
    "hardswish": (_hardswish, _hardswish_slope),
    "softsign": (_softsign, _softsign_slope),
    "softplus": (_softplus, _softplus_slope),
    "elu": (_elu, _elu_slope),
}
