"""Activation functions on several threads: arrays are seen as one long row in memory order, and threads take blocks of it.

All go through the one parallel loop of `kernels/callbacks.py`, each as a worker of its own. The smooth functions' workers are made from
the `RULES`; what is left to say here is how to loop.
"""

from functools import cache

import numba
import numpy as np

from kernels.activation import Pieces
from kernels.activation.rules import RULES
from kernels.callbacks import Worker, address, run
from kernels.channel_sum import channel_sum
from kernels.layout import channel_rows, flat, flat_like, from_channel_rows, unflat
from kernels.memory import empty

ROW = 1 << 10  # elements in a row of what has no rows: copies of a single weight, to be read like the weights of channels


def relu(x: np.ndarray) -> np.ndarray:
    """See `kernels.activation`. It lets through what its gradient would: the values with a positive sign."""
    return _map(_gate, x, x)


def relu_backward(gy: np.ndarray, y: np.ndarray) -> np.ndarray:
    """See `kernels.activation`."""
    return _map(_gate, gy, y)


def piecewise(v: np.ndarray, x: np.ndarray, pieces: Pieces) -> np.ndarray:
    """constant + slope * v of the piece in which x lies."""
    low, high, *lines = pieces
    return _map(_piecewise, v, x, low, high, *(number for line in lines for number in line))


def smooth(name: str, x: np.ndarray, *parameters: float) -> np.ndarray:
    """See `kernels.activation`."""
    return _map(_values_of(name), x, x, *parameters)


def smooth_backward(name: str, gy: np.ndarray, kept: np.ndarray, *parameters: float) -> np.ndarray:
    """See `kernels.activation`."""
    return _map(_gradient_of(name), gy, kept, *parameters)


def _map(worker: Worker, first: np.ndarray, second: np.ndarray, *parameters: float) -> np.ndarray:
    """What `worker` computes from two arrays of one shape, in the memory order of the first."""
    numbers = np.array((*parameters, 0, 0, 0), first.dtype)  # workers may read three, whether they need them or not
    values, order = flat(first)
    result = empty(values.shape, values.dtype)
    run(address(worker, values.dtype), values, values if second is first else flat_like(second, order), result, 1, numbers)
    return unflat(result, first.shape, order)


def prelu(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """See `kernels.activation`."""
    return _by_channel(_prelu, x, x, weight)


def prelu_backward(gy: np.ndarray, x: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """See `kernels.activation`."""
    terms = _by_channel(_prelu_weight_terms, gy, x, weight)
    gweight = terms.sum(dtype=np.float64).astype(x.dtype).reshape(1) if weight.size == 1 else channel_sum(terms)
    return _by_channel(_prelu, gy, x, weight), gweight


def _by_channel(worker: Worker, v: np.ndarray, x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """What `worker` computes from the elements of two arrays and the weights of their channels."""
    if weight.size == 1:
        values, order = flat(v)
        result = empty(values.shape, values.dtype)
        run(address(worker, values.dtype), values, flat_like(x, order), result, ROW, np.full(ROW, weight[0]))
        return unflat(result, v.shape, order)
    rows = channel_rows(v)
    result = empty(rows.shape, rows.dtype)
    run(address(worker, rows.dtype), rows, channel_rows(x), result, weight.size, np.ascontiguousarray(weight))
    return from_channel_rows(result, v.shape)


# --- workers: see kernels/callbacks.py


@cache
def _values_of(name: str) -> Worker:
    """The worker y = f(x)."""
    rule = RULES[name][0]

    def worker(x, _, y, size, width, numbers):
        x, y, a, b, c = numba.carray(x, size), numba.carray(y, size), numbers[0], numbers[1], numbers[2]
        for i in range(size):
            y[i] = rule(x[i], a, b, c)

    worker.__qualname__ = f"values_of_{name}"
    return worker


@cache
def _gradient_of(name: str) -> Worker:
    """The worker gx = gy * f'(kept)."""
    slope = RULES[name][1]

    def worker(gy, kept, gx, size, width, numbers):
        gy, kept, gx = numba.carray(gy, size), numba.carray(kept, size), numba.carray(gx, size)
        a, b, c = numbers[0], numbers[1], numbers[2]
        for i in range(size):
            gx[i] = gy[i] * slope(kept[i], a, b, c)

    worker.__qualname__ = f"gradient_of_{name}"
    return worker


def _gate(v, x, result, size, width, numbers):
    """v where x is not <= 0: a NaN in x leaves the gate open."""
    v, x, result, zero = numba.carray(v, size), numba.carray(x, size), numba.carray(result, size), numbers[0]
    for i in range(size):
        result[i] = zero if x[i] <= zero else v[i]


def _piecewise(v, x, result, size, width, numbers):
    v, x, result, zero = numba.carray(v, size), numba.carray(x, size), numba.carray(result, size), numbers[8]
    low, high = numbers[0], numbers[1]
    left, left_slope, middle, slope, right, right_slope = numbers[2], numbers[3], numbers[4], numbers[5], numbers[6], numbers[7]
    for i in range(size):
        constant = left if x[i] <= low else (right if x[i] >= high else middle)
        factor = left_slope if x[i] <= low else (right_slope if x[i] >= high else slope)
        y = constant if factor == zero else constant + factor * v[i]
        result[i] = v[i] if x[i] != x[i] else y


def _prelu(v, x, result, size, width, weight):
    """v where x > 0, else weight * v."""
    v, x, result, weight = numba.carray(v, size), numba.carray(x, size), numba.carray(result, size), numba.carray(weight, width)
    zero = weight.dtype.type(0)
    for start in range(0, size, width):
        vs, xs, row = v[start : start + width], x[start : start + width], result[start : start + width]
        for c in range(row.size):
            row[c] = vs[c] if xs[c] > zero else weight[c] * vs[c]


def _prelu_weight_terms(gy, x, terms, size, width, weight):
    """gy * x where x <= 0: what the gradient of the weights is a sum of."""
    gy, x, terms, weight = numba.carray(gy, size), numba.carray(x, size), numba.carray(terms, size), numba.carray(weight, width)
    zero = weight.dtype.type(0)
    for i in range(size):
        terms[i] = zero if x[i] > zero else gy[i] * x[i]
