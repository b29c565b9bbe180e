"""Cross-entropy of logits, forward and backward in one visit of every row, blocks of rows on several threads.

The functions without a class to hit (`softmax` and the like) are left to NumPy, whose exponential fills vector registers.
"""

import math

import numpy as np
from numba import prange

from kernels.jit import jit
from kernels.layout import contiguous
from kernels.memory import empty

BLOCK = 1 << 12  # elements in the rows that a thread takes at a time, about


def softmax_cross_entropy(
    logits: np.ndarray, target: np.ndarray, weight: np.ndarray | None, ignore_index: int, label_smoothing: float
) -> tuple[np.ndarray, np.ndarray]:
    """See `kernels.softmax`."""
    losses, p = empty(target.shape, logits.dtype), empty(logits.shape, logits.dtype)
    classes, weights = _classes(target), _weights(weight, logits)
    _cross_entropy(*cut(logits), contiguous(logits), classes, weights, ignore_index, label_smoothing, losses, p)
    return losses, p


def softmax_cross_entropy_backward(
    gloss: np.ndarray, probabilities: np.ndarray, target: np.ndarray, weight: np.ndarray | None, ignore_index: int, label_smoothing: float
) -> np.ndarray:
    """See `kernels.softmax`."""
    p, classes, weights = contiguous(probabilities), _classes(target), _weights(weight, probabilities)
    g = empty(p.shape, p.dtype)
    _cross_entropy_backward(*cut(p), contiguous(gloss), p, classes, weights, ignore_index, label_smoothing, g)
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
def _cross_entropy(blocks, rows, x, target, weight, ignore_index, smoothing, losses, p):
    for b in prange(blocks):
        _cross_entropy_block(np.intp(b), rows, x, target, weight, ignore_index, smoothing, losses, p)


@jit
def _cross_entropy_block(b, rows, x, target, weight, ignore_index, smoothing, losses, p):
    """Rows of p = softmax(x), and their losses; sums in float64. With m the largest score, -log p = log Z + m - x."""
    C = weight.size
    for n in range(b * rows, min((b + 1) * rows, target.size)):
        row, result, t = x[n], p[n], target[n]
        largest = x.dtype.type(-np.inf)
        for c in range(C):
            largest = row[c] if row[c] > largest else largest
        total = 0.0
        for c in range(C):
            result[c] = math.exp(row[c] - largest)
            total += result[c]
        for c in range(C):
            result[c] /= total
        losses[n] = 0
        if t != ignore_index:
            log_total = math.log(total)
            spread = 0.0
            if smoothing > 0:
                for c in range(C):
                    spread += weight[c] * (log_total - (row[c] - largest))
            losses[n] = (1 - smoothing) * weight[t] * (log_total - (row[t] - largest)) + smoothing / C * spread


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
