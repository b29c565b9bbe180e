"""Local response normalisation, pixel by pixel, blocks of pixels on several threads.

The channels of a pixel are a short row, which stays in the first-level cache. Windows are summed by adding up the row shifted by 0, 1, 2,
...: `size` long loops over vector registers, not a running sum, which would be a chain of dependent steps and would keep an infinity
for ever. A margin of zeros on either side takes care of the windows at the ends.
"""

import numpy as np
from numba import prange

from kernels.jit import jit
from kernels.layout import channel_rows, from_channel_rows
from kernels.memory import empty

BLOCK = 1 << 13  # elements in the pixels that a thread takes at a time, about


def local_response_norm(x: np.ndarray, size: int, alpha: float, beta: float, k: float) -> np.ndarray:
    """See `kernels.local_response_norm`."""
    if x.size == 0:
        return np.empty_like(x)
    rows = channel_rows(x)  # (N*H*W, C)
    y = empty(rows.shape, x.dtype)
    _normalise(rows, size, *_numbers(x, alpha / size, beta, k), _block(rows), y)
    return from_channel_rows(y, x.shape)


def local_response_norm_backward(gy: np.ndarray, x: np.ndarray, size: int, alpha: float, beta: float, k: float) -> np.ndarray:
    """See `kernels.local_response_norm`."""
    if x.size == 0:
        return np.empty_like(x)
    g, rows = channel_rows(gy), channel_rows(x)
    gx = empty(rows.shape, x.dtype)
    _gradient(g, rows, size, *_numbers(x, alpha / size, beta, k, 2 * alpha * beta / size), _block(rows), gx)
    return from_channel_rows(gx, x.shape)


def _numbers(x: np.ndarray, *values: float) -> list[np.floating]:
    """The values in the type of x, so that arithmetic stays in it."""
    return [x.dtype.type(value) for value in values]


def _block(rows: np.ndarray) -> int:
    """The pixels of a block."""
    return max(1, BLOCK // rows.shape[1])


@jit(parallel=True)
def _normalise(x, size, alpha, beta, k, block, y):
    for b in prange(-(-len(x) // block)):
        _normalise_block(np.intp(b), x, size, alpha, beta, k, block, y)


@jit
def _normalise_block(b, x, size, alpha, beta, k, block, y):
    squares, powers = _with_margins(x, size), np.empty(x.shape[1], x.dtype)
    before = size // 2
    for m in range(b * block, min((b + 1) * block, len(x))):
        row, result = x[m], y[m]
        for c in range(row.size):
            squares[before + c] = row[c] * row[c]
        _window_sums(squares, size, powers)
        for c in range(row.size):
            powers[c] = k + alpha * powers[c]
        _raise(powers, beta)
        for c in range(row.size):
            result[c] = row[c] * powers[c]


@jit(parallel=True)
def _gradient(g, x, size, alpha, beta, k, slope, block, gx):
    for b in prange(-(-len(x) // block)):
        _gradient_of_block(np.intp(b), g, x, size, alpha, beta, k, slope, block, gx)


@jit
def _gradient_of_block(b, g, x, size, alpha, beta, k, slope, block, gx):
    C = x.shape[1]
    squares, terms = _with_margins(x, size), _with_margins(x, size)
    divisors, powers, sums = np.empty(C, x.dtype), np.empty(C, x.dtype), np.empty(C, x.dtype)
    before, after = size // 2, (size - 1) // 2
    for m in range(b * block, min((b + 1) * block, len(x))):
        row, gs, result = x[m], g[m], gx[m]
        for c in range(C):
            squares[before + c] = row[c] * row[c]
        _window_sums(squares, size, sums)
        for c in range(C):
            divisors[c] = k + alpha * sums[c]
        for c in range(C):
            powers[c] = divisors[c]
        _raise(powers, beta)
        for c in range(C):
            terms[after + c] = gs[c] * row[c] * powers[c] / divisors[c]
        _window_sums(terms, size, sums)  # of the windows that c is in: the mirror image
        for c in range(C):
            result[c] = gs[c] * powers[c] - slope * row[c] * sums[c]


@jit
def _with_margins(x, size):
    """Zeros for the channels of a pixel, and for what windows see beyond them."""
    row = np.empty(x.shape[1] + size - 1, x.dtype)
    for i in range(row.size):
        row[i] = 0
    return row


@jit
def _window_sums(row, size, sums):
    """sums[c] = row[c] + ... + row[c + size - 1]."""
    C = sums.size
    for c in range(C):
        sums[c] = row[c]
    for shift in range(1, size):
        shifted = row[shift : shift + C]
        for c in range(C):
            sums[c] += shifted[c]


@jit(strict=True)
def _raise(d, beta):
    """d[c] becomes d[c]^-beta; for the exponents in use by square roots, which fill vector registers.

    strict: an estimate of 1 / sqrt, refined by Newton's method, would be faster, but it makes NaN of infinity.
    """
    if beta == 0.75:
        for c in range(d.size):
            root = np.sqrt(d[c])
            d[c] = 1 / (root * np.sqrt(root))
    elif beta == 0.5:
        for c in range(d.size):
            d[c] = 1 / np.sqrt(d[c])
    elif beta == 1:
        for c in range(d.size):
            d[c] = 1 / d[c]
    else:
        for c in range(d.size):
            d[c] = d[c] ** -beta
