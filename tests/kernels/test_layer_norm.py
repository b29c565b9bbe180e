"""Layer and RMS norm: the definition against sums of single numbers, the fast version against the definition, extreme values."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import kernels
from kernels.jit import get_num_threads, set_num_threads
from minitorch_cv.testing import ORDERS, arranged, assert_close

TOLERANCE = {"float32": 2e-6, "float64": 1e-12}
EPS = 1e-3


def by_single_numbers(x, dims, weight, bias, centred):
    """(y, mean, var) group by group; Python's fsum is exact."""
    groups = x.reshape(math.prod(x.shape[: x.ndim - dims]), -1)
    y, means, variances = np.zeros(groups.shape), [], []
    for m, group in enumerate(groups.tolist()):
        mean = math.fsum(group) / len(group) if centred else 0.0
        var = math.fsum((v - mean) ** 2 for v in group) / len(group)
        y[m] = [(v - mean) / math.sqrt(var + EPS) for v in group]
        means.append(mean)
        variances.append(var)
    statistics_shape = (*x.shape[: x.ndim - dims], *[1] * dims)
    y = y.reshape(x.shape) * (1 if weight is None else weight) + (0 if bias is None else bias)
    return y, np.reshape(means, statistics_shape), np.reshape(variances, statistics_shape)


@st.composite
def cases(draw):
    """(x, gy, dims, weight, bias, centred)"""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = draw(st.sampled_from([(7,), (5, 9), (70, 3), (3, 4, 5), (2, 3, 4, 5), (3, 5, 2, 37)]))
    dims = draw(st.integers(1, len(shape)))
    weight, bias = (rng.standard_normal(shape[len(shape) - dims :]) if draw(st.booleans()) else None for _ in range(2))
    return 2 * rng.standard_normal(shape) + 1, rng.standard_normal(shape), dims, weight, bias, draw(st.booleans())


@given(case=cases())
def test_definition_against_single_numbers(case: tuple) -> None:
    x, _, dims, weight, bias, centred = case
    with kernels.backend("numpy"):
        results = kernels.layer_norm(x, dims, weight, bias, EPS, centred)
    for got, expected in zip(results, by_single_numbers(x, dims, weight, bias, centred), strict=True):
        assert_close(got, expected, 1e-13)


@pytest.mark.parametrize("dtype", TOLERANCE)
@given(case=cases(), order=st.sampled_from(ORDERS))
def test_fast_against_definition(case: tuple, order: str, dtype: str) -> None:
    x, gy, dims, weight, bias, centred = case
    with kernels.backend("numpy"):
        y, mean, var = kernels.layer_norm(x, dims, weight, bias, EPS, centred)
        expected = (y, mean, var, *kernels.layer_norm_backward(gy, x, mean, var, dims, weight, EPS, centred))
    x, gy = arranged(x.astype(dtype), order), arranged(gy.astype(dtype), order)
    weight, bias = (None if array is None else arranged(array.astype(dtype), order) for array in (weight, bias))
    y, mean, var = kernels.layer_norm(x, dims, weight, bias, EPS, centred)
    found = (y, mean, var, *kernels.layer_norm_backward(gy, x, mean, var, dims, weight, EPS, centred))
    for got, wanted in zip(found, expected, strict=True):
        assert got.dtype == np.dtype(dtype)
        assert_close(got, wanted, TOLERANCE[dtype])


@pytest.mark.parametrize("shape", [(1000, 48), (3, 40_000)])
def test_many_blocks_and_long_groups(shape: tuple[int, int]) -> None:
    """float32 sums of many terms, over groups and over the members of one, stay close to float64; threads do not change them."""
    rng = np.random.default_rng(0)
    x, gy, weight = (rng.standard_normal(size).astype(np.float32) for size in (shape, shape, shape[1:]))
    x += 3

    def run(dtype: type) -> tuple:
        arrays = [array.astype(dtype) for array in (x, gy, weight)]
        y, mean, var = kernels.layer_norm(arrays[0], 1, arrays[2])
        return (y, mean, var, *kernels.layer_norm_backward(arrays[1], arrays[0], mean, var, 1, arrays[2]))

    found, threads = run(np.float32), get_num_threads()
    for got, wanted in zip(found, run(np.float64), strict=True):
        assert_close(got, wanted, 2e-6)
    try:
        set_num_threads(1)
        for got, wanted in zip(run(np.float32), found, strict=True):
            assert np.array_equal(got, wanted)
    finally:
        set_num_threads(threads)


def test_channels_last_images_are_normalised_where_they_are(backend: str) -> None:
    images = np.random.default_rng(0).standard_normal((2, 5, 6, 4)).astype(np.float32)  # N, H, W, C
    x = images.transpose(0, 3, 1, 2)
    y, mean, _ = kernels.layer_norm(x, 3)
    assert y.transpose(0, 2, 3, 1).flags.c_contiguous
    assert_close(y, kernels.layer_norm(np.ascontiguousarray(x), 3)[0], 1e-6)
    assert mean.shape == (2, 1, 1, 1)


def test_a_distant_mean_does_not_cancel(backend: str) -> None:
    x = np.random.default_rng(0).standard_normal((5, 300)) + 1000
    expected = (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-5)
    assert abs(kernels.layer_norm(x.astype(np.float32), 1)[0] - expected).max() < 2e-4  # of the input, 3e-5 are rounded away


def test_equal_values_are_zeros(backend: str) -> None:
    np.testing.assert_array_equal(kernels.layer_norm(np.full((2, 210), 103.3, np.float32), 1)[0], 0)


def test_nan_and_infinity_stay_in_their_group(backend: str) -> None:
    x = np.random.default_rng(0).standard_normal((4, 6)).astype(np.float32)
    x[1, 2], x[2, 0] = np.nan, np.inf
    with np.errstate(invalid="ignore"):
        y, mean, var = kernels.layer_norm(x, 1)
        gx, _, _ = kernels.layer_norm_backward(np.ones_like(x), x, mean, var, 1)
    for result in (y, gx):
        assert np.isnan(result[1:3]).any(axis=1).all()
        assert np.isfinite(result[[0, 3]]).all()


def test_no_groups(backend: str) -> None:
    x = np.zeros((0, 3, 4), np.float32)
    y, mean, var = kernels.layer_norm(x, 2, np.ones((3, 4), np.float32))
    gx, gweight, gbias = kernels.layer_norm_backward(x, x, mean, var, 2)
    assert (y.shape, mean.shape, gx.shape) == ((0, 3, 4), (0, 1, 1), (0, 3, 4))
    assert not gweight.any()
    assert not gbias.any()
    assert gweight.shape == gbias.shape == (3, 4)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda x: kernels.layer_norm(x, 0), ValueError, "dims: got 0, expected 1 to 2"),
        (lambda x: kernels.layer_norm(x, 3), ValueError, "dims: got 3"),
        (lambda x: kernels.layer_norm(x, 1, x), ValueError, "weight: got shape"),
        (lambda x: kernels.layer_norm(x, 1, None, x[0].astype(np.float32)), TypeError, "bias: got float32"),
        (lambda x: kernels.layer_norm(x.astype(int), 1), TypeError, "x: got int64"),
        (lambda x: kernels.layer_norm_backward(x, x[:1], x[:, :1], x[:, :1], 1), ValueError, "x: got shape"),
        (lambda x: kernels.layer_norm_backward(x, x, x, x[:, :1], 1), ValueError, "mean: got shape"),
    ],
)
def test_errors_name_the_argument(call, error: type, words: str, backend: str) -> None:
    with pytest.raises(error, match=words):
        call(np.ones((2, 3)))
