"""Layer and RMS normalisation, group by group: statistics and result while the group is in the first-level cache.

Groups are the rows of a matrix (M, D), whose columns have a weight and a bias each. Threads work on blocks of rows, and the sums for
weight and bias are kept for each block: at most 64 terms in float32, then added in order in float64. What a block is depends on the shape
alone: the number of threads does not change the result.
"""

import numpy as np
from numba import prange

from kernels.jit import jit
from kernels.layer_norm.arrangement import arrangement
from kernels.memory import empty

BLOCK = 1 << 15  # elements in the rows of a block, about
ROWS = 64  # rows of a block at most
TERMS = 1 << 10  # terms that are added up in the type of x; what there is more is added in float64


def layer_norm(
    x: np.ndarray, dims: int, weight: np.ndarray | None, bias: np.ndarray | None, eps: float, centred: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """See `kernels.layer_norm`."""
    if x.size == 0:
        nothing = np.zeros((*x.shape[: x.ndim - dims], *[1] * dims), x.dtype)
        return np.empty_like(x), nothing, nothing.copy()
    arranged = arrangement(x, dims)
    rows = arranged.rows(x)
    y = empty(rows.shape, x.dtype)
    means, variances = empty((len(rows), 1), x.dtype), empty((len(rows), 1), x.dtype)
    weights, biases = _given(arranged.group(weight), 1, rows), _given(arranged.group(bias), 0, rows)
    _normalise(rows, weights, biases, float(eps), centred, _block(rows), y, means, variances)
    return arranged.from_rows(y), arranged.from_rows(means), arranged.from_rows(variances)


def layer_norm_backward(
    gy: np.ndarray, x: np.ndarray, mean: np.ndarray, var: np.ndarray, dims: int, weight: np.ndarray | None, eps: float, centred: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """See `kernels.layer_norm`."""
    if x.size == 0:
        zeros = np.zeros(x.shape[x.ndim - dims :], x.dtype)
        return np.empty_like(x), zeros, zeros.copy()
    arranged = arrangement(x, dims)
    g, rows = arranged.rows(gy), arranged.rows(x)
    means, variances = arranged.rows(mean), arranged.rows(var)
    gx, block = empty(rows.shape, x.dtype), _block(rows)
    sums = empty((2, -(-len(rows) // block), rows.shape[1]), x.dtype)
    _gradients(g, rows, means, variances, _given(arranged.group(weight), 1, rows), float(eps), centred, block, gx, sums)
    gweight, gbias = (arranged.from_group(values.astype(x.dtype)) for values in sums.sum(axis=1, dtype=np.float64))
    return arranged.from_rows(gx), gweight, gbias


def _given(values: np.ndarray | None, otherwise: float, rows: np.ndarray) -> np.ndarray:
    return np.full(rows.shape[1], otherwise, rows.dtype) if values is None else values


def _block(rows: np.ndarray) -> int:
    """The rows of a block."""
    return max(1, min(ROWS, BLOCK // rows.shape[1]))


@jit(parallel=True)
def _normalise(x, weight, bias, eps, centred, block, y, means, variances):
    for b in prange(-(-len(x) // block)):
        _normalise_block(np.intp(b), x, weight, bias, eps, centred, block, y, means, variances)


@jit
def _normalise_block(b, x, weight, bias, eps, centred, block, y, means, variances):
    D = weight.size
    for m in range(b * block, min((b + 1) * block, len(x))):
        row, result, mean_of_row = x[m], y[m], means[m]
        mean_of_row[0] = _mean(row) if centred else 0.0
        mean = mean_of_row[0]
        var = _sum_of_squares(row, mean) / D
        variances[m, 0] = var
        rstd = x.dtype.type(1 / np.sqrt(var + eps))
        for j in range(D):
            result[j] = (row[j] - mean) * rstd * weight[j] + bias[j]


@jit
def _mean(row):
    """By distances from the first element: of equal numbers it is their number exactly."""
    first, total = row[0], 0.0
    for i in range(0, row.size, TERMS):
        part, terms = row.dtype.type(0), row[i : i + TERMS]
        for j in range(terms.size):
            part += terms[j] - first
        total += part
    return first + total / row.size


@jit
def _sum_of_squares(row, centre):
    total = 0.0
    for i in range(0, row.size, TERMS):
        part, terms = row.dtype.type(0), row[i : i + TERMS]
        for j in range(terms.size):
            part += (terms[j] - centre) * (terms[j] - centre)
        total += part
    return total


@jit(parallel=True)
def _gradients(g, x, means, variances, weight, eps, centred, block, gx, sums):
    for b in prange(-(-len(x) // block)):
        _gradients_of_block(np.intp(b), g, x, means, variances, weight, eps, centred, block, gx, sums)


@jit
def _gradients_of_block(b, g, x, means, variances, weight, eps, centred, block, gx, sums):
    """Rows of gx; and sums[:, b] (2, D): sum g * xhat and sum g over the rows of block b."""
    D = weight.size
    gweight, gbias, real = sums[0, b], sums[1, b], x.dtype.type
    for j in range(D):
        gweight[j] = 0
        gbias[j] = 0
    for m in range(b * block, min((b + 1) * block, len(x))):
        gs, row, result, mean = g[m], x[m], gx[m], means[m, 0]
        inverse = 1 / np.sqrt(variances[m, 0] + eps)
        total, moment = _weighted_sums(gs, row, weight, mean)
        rstd, shift, slope = real(inverse), real(inverse * total / D if centred else 0.0), real(inverse**3 * moment / D)
        for j in range(D):
            result[j] = gs[j] * weight[j] * rstd - shift - (row[j] - mean) * slope
        for j in range(D):
            gweight[j] += gs[j] * ((row[j] - mean) * rstd)
            gbias[j] += gs[j]


@jit
def _weighted_sums(g, row, weight, mean):
    """sum g * weight, and sum g * weight * (row - mean)."""
    total, moment = 0.0, 0.0
    for i in range(0, row.size, TERMS):
        gs, xs, ws = g[i : i + TERMS], row[i : i + TERMS], weight[i : i + TERMS]
        part, part_moment = row.dtype.type(0), row.dtype.type(0)
        for j in range(gs.size):
            value = gs[j] * ws[j]
            part += value
            part_moment += value * (xs[j] - mean)
        total += part
        moment += part_moment
    return total, moment
