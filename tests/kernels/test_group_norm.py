"""Group norm: the definition against sums of single numbers, the fast version against the definition, extreme values."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import kernels
from kernels.jit import get_num_threads, set_num_threads
from minitorch_cv.testing import ORDERS, arranged, assert_close

TOLERANCE = {"float32": 3e-6, "float64": 1e-12}
EPS = 1e-3


def by_single_numbers(x, groups, weight, bias):
    """(y, mean, var), each number from those of its group; Python's fsum is exact."""
    y, (N, C), size = np.zeros(x.shape), x.shape[:2], x.shape[1] // groups
    statistics = np.zeros((2, N, groups))
    for n in range(N):
        for c in range(C):
            group = x[n, c // size * size : (c // size + 1) * size].ravel().tolist()
            mean = math.fsum(group) / len(group)
            var = math.fsum((v - mean) ** 2 for v in group) / len(group)
            statistics[:, n, c // size] = mean, var
            scale = (1 if weight is None else weight[c]) / math.sqrt(var + EPS)
            y[n, c] = (x[n, c] - mean) * scale + (0 if bias is None else bias[c])
    return y, *statistics


@st.composite
def cases(draw):
    """(x, gy, groups, weight, bias)"""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    groups = draw(st.integers(1, 4))
    C = groups * draw(st.integers(1, 4))
    shape = (draw(st.integers(1, 4)), C, *draw(st.sampled_from([(), (5,), (3, 4), (7, 9)])))
    weight, bias = (rng.standard_normal(C) if draw(st.booleans()) else None for _ in range(2))
    return 2 * rng.standard_normal(shape) + 1, rng.standard_normal(shape), groups, weight, bias


@given(case=cases())
def test_definition_against_single_numbers(case: tuple) -> None:
    x, _, groups, weight, bias = case
    with kernels.backend("numpy"):
        results = kernels.group_norm(x, groups, weight, bias, EPS)
    for got, expected in zip(results, by_single_numbers(x, groups, weight, bias), strict=True):
        assert_close(got, expected, 1e-13)


def everything(x, gy, groups, weight, bias) -> tuple:
    y, mean, var = kernels.group_norm(x, groups, weight, bias, EPS)
    return y, mean, var, *kernels.group_norm_backward(gy, x, mean, var, groups, weight, EPS)


@pytest.mark.parametrize("dtype", TOLERANCE)
@given(case=cases(), order=st.sampled_from(ORDERS))
def test_fast_against_definition(case: tuple, order: str, dtype: str) -> None:
    with kernels.backend("numpy"):
        expected = everything(*case)
    x, gy, groups, weight, bias = case
    x, gy = arranged(x.astype(dtype), order), arranged(gy.astype(dtype), order)
    weight, bias = (None if array is None else array.astype(dtype) for array in (weight, bias))
    # Gradients are differences of numbers of the size of 1 / the standard deviation: large where a group has a single member.
    bound = TOLERANCE[dtype] * max(1, (expected[2].min() + EPS) ** -0.5)
    for got, wanted in zip(everything(x, gy, groups, weight, bias), expected, strict=True):
        assert got.dtype == np.dtype(dtype)
        assert_close(got, wanted, bound)


@pytest.mark.parametrize("groups", [1, 8, 32])
def test_many_blocks(groups: int) -> None:
    """Samples of several blocks each: float32 stays close to float64, whatever the number of threads."""
    rng = np.random.default_rng(0)
    x, gy, weight, bias = (rng.standard_normal(shape).astype(np.float32) for shape in ((2, 32, 50, 60), (2, 32, 50, 60), (32,), (32,)))
    x += 5
    found, threads = everything(x, gy, groups, weight, bias), get_num_threads()
    wide = everything(*(array.astype(np.float64) for array in (x, gy)), groups, weight.astype(np.float64), bias.astype(np.float64))
    for got, wanted in zip(found, wide, strict=True):
        assert_close(got, wanted, 3e-6)
    try:
        set_num_threads(1)
        for got, wanted in zip(everything(x, gy, groups, weight, bias), found, strict=True):
            assert np.array_equal(got, wanted)
    finally:
        set_num_threads(threads)


def test_nan_stays_in_its_group(backend: str) -> None:
    x = np.random.default_rng(0).standard_normal((2, 4, 3, 3)).astype(np.float32)
    x[1, 2, 0, 0] = np.nan
    for result in everything(x, np.ones_like(x), 2, None, None)[:1]:
        assert np.isnan(result[1, 2:]).all()
        assert np.isfinite(result[0]).all()
        assert np.isfinite(result[1, :2]).all()


def test_no_samples(backend: str) -> None:
    x = np.zeros((0, 4, 3, 3), np.float32)
    y, mean, var, gx, gweight, gbias = everything(x, x, 2, None, None)
    assert (y.shape, mean.shape, var.shape, gx.shape) == (x.shape, (0, 2), (0, 2), x.shape)
    assert gweight.tolist() == gbias.tolist() == [0] * 4


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda x, s: kernels.group_norm(x[0, 0], 1), ValueError, "x: got shape"),
        (lambda x, s: kernels.group_norm(x, 3), ValueError, "groups: got 3, expected a positive number that divides the 4 channels"),
        (lambda x, s: kernels.group_norm(x, 2, s[0]), ValueError, "weight: got shape"),
        (lambda x, s: kernels.group_norm(x, 2, None, np.ones(4, np.float32)), TypeError, "bias: got float32"),
        (lambda x, s: kernels.group_norm_backward(x, x[:, :2], s, s, 2), ValueError, "x: got shape"),
        (lambda x, s: kernels.group_norm_backward(x, x, s, s[0], 2), ValueError, "var: got shape"),
    ],
)
def test_errors_name_the_argument(call, error: type, words: str, backend: str) -> None:
    with pytest.raises(error, match=words):
        call(np.ones((3, 4, 5)), np.ones((3, 2)))
