r"""The exponential and its relatives, for compiled loops: a number in, a number out, in the type of the argument.

The functions of `math` are calls into a library, one number at a time. These are plain arithmetic without branches, of which LLVM
computes 4, 8 or 16 side by side, whatever the machine has. All rest on three polynomials, fitted below when the module is imported, so
that anybody can see where their coefficients come from.

    exp(x)       x = k ln 2 + r with an integer k and |r| <= ln 2 / 2;  exp(x) = 2^k exp(r),  exp(r) = 1 + r + r^2 q(r)
    expm1(x)     exp(x) - 1 = (2^k - 1) + 2^k (r + r^2 q(r)) for x <= 0: nothing cancels, also near 0
    sigmoid(x)   1 / (1 + exp(-x)) = (1 if x > 0 else w) / (1 + w) with w = exp(-|x|), which is at most 1
    softplus(x)  log(1 + exp(x)) = max(x, 0) + log(1 + w);  log(1 + w) = 2 artanh(s),  s = w / (2 + w) <= 1/3,  artanh(s) = s a(s^2)
    tanh(x)      t / (2 - t) with the sign of x, t = 1 - exp(-2 |x|) = -expm1(-2 |x|)
    erf(x)       float32: x e(x^2) for |x| < 4, beyond which it rounds to 1; float64: the library's

Relative errors stay below 4e-7 in float32 and 2e-15 in float64 (`tests/kernels/test_elementary.py`). Where exp would be below 2e-38
(1e-307 in float64) it is 0. NaN gives NaN.
"""

import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np
from llvmlite import ir
from numba.extending import intrinsic, overload

from kernels.jit import IN_ORDER

LN2 = Fraction("0.693147180559945309417232121458176568075500134360255254")


def fitted(function: Callable[[float], float], low: float, high: float, degree: int) -> np.ndarray:
    """Coefficients, highest power first, of the polynomial of `degree` that meets `function` at the Chebyshev points of [low, high]."""
    interpolant = np.polynomial.Chebyshev.interpolate(np.vectorize(function, otypes=[float]), degree, [low, high])
    return interpolant.convert(kind=np.polynomial.Polynomial).coef[::-1]


def rest_of_exp(r: float) -> float:
    """q(r) = (exp(r) - 1 - r) / r^2, by its series."""
    return math.fsum(r**n / math.factorial(n + 2) for n in range(18))


def artanh_over_s(square: float) -> float:
    """a(s^2) = artanh(s) / s, by its series."""
    return math.fsum(square**n / (2 * n + 1) for n in range(20))


def erf_over_x(t: float) -> float:
    """e(x^2) = erf(x) / x at x^2 = 8 + 8 t: for x from 0 to 4, t goes from -1 to 1."""
    x = math.sqrt(8 + 8 * t)
    return math.erf(x) / x


def polynomial(coefficients: np.ndarray) -> Callable:
    """The polynomial with these coefficients, highest power first, for compiled code: a chain of multiply-adds (Horner's rule)."""

    @intrinsic
    def evaluate(typing, x):
        def generate(context, builder, signature, arguments):
            (x,) = arguments
            result = x.type(float(coefficients[0]))
            for coefficient in coefficients[1:]:
                product = builder.fmul(result, x, flags=("contract",))
                result = builder.fadd(product, x.type(float(coefficient)), flags=("contract",))
            return result

        return x(x), generate

    return evaluate


class Constants:
    """What the functions need to know about a type of numbers."""

    def __init__(self, number: type, degree_exp: int, degree_artanh: int, bits_of_ln2: int, low: float, high: float) -> None:
        self.zero, self.half, self.one, self.two, self.eight, self.inf = (number(v) for v in (0, 0.5, 1, 2, 8, np.inf))
        self.exp = polynomial(fitted(rest_of_exp, -float(LN2) / 2, float(LN2) / 2, degree_exp))
        self.artanh = polynomial(fitted(artanh_over_s, 0, 1 / 9, degree_artanh))
        self.erf = polynomial(fitted(erf_over_x, -1, 1, 16))
        self.per_ln2 = number(1 / LN2)
        # ln 2 in two parts (Cody and Waite 1980): k times the first is exact, since that has few binary digits.
        first = Fraction(math.floor(LN2 * 2**bits_of_ln2), 2**bits_of_ln2)
        self.ln2 = number(first), number(LN2 - first)
        self.low, self.high = number(low), number(high)  # exp is 0 below the first, and infinite above the second


