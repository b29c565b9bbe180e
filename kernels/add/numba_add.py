"""The sum of two arrays on several threads."""

import numpy as np
from numba import prange

from kernels.add import numpy_add
from kernels.jit import jit
from kernels.layout import flat, flat_like, unflat
from kernels.memory import empty

BLOCK = 1 << 15  # elements that a thread adds at a time


def add(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """x + y; see `kernels.add`."""
    if x.size < 2 * BLOCK:
        return numpy_add.add(x, y)
    xs, order = flat(x)
    result = empty(xs.shape, x.dtype)
    _add(xs, flat_like(y, order), result)
    return unflat(result, x.shape, order)


@jit(parallel=True)
def _add(x, y, z):
    for block in prange((x.size + BLOCK - 1) // BLOCK):
        _add_block(x[block * BLOCK : (block + 1) * BLOCK], y[block * BLOCK : (block + 1) * BLOCK], z[block * BLOCK : (block + 1) * BLOCK])


@jit
def _add_block(x, y, z):
    for i in range(x.size):
        z[i] = x[i] + y[i]
