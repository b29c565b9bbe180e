"""The vector layer by itself: every operation of a tile against NumPy, on this host and on pretended ones."""

import os
import subprocess
import sys

import numpy as np
import pytest

from kernels import simd
from kernels.jit import jit
from kernels.simd import (
    lanes,
    tile_fill,
    tile_fma,
    tile_load,
    tile_load_part,
    tile_outer,
    tile_store,
    tile_store_part,
    tile_zero,
)

R, K = 3, 2
DTYPES = [np.float32, np.float64]
EXACT = {np.float32: 1e-6, np.float64: 1e-15}


@jit
def outer_products(x, w, y, terms, step):
    """y (R, K*W) = sum over c < terms of x[c + r*step] * w[c, :]"""
    tile = tile_zero(x, R, K)
    for c in range(terms):
        tile = tile_outer(tile, x, c, step, w, c * K * lanes(x))
    tile_store(tile, y, 0, K * lanes(x))


@jit
def arithmetic(a, b, y, value):
    """y = (a + b) * (a - b) + value * b, by tiles."""
    W = K * lanes(a)
    left, right = tile_load(a, 0, W, R, K), tile_load(b, 0, W, R, K)
    result = tile_fma((left + right) * (left - right), tile_fill(value, R, K), right)
    tile_store(result, y, 0, W)


@jit
def copy_part(x, y, i, step, rows, columns):
    tile_store_part(tile_load_part(x, i, step, rows, columns, R, K), y, i, step, rows, columns)


@jit
def load_part(x, y, rows, columns):
    """The whole tile that `tile_load_part` gives, zeros included."""
    W = K * lanes(x)
    tile_store(tile_load_part(x, 0, columns, rows, columns, R, K), y, 0, W)


@jit
def count_lanes(x):
    return lanes(x)


def width(dtype: type) -> int:
    """Columns of a tile of K registers."""
    return K * simd.VECTOR_BYTES // np.dtype(dtype).itemsize


@pytest.mark.parametrize("dtype", DTYPES)
def test_lanes_follow_the_width_of_a_register(dtype: type) -> None:
    assert count_lanes(np.zeros(1, dtype)) * np.dtype(dtype).itemsize == simd.VECTOR_BYTES


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("terms", [0, 1, 7])
@pytest.mark.parametrize("step", [7, 11])
def test_outer(dtype: type, terms: int, step: int) -> None:
    rng = np.random.default_rng(terms)
    x, w = rng.standard_normal(step * R).astype(dtype), rng.standard_normal((7, width(dtype))).astype(dtype)
    y = np.full((R, width(dtype)), np.nan, dtype)
    outer_products(x, w.reshape(-1), y.reshape(-1), terms, step)
    rows = np.stack([x[r * step : r * step + terms] for r in range(R)])
    np.testing.assert_allclose(y, rows.astype(np.float64) @ w[:terms], rtol=0, atol=10 * EXACT[dtype])


@pytest.mark.parametrize("dtype", DTYPES)
def test_arithmetic(dtype: type) -> None:
    rng = np.random.default_rng(1)
    a, b = rng.standard_normal((2, R * width(dtype))).astype(dtype)
    y = np.empty_like(a)
    arithmetic(a, b, y, dtype(0.75))
    np.testing.assert_allclose(y, (a + b) * (a - b) + dtype(0.75) * b, rtol=0, atol=10 * EXACT[dtype])


@pytest.mark.parametrize("dtype", DTYPES)
def test_nan_and_infinity_pass_through(dtype: type) -> None:
    a = np.zeros(R * width(dtype), dtype)
    b = np.ones_like(a)
    a[0], a[1], b[2] = np.nan, np.inf, -np.inf
    y = np.empty_like(a)
    arithmetic(a, b, y, dtype(1))
    assert np.isnan(y[0])
    assert y[1] == np.inf
    assert y[2] == -np.inf
    assert np.all(y[3:] == 0)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rows", range(R + 1))
def test_parts_touch_nothing_else(dtype: type, rows: int) -> None:
    for columns in range(width(dtype) + 1):
        x = np.arange(1, R * (width(dtype) + 3) + 4, dtype=dtype)
        y = np.zeros_like(x)
        step = width(dtype) + 3
        copy_part(x, y, 2, step, rows, columns)
        expected = np.zeros_like(x)
        for r in range(rows):
            expected[2 + r * step : 2 + r * step + columns] = x[2 + r * step : 2 + r * step + columns]
        np.testing.assert_array_equal(y, expected)


@pytest.mark.parametrize("dtype", DTYPES)
def test_load_part_reads_no_further_and_gives_zeros(dtype: type) -> None:
    columns = width(dtype) - 1
    guarded = np.full(2 * columns + 64, np.nan, dtype)
    guarded[: 2 * columns] = 1
    y = np.full((R, width(dtype)), -1, dtype)
    load_part(guarded, y.reshape(-1), 2, columns)
    expected = np.zeros((R, width(dtype)), dtype)
    expected[:2, :columns] = 1
    np.testing.assert_array_equal(y, expected)


@pytest.mark.parametrize(
    ("features", "expected"),
    [({"avx512f": True, "avx2": True}, 64), ({"avx512f": False, "avx2": True}, 32), ({"sse2": True}, 16), ({}, 16)],
)
def test_register_width_of_a_host(features: dict[str, bool], expected: int) -> None:
    assert simd.vector_bytes(features) == expected


HOSTS = {
    "avx2": {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "+sse2,+avx,+avx2,+fma,+bmi,+bmi2"},
    "plain": {"NUMBA_CPU_NAME": "x86-64", "NUMBA_CPU_FEATURES": "+sse2,-avx,-avx2,-avx512f"},
}


@pytest.mark.skipif("PRETENDED_HOST" in os.environ, reason="this is the pretended host")
@pytest.mark.parametrize("host", HOSTS)
def test_on_another_host(host: str) -> None:
    """The tests above, in a process that compiles for another CPU (whose instructions this one must have)."""
    if host == "avx2" and not simd.host_features().get("avx2"):
        pytest.skip("this CPU has no AVX2")
    if os.uname().machine not in ("x86_64", "AMD64"):
        pytest.skip("not an x86-64 CPU")
    environment = {**os.environ, **HOSTS[host], "PRETENDED_HOST": host}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__, "-k", "not of_a_host"]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert " passed" in run.stdout


@pytest.mark.skipif("PRETENDED_HOST" not in os.environ, reason="only in a process that pretends")
def test_the_pretence_works() -> None:
    assert simd.VECTOR_BYTES == {"avx2": 32, "plain": 16}[os.environ["PRETENDED_HOST"]]
