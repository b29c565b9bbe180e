"""Choosing between lanes, and storing them as integers."""

import numpy as np
import pytest

from kernels.jit import jit
from kernels.simd import lanes, tile_fill, tile_load, tile_store
from kernels.simd_choice import tile_choose, tile_store_integers

DTYPES = [np.float32, np.float64]


@jit
def choose(a, b, x, y, result):
    W = lanes(a)
    tiles = tile_load(a, 0, W, 2, 1), tile_load(b, 0, W, 2, 1), tile_load(x, 0, W, 2, 1), tile_load(y, 0, W, 2, 1)
    tile_store(tile_choose(tiles[0], tiles[1], tiles[2], tiles[3]), result, 0, W)


@jit
def store_integers(value, base, y, i, columns):
    tile_store_integers(tile_fill(value, 1, 1), base, y, i, columns)


@jit
def count_lanes(x):
    return lanes(x)


@pytest.mark.parametrize("dtype", DTYPES)
def test_choose(dtype: type) -> None:
    size = 2 * count_lanes(np.empty(0, dtype))
    special = np.array([1, 2, np.nan, np.inf, -np.inf, 0.0], dtype)
    a, b = np.resize(np.repeat(special, 6), 36 * size), np.resize(special, 36 * size)  # every pair, in one lane or another
    x, y = np.arange(36 * size, dtype=dtype), -np.arange(36 * size, dtype=dtype)
    result = np.empty_like(a)
    for i in range(0, len(a), size):
        part = slice(i, i + size)
        choose(a[part], b[part], x[part], y[part], result[part])
    np.testing.assert_array_equal(result, np.where((a > b) | np.isnan(a), x, y))


@pytest.mark.parametrize("dtype", DTYPES)
def test_store_integers(dtype: type) -> None:
    W = count_lanes(np.empty(0, dtype))
    for columns in range(W + 3):
        y = np.full(W + 8, -7, np.int64)
        store_integers(dtype(2**24), 2**40, y, 3, columns)
        expected = np.full(W + 8, -7)
        expected[3 : 3 + min(columns, W)] = 2**40 + 2**24
        np.testing.assert_array_equal(y, expected)
