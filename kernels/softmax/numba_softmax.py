"""Softmax and cross-entropy, forward and backward in one visit of the memory, blocks of rows on several threads.

Softmax, its logarithm and their gradients are workers of the parallel loop in `kernels/callbacks.py`. Rows are often short (10 classes),
much shorter than what fills vector registers, and the exponential is most of the work: it is therefore computed for all rows of a block
in one loop, and only sums and maxima go row by row.
"""

import math

import numba
import numpy as np
from numba import prange

from kernels.callbacks import Worker, address, run
from kernels.elementary import exp, larger
from kernels.jit import jit
from kernels.layout import contiguous
from kernels.memory import empty

BLOCK = 1 << 12  # elements in the rows that a thread takes at a time, about


def softmax(x: np.ndarray) -> np.ndarray:
    """See `kernels.softmax`."""
    return _by_rows(_softmax, x, x)


def softmax_backward(gy: np.ndarray, y: np.ndarray) -> np.ndarray:
    """See `kernels.softmax`."""
    return _by_rows(_softmax_backward, gy, y)


def log_softmax(x: np.ndarray) -> np.ndarray:
    """See `kernels.softmax`."""
    return _by_rows(_log_softmax, x, x)


def log_softmax_backward(gy: np.ndarray, y: np.ndarray) -> np.ndarray:
    """See `kernels.softmax`."""
    return _by_rows(_log_softmax_backward, gy, y)


