"""The sum of every channel, on both backends."""

import numpy as np
import pytest
from drawing import memory_orders, seeds
from hypothesis import given
from hypothesis import strategies as st

import kernels
from minitorch_cv.testing import arranged, assert_close


@given(
    shape=st.tuples(st.integers(0, 70), st.integers(0, 40), st.integers(1, 9), st.integers(1, 9)),
    dtype=st.sampled_from([np.float32, np.float64]), order=memory_orders, seed=seeds,
)  # fmt: skip
def test_is_the_sum(backend: str, shape: tuple[int, ...], dtype: type, order: str, seed: int) -> None:
    x = np.random.default_rng(seed).integers(-4, 5, shape).astype(dtype)  # integers: every order of adding gives the same
    expected = np.array([x[:, c].astype(np.float64).sum() for c in range(shape[1])])
    result = kernels.channel_sum(arranged(x, order))
    assert result.dtype == dtype
    assert np.array_equal(result, expected)


@pytest.mark.parametrize("shape", [(5, 3), (4, 700), (3, 2, 5), (100, 1), (2, 1, 300, 300), (1, 2, 3, 4, 5)])
def test_other_shapes(backend: str, shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).standard_normal(shape)
    assert_close(kernels.channel_sum(x), x.sum((0, *range(2, x.ndim))), 1e-13)


def test_many_terms_in_float32(backend: str) -> None:
    """All terms positive: the relative error stays near that of rounding, however many there are."""
    x = np.random.default_rng(0).random((64, 6, 100, 100), np.float32)
    expected = x.astype(np.float64).sum((0, 2, 3))
    assert abs(kernels.channel_sum(x) / expected - 1).max() < 1e-6


def test_nan_and_infinity_pass(backend: str) -> None:
    x = np.zeros((3, 4, 2, 2))
    x[1, 0, 0, 0], x[2, 1, 1, 1], x[0, 2, 0, 0], x[1, 2, 0, 0] = np.nan, np.inf, np.inf, -np.inf
    with np.errstate(invalid="ignore"):
        assert np.array_equal(kernels.channel_sum(x), [np.nan, np.inf, np.nan, 0], equal_nan=True)


def test_threads_do_not_matter() -> None:
    from kernels import jit

    x = np.random.default_rng(0).standard_normal((32, 10, 64, 64)).astype(np.float32)
    before, results = jit.get_num_threads(), []
    try:
        for threads in range(1, before + 1):
            jit.set_num_threads(threads)
            results.append(kernels.channel_sum(x))
    finally:
        jit.set_num_threads(before)
    assert all(np.array_equal(result, results[0]) for result in results)


def test_errors() -> None:
    with pytest.raises(ValueError, match=r"x: got shape \(3,\)"):
        kernels.channel_sum(np.ones(3))
    with pytest.raises(TypeError, match="x: got int64"):
        kernels.channel_sum(np.ones((3, 3), np.int64))