CONSTANTS = {32: Constants(np.float32, 4, 5, 15, -86.9, 88.7228), 64: Constants(np.float64, 10, 9, 32, -707.7, 709.7827)}


def by_type(make: Callable[[Constants], Callable]) -> Callable:
    """The function that `make` returns for the constants of the argument's type. It can be called in compiled code only."""

    def function(x: float) -> float:
        raise TypeError(f"{make.__name__}: it can be called in compiled code only")

    options = {"nogil": True, "error_model": "numpy", "fastmath": IN_ORDER, "no_cfunc_wrapper": True}
    overload(function, jit_options=options)(lambda x: make(CONSTANTS[x.bitwidth]))
    return function


@intrinsic
def power_of_two(typing, k):
    """2^k for a float k that is an integer and within the range of exponents: k is written into the bits of the exponent."""
    bits, bias, fraction = (32, 127, 23) if k.bitwidth == 32 else (64, 1023, 52)

    def generate(context, builder, signature, arguments):
        integer = ir.IntType(bits)
        exponent = builder.sext(builder.fptosi(arguments[0], ir.IntType(32)), integer)
        shifted = builder.shl(builder.add(exponent, integer(bias)), integer(fraction))
        return builder.bitcast(shifted, context.get_value_type(signature.return_type))

    return k(k), generate


@intrinsic
def larger(typing, x, y):
    """The larger of two floats of one type, NaN if one of them is; a loop of it is one that LLVM turns into vectors, unlike `max`."""

    def generate(context, builder, signature, arguments):
        kind = arguments[0].type
        maximum = builder.module.declare_intrinsic("llvm.maximum", [kind], ir.FunctionType(kind, [kind, kind]))
        return builder.call(maximum, arguments)

    return x(x, x), generate


@by_type
def scaled_exp(c):
    """(s, p) with exp(x) = 2 s (1 + p), for x >= c.low. Half of the power of two, since 2^128 is no float32, but exp(88.5) is."""
    half, one, per_ln2, (ln2, ln2_rest), rest, low, high = c.half, c.one, c.per_ln2, c.ln2, c.exp, c.low, c.high

    def scaled_exp(x):
        inside = high if x > high else x
        inside = inside if inside >= low else low  # NaN too: k must be a number
        k = np.floor(inside * per_ln2 + half)
        r = (x - k * ln2) - k * ln2_rest  # of x itself: NaN and infinity stay
        return power_of_two(k - one), (rest(r) * r) * r + r

    return scaled_exp


@by_type
def exp(c):
    zero, two, inf, low, high = c.zero, c.two, c.inf, c.low, c.high

    def exp(x):
        s, p = scaled_exp(x)
        y = inf if x > high else (s + s * p) * two
        return zero if x < low else y

    return exp


@by_type
def expm1(c):
    one, two, low = c.one, c.two, c.low

    def expm1(x):
        s, p = scaled_exp(x)
        return -one if x < low else (s * p) * two + (s * two - one)

    return expm1


@by_type
def sigmoid(c):
    zero, one = c.zero, c.one

    def sigmoid(x):
        w = exp(-abs(x))
        return (one if x > zero else w) / (one + w)

    return sigmoid


@by_type
def softplus(c):
    zero, two, artanh = c.zero, c.two, c.artanh

    def softplus(x):
        w = exp(-abs(x))
        s = w / (two + w)
        return (x if x > zero else zero) + two * s * artanh(s * s)

    return softplus


@by_type
def tanh(c):
    zero, two = c.zero, c.two

    def tanh(x):
        t = expm1(-two * abs(x))
        t = t / (two + t)
        return t if x < zero else -t

    return tanh


@by_type
def erf(c):
    if c is CONSTANTS[64]:
        return lambda x: math.erf(x)
    one, eight, over_x, limit = c.one, c.eight, c.erf, np.float32(4)

    def erf(x):
        y = over_x((x * x - eight) / eight) * x
        y = one if y > one or x >= limit else y
        return -one if y < -one or x <= -limit else y

    return erf