def _by_rows(worker: Worker, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    a = contiguous(first)
    b = a if second is first else contiguous(second)
    result = empty(a.shape, a.dtype)
    run(address(worker, a.dtype), a, b, result, a.shape[1], np.empty(0, a.dtype))
    return result


def softmax_cross_entropy(
    logits: np.ndarray, target: np.ndarray, weight: np.ndarray | None, ignore_index: int, label_smoothing: float
) -> tuple[np.ndarray, np.ndarray]:
    """See `kernels.softmax`."""
    losses, p = empty(target.shape, logits.dtype), empty(logits.shape, logits.dtype)
    classes, weights = _classes(target), _weights(weight, logits)
    _cross_entropy(*cut(logits), contiguous(logits), classes, weights, ignore_index, label_smoothing, losses, p)
    return losses, p


def softmax_cross_entropy_backward(
    gloss: np.ndarray, probabilities: np.ndarray, target: np.ndarray, weight: np.ndarray | None, ignore_index: int,
    label_smoothing: float, dtype: np.dtype,
) -> np.ndarray:  # fmt: skip
    """See `kernels.softmax`."""
    p, classes, weights = contiguous(probabilities), _classes(target), _weights(weight, probabilities)
    g = empty(p.shape, p.dtype)
    _cross_entropy_backward(*cut(p), contiguous(gloss), p, classes, weights, ignore_index, label_smoothing, g)
    return g.astype(dtype, copy=False)


def cut(x: np.ndarray) -> tuple[int, int]:
    """How many blocks of how many rows the matrix x is cut into."""
    rows = max(1, BLOCK // max(1, x.shape[1]))
    return -(-x.shape[0] // rows), rows


def _classes(target: np.ndarray) -> np.ndarray:
    return contiguous(target.astype(np.int64, copy=False))


def _weights(weight: np.ndarray | None, like: np.ndarray) -> np.ndarray:
    return np.ones(like.shape[1], like.dtype) if weight is None else contiguous(weight)


# --- workers: see kernels/callbacks.py


def _softmax(x, _, y, size, C, numbers):
    powers, rows = numba.carray(y, size), numba.carray(y, (size // C, C))
    _subtract_largest(numba.carray(x, (size // C, C)), rows)
    for i in range(size):
        powers[i] = exp(powers[i])
    for n in range(size // C):
        _multiply(rows[n], 1 / _sum(rows[n]))


def _log_softmax(x, _, y, size, C, numbers):
    shifted, rows = numba.carray(y, size), numba.carray(y, (size // C, C))
    powers = np.empty_like(shifted)
    _subtract_largest(numba.carray(x, (size // C, C)), rows)
    for i in range(size):
        powers[i] = exp(shifted[i])
    for n in range(size // C):
        _add(rows[n], -math.log(_sum(powers[n * C : (n + 1) * C])))


def _softmax_backward(gy, y, gx, size, C, numbers):
    """gx = y * (gy - sum_c gy * y)"""
    gy, y, gx = numba.carray(gy, (size // C, C)), numba.carray(y, (size // C, C)), numba.carray(gx, (size // C, C))
    for n in range(size // C):
        _softmax_gradient(gy[n], y[n], gx[n])


def _log_softmax_backward(gy, y, gx, size, C, numbers):
    """gx = gy - exp(y) * sum_c gy"""
    y, powers = numba.carray(y, size), numba.carray(gx, size)
    gy, gx = numba.carray(gy, (size // C, C)), numba.carray(gx, (size // C, C))
    for i in range(size):
        powers[i] = exp(y[i])
    for n in range(size // C):
        _log_softmax_gradient(gy[n], gx[n])


@jit
def _subtract_largest(x, y):
    """y = x - the largest element of its row. A NaN makes its whole row NaN."""
    for n in range(len(x)):
        row, result = x[n], y[n]
        largest = row[0]
        for c in range(row.size):
            largest = larger(largest, row[c])
        for c in range(row.size):
            result[c] = row[c] - largest


@jit
def _sum(row):
    total = 0.0
    for c in range(row.size):
        total += row[c]
    return total


@jit
def _product_sum(x, y):
    total = 0.0
    for c in range(y.size):
        total += x[c] * y[c]
    return total


@jit
def _multiply(row, number):
    factor = row.dtype.type(number)
    for c in range(row.size):
        row[c] *= factor


@jit
def _add(row, number):
    term = row.dtype.type(number)
    for c in range(row.size):
        row[c] += term


@jit
def _softmax_gradient(gy, y, gx):
    shift = y.dtype.type(_product_sum(gy, y))
    for c in range(y.size):
        gx[c] = y[c] * (gy[c] - shift)


@jit
def _log_softmax_gradient(gy, gx):
    """gx, which holds the powers, becomes gy - gx * sum gy."""
    factor = gx.dtype.type(_sum(gy))
    for c in range(gx.size):
        gx[c] = gy[c] - gx[c] * factor


@jit(parallel=True)
def _cross_entropy(blocks, rows, x, target, weight, ignore_index, smoothing, losses, p):
    for b in prange(blocks):
        _cross_entropy_block(np.intp(b), rows, x, target, weight, ignore_index, smoothing, losses, p)


@jit
def _cross_entropy_block(b, rows, x, target, weight, ignore_index, smoothing, losses, p):
    """Rows of p = softmax(x), and their losses; sums in float64. With y = x - the largest score of the row, -log p = log Z - y."""
    C, first, last = weight.size, b * rows, min((b + 1) * rows, target.size)
    share, hard = smoothing / C, 1 - smoothing
    _subtract_largest(x[first:last], p[first:last])
    for n in range(first, last):  # the part of the loss without log Z
        t = target[n]
        if t != ignore_index:
            losses[n] = -hard * weight[t] * p[n, t] - (share * _product_sum(weight, p[n]) if smoothing > 0 else 0.0)
    powers = p[first:last].reshape(-1)
    for i in range(powers.size):
        powers[i] = exp(powers[i])
    all_weights = _sum(weight)
    for n in range(first, last):
        t, total = target[n], _sum(p[n])
        _multiply(p[n], 1 / total)
        losses[n] = losses[n] + math.log(total) * (hard * weight[t] + share * all_weights) if t != ignore_index else 0.0


@jit(parallel=True)
def _cross_entropy_backward(blocks, rows, gloss, p, target, weight, ignore_index, smoothing, g):
    for b in prange(blocks):
        _cross_entropy_backward_block(np.intp(b), rows, gloss, p, target, weight, ignore_index, smoothing, g)


@jit
def _cross_entropy_backward_block(b, rows, gloss, p, target, weight, ignore_index, smoothing, g):
    """Rows of g: gloss * ((1 - s) * w[t] * (p - [c = t]) + s / C * (p * sum w - w))."""
    C = weight.size
    share, all_weights = smoothing / C, 0.0
    for c in range(C):
        all_weights += weight[c]
    for n in range(b * rows, min((b + 1) * rows, target.size)):
        row, result, t = p[n], g[n], target[n]
        if t == ignore_index:
            for c in range(C):
                result[c] = 0
        else:
            hard = (1 - smoothing) * weight[t]
            for c in range(C):
                result[c] = gloss[n] * (row[c] * (hard + share * all_weights) - share * weight[c])
            result[t] -= gloss[n] * hard
