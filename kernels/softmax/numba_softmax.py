"""Softmax and cross-entropy, one row after the other, blocks of rows on several threads. The sums of a row are computed in float64."""

import math

import numpy as np
from numba import prange

from kernels.jit import jit
from kernels.layout import contiguous
from kernels.memory import empty

BLOCK = 1 << 12  # elements in the rows that a thread takes at a time, about


def softmax(x: np.ndarray) -> np.ndarray:
    """See `kernels.softmax`."""
    y = empty(x.shape, x.dtype)
    _softmax(*cut(x), contiguous(x), y, False)
    return y


def log_softmax(x: np.ndarray) -> np.ndarray:
    """See `kernels.softmax`."""
    y = empty(x.shape, x.dtype)
    _softmax(*cut(x), contiguous(x), y, True)
    return y


def softmax_backward(gy: np.ndarray, y: np.ndarray) -> np.ndarray:
    """See `kernels.softmax`."""
    gx = empty(y.shape, y.dtype)
    _softmax_backward(*cut(y), contiguous(gy), contiguous(y), gx, False)
    return gx


def log_softmax_backward(gy: np.ndarray, y: np.ndarray) -> np.ndarray:
    """See `kernels.softmax`."""
    gx = empty(y.shape, y.dtype)
    _softmax_backward(*cut(y), contiguous(gy), contiguous(y), gx, True)
    return gx


def softmax_cross_entropy(
    logits: np.ndarray, target: np.ndarray, weight: np.ndarray | None, ignore_index: int, label_smoothing: float
) -> tuple[np.ndarray, np.ndarray]:
    """See `kernels.softmax`."""
    losses, probabilities = empty(target.shape, logits.dtype), empty(logits.shape, logits.dtype)
    _softmax(*cut(logits), contiguous(logits), probabilities, True)
    _cross_entropy(
        *cut(logits), probabilities, _classes(target), _weights(weight, logits), ignore_index, label_smoothing, losses
    )  # fmt: skip
    return losses, probabilities


def softmax_cross_entropy_backward(
    gloss: np.ndarray, probabilities: np.ndarray, target: np.ndarray, weight: np.ndarray | None, ignore_index: int, label_smoothing: float
) -> np.ndarray:
    """See `kernels.softmax`."""
    g = empty(probabilities.shape, probabilities.dtype)
    _cross_entropy_backward(
        *cut(g), contiguous(gloss), contiguous(probabilities), _classes(target), _weights(weight, g), ignore_index, label_smoothing, g
    )  # fmt: skip
    return g


def cut(x: np.ndarray) -> tuple[int, int]:
    """How many blocks of how many rows the matrix x is cut into."""
    rows = max(1, BLOCK // max(1, x.shape[1]))
    return -(-x.shape[0] // rows), rows


def _classes(target: np.ndarray) -> np.ndarray:
    return contiguous(target.astype(np.int64, copy=False))


def _weights(weight: np.ndarray | None, like: np.ndarray) -> np.ndarray:
    return np.ones(like.shape[1], like.dtype) if weight is None else contiguous(weight)


@jit(parallel=True)
def _softmax(blocks, rows, x, y, logarithm):
    for b in prange(blocks):
        _softmax_block(np.intp(b), rows, x, y, logarithm)


@jit
def _softmax_block(b, rows, x, y, logarithm):
    """Rows of y: the softmax of rows of x, or its logarithm."""
    for n in range(b * rows, min((b + 1) * rows, x.shape[0])):
        row, result = x[n], y[n]
        largest = x.dtype.type(-np.inf)
        for c in range(row.size):
            largest = row[c] if row[c] > largest else largest
        total = 0.0
        for c in range(row.size):
            result[c] = math.exp(row[c] - largest)
            total += result[c]
        if logarithm:
            logarithm_of_total = math.log(total)
            for c in range(row.size):
                result[c] = row[c] - largest - logarithm_of_total
        else:
            for c in range(row.size):
                result[c] /= total


@jit(parallel=True)
def _softmax_backward(blocks, rows, gy, y, gx, logarithm):
    for b in prange(blocks):
        _softmax_backward_block(np.intp(b), rows, gy, y, gx, logarithm)


@jit
def _softmax_backward_block(b, rows, gy, y, gx, logarithm):
    """Rows of gx: y * (gy - sum gy * y), or for the logarithm gy - exp(y) * sum gy."""
    for n in range(b * rows, min((b + 1) * rows, y.shape[0])):
        gs, ys, result = gy[n], y[n], gx[n]
        total = 0.0
        for c in range(ys.size):
            total += gs[c] if logarithm else gs[c] * ys[c]
        for c in range(ys.size):
            result[c] = gs[c] - math.exp(ys[c]) * total if logarithm else ys[c] * (gs[c] - total)


@jit(parallel=True)
def _cross_entropy(blocks, rows, log_p, target, weight, ignore_index, smoothing, losses):
    for b in prange(blocks):
        _cross_entropy_block(np.intp(b), rows, log_p, target, weight, ignore_index, smoothing, losses)


@jit
def _cross_entropy_block(b, rows, log_p, target, weight, ignore_index, smoothing, losses):
    """Losses of rows of log p; then p takes the place of log p."""
    C = weight.size
    for n in range(b * rows, min((b + 1) * rows, target.size)):
        row, t = log_p[n], target[n]
        losses[n] = 0
        if t != ignore_index:
            spread = 0.0
            if smoothing > 0:
                for c in range(C):
                    spread += weight[c] * row[c]
            losses[n] = -(1 - smoothing) * weight[t] * row[t] - smoothing / C * spread
        for c in range(C):
            row[c] = math.exp(row[c])


@jit(parallel=True)
def _cross_entropy_backward(blocks, rows, gloss, p, target, weight, ignore_index, smoothing, g):
    for b in prange(blocks):
        _cross_entropy_backward_block(np.intp(b), rows, gloss, p, target, weight, ignore_index, smoothing, g)


@jit
def _cross_entropy_backward_block(b, rows, gloss, p, target, weight, ignore_index, smoothing, g):
    """Rows of g: gloss * ((1 - s) * w[t] * (p - [c = t]) + s / C * (p * sum w - w))."""
    C = weight.size
    share = smoothing / C
    all_weights = 0.0
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
