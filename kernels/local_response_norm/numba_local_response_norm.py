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
    return _run(None, x, size, alpha, beta, k)


def local_response_norm_backward(gy: np.ndarray, x: np.ndarray, size: int, alpha: float, beta: float, k: float) -> np.ndarray:
    """See `kernels.local_response_norm`."""
    return _run(gy, x, size, alpha, beta, k)


def _run(gy: np.ndarray | None, x: np.ndarray, size: int, alpha: float, beta: float, k: float) -> np.ndarray:
    """y; or, given gy, gx."""
    if x.size == 0:
        return np.empty_like(x)
    rows = channel_rows(x)  # (N*H*W, C)
    g = rows if gy is None else channel_rows(gy)
    result = empty(rows.shape, x.dtype)
    numbers = [x.dtype.type(value) for value in (alpha / size, beta, k, 2 * alpha * beta / size)]  # so that arithmetic stays in the type
    _pixels(g, rows, gy is not None, size, *numbers, max(1, BLOCK // rows.shape[1]), result)
    return from_channel_rows(result, x.shape)


@jit(parallel=True)
def _pixels(g, x, is_gradient, size, alpha, beta, k, slope, block, result):
    for b in prange(-(-len(x) // block)):
        _pixels_of_block(np.intp(b), g, x, is_gradient, size, alpha, beta, k, slope, block, result)


@jit
def _pixels_of_block(b, g, x, is_gradient, size, alpha, beta, k, slope, block, result):
    """Rows of y = x * d^-beta; or of gx = g * d^-beta - slope * x * window sums of g * x * d^-beta / d."""
    C = x.shape[1]
    squares, terms = _with_margins(x, size), _with_margins(x, size)
    divisors, powers, sums = np.empty(C, x.dtype), np.empty(C, x.dtype), np.empty(C, x.dtype)
    before, after = size // 2, (size - 1) // 2
    for m in range(b * block, min((b + 1) * block, len(x))):
        row, gs, out = x[m], g[m], result[m]
        for c in range(C):
            squares[before + c] = row[c] * row[c]
        _window_sums(squares, size, sums)
        for c in range(C):
            divisors[c] = k + alpha * sums[c]
        _raise(divisors, beta, powers)
        if is_gradient:
            for c in range(C):
                terms[after + c] = gs[c] * row[c] * powers[c] / divisors[c]
            _window_sums(terms, size, sums)  # of the windows that c is in: the mirror image
            for c in range(C):
                out[c] = gs[c] * powers[c] - slope * row[c] * sums[c]
        else:
            for c in range(C):
                out[c] = row[c] * powers[c]


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
def _raise(d, beta, powers):
    """powers[c] = d[c]^-beta; for the exponents in use by square roots, which fill vector registers.

    strict: an estimate of 1 / sqrt, refined by Newton's method, would be faster, but it makes NaN of infinity.
    """
    for c in range(d.size):
        powers[c] = np.sqrt(d[c])
    if beta == 0.75:
        for c in range(d.size):
            powers[c] = 1 / (powers[c] * np.sqrt(powers[c]))
    elif beta == 0.5:
        for c in range(d.size):
            powers[c] = 1 / powers[c]
    elif beta == 1:
        for c in range(d.size):
            powers[c] = 1 / d[c]
    else:
        for c in range(d.size):
            powers[c] = d[c] ** -beta
