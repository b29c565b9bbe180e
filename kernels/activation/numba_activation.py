"""Activation functions on several threads: arrays are seen as one long row in memory order, and threads take blocks of it."""

from collections.abc import Callable

import numpy as np
from numba import prange

from kernels.activation import numpy_activation
from kernels.jit import jit
from kernels.layout import flat, flat_like, unflat
from kernels.memory import empty

BLOCK = 1 << 15  # elements


def relu(x: np.ndarray) -> np.ndarray:
    """See `kernels.activation`. It lets through what its gradient would: the values with a positive sign."""
    return _map(_gate, x, x)


def relu_backward(gy: np.ndarray, y: np.ndarray) -> np.ndarray:
    """See `kernels.activation`."""
    return _map(_gate, gy, y)


def tanh(x: np.ndarray) -> np.ndarray:
    """See `kernels.activation`. In float32 the relative error is below 4e-7; float64 is left to NumPy, exact to the last digits."""
    return _map(_tanh, x) if x.dtype == np.float32 else numpy_activation.tanh(x)


def tanh_backward(gy: np.ndarray, y: np.ndarray) -> np.ndarray:
    """See `kernels.activation`."""
    return _map(_tanh_backward, gy, y)


def _map(kernel: Callable, first: np.ndarray, *others: np.ndarray) -> np.ndarray:
    """What `kernel` computes from the elements of one or several arrays of one shape, in the memory order of the first."""
    values, order = flat(first)
    result = empty(values.shape, values.dtype)
    kernel(-(-values.size // BLOCK), values, *(flat_like(other, order) for other in others), result)
    return unflat(result, first.shape, order)


def lambert_fraction(levels: int) -> tuple[np.ndarray, np.ndarray]:
    """Polynomials p, q (highest power first) with tanh(x) = x * p(x^2) / q(x^2), from Lambert's continued fraction (1768),

        tanh x = x / (1 + x^2 / (3 + x^2 / (5 + ...))).

    cut after `levels` levels. All coefficients are positive, so nothing cancels. 13 levels are exact to 4e-8 wherever tanh x is not
    1 to that precision.
    """
    p, q = np.poly1d([1.0]), np.poly1d([2.0 * levels - 1])
    square = np.poly1d([1.0, 0.0])
    for level in range(levels - 1, 0, -1):  # (2 level - 1) + x^2 / (q / p)  =  ((2 level - 1) q + x^2 p) / q
        p, q = q, (2 * level - 1) * q + square * p
    return p.coef / p.coef[0], q.coef / p.coef[0]


P, Q = (tuple(np.float32(c) for c in coefficients) for coefficients in lambert_fraction(13))
ONE, LARGE = np.float32(1), np.float32(9.011)  # from here on tanh rounds to 1: it is less than 2^-25 below


@jit(parallel=True)
def _gate(blocks, gy, y, gx):
    for b in prange(blocks):
        _gate_block(np.intp(b), gy, y, gx)


@jit
def _gate_block(b, gy, y, gx):
    gy, y, gx = gy[b * BLOCK : (b + 1) * BLOCK], y[b * BLOCK : (b + 1) * BLOCK], gx[b * BLOCK : (b + 1) * BLOCK]
    zero = y.dtype.type(0)
    for i in range(y.size):
        gx[i] = zero if y[i] <= zero else gy[i]  # a NaN in y is not <= anything: the gate is open


@jit(parallel=True)
def _tanh(blocks, x, y):
    for b in prange(blocks):
        _tanh_block(np.intp(b), x, y)


@jit
def _tanh_block(b, x, y):
    x, y = x[b * BLOCK : (b + 1) * BLOCK], y[b * BLOCK : (b + 1) * BLOCK]
    for i in range(x.size):
        v = LARGE if x[i] > LARGE else x[i]
        v = -LARGE if v < -LARGE else v
        square = v * v
        p, q = P[0], Q[0]
        for c in P[1:]:
            p = p * square + c
        for c in Q[1:]:
            q = q * square + c
        v = v * p / q
        v = ONE if v > ONE or x[i] >= LARGE else v
        y[i] = -ONE if v < -ONE or x[i] <= -LARGE else v


@jit(parallel=True)
def _tanh_backward(blocks, gy, y, gx):
    for b in prange(blocks):
        _tanh_backward_block(np.intp(b), gy, y, gx)


@jit
def _tanh_backward_block(b, gy, y, gx):
    gy, y, gx = gy[b * BLOCK : (b + 1) * BLOCK], y[b * BLOCK : (b + 1) * BLOCK], gx[b * BLOCK : (b + 1) * BLOCK]
    one = y.dtype.type(1)
    for i in range(y.size):
        gx[i] = gy[i] * (one - y[i] * y[i])
