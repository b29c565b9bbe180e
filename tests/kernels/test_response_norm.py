"""Local and global response norm: definitions against single numbers, fast versions against definitions, extreme values."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import kernels
from minitorch_cv.testing import ORDERS, arranged, assert_close

TOLERANCE = {"float32": 2e-6, "float64": 1e-12}
dtypes = pytest.mark.parametrize("dtype", TOLERANCE)


@st.composite
def images(draw):
    """(x, gy), of which one channel may be all zeros."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = (draw(st.integers(1, 3)), draw(st.integers(1, 20)), *draw(st.sampled_from([(3,), (2, 3), (9, 5)])))
    x = 2 * rng.standard_normal(shape)
    x[0, 0] *= draw(st.integers(0, 1))
    return x, rng.standard_normal(shape)


# --- local


def local_by_single_numbers(x, size, alpha, beta, k):
    y = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        n, c, *pixel = index
        window = range(max(0, c - size // 2), min(x.shape[1], c - size // 2 + size))
        squares = math.fsum(float(x[(n, j, *pixel)]) ** 2 for j in window)
        y[index] = x[index] / (k + alpha / size * squares) ** beta
    return y


sizes, betas = st.integers(1, 9), st.sampled_from([0.75, 0.5, 1.0, 0.6])


@given(case=images(), size=sizes, beta=betas)
def test_local_definition_against_single_numbers(case: tuple, size: int, beta: float) -> None:
    with kernels.backend("numpy"):
        assert_close(
            kernels.local_response_norm(case[0], size, 0.5, beta, 2.0), local_by_single_numbers(case[0], size, 0.5, beta, 2.0), 1e-13
        )


@dtypes
@given(case=images(), size=sizes, beta=betas, order=st.sampled_from(ORDERS))
def test_local_fast_against_definition(case: tuple, size: int, beta: float, order: str, dtype: str) -> None:
    x, gy = (arranged(array.astype(dtype), order) for array in case)
    with kernels.backend("numpy"):
        y, gx = (
            kernels.local_response_norm(case[0], size, 0.5, beta, 2.0),
            kernels.local_response_norm_backward(*case[::-1], size, 0.5, beta, 2.0),
        )
    assert_close(kernels.local_response_norm(x, size, 0.5, beta, 2.0), y, TOLERANCE[dtype])
    assert_close(kernels.local_response_norm_backward(gy, x, size, 0.5, beta, 2.0), gx, TOLERANCE[dtype])


def test_local_infinity_and_nan_stay_in_their_windows(backend: str) -> None:
    x = np.ones((1, 9, 1, 2), np.float32)
    x[0, 1, 0, 0], x[0, 7, 0, 0] = np.inf, np.nan
    with np.errstate(invalid="ignore"):
        y = kernels.local_response_norm(x, 3, 1.0)
    assert np.isnan(y[0, [1, 6, 7, 8], 0, 0]).all()  # infinity over infinity; and the neighbours of NaN
    assert y[0, [0, 2], 0, 0].tolist() == [0, 0]
    assert np.isfinite(y[0, 3:6, 0, 0]).all()
    assert np.isfinite(y[..., 1]).all()


# --- global


def global_by_single_numbers(x, weight, bias, eps):
    y = np.zeros(x.shape)
    for n in range(len(x)):
        norms = [math.sqrt(math.fsum(v * v for v in channel.ravel().tolist())) for channel in x[n]]
        for c, norm in enumerate(norms):
            y[n, c] = weight[c] * (x[n, c] * norm / (math.fsum(norms) / len(norms) + eps)) + bias[c] + x[n, c]
    return y


@given(case=images())
def test_global_definition_against_single_numbers(case: tuple) -> None:
    x = case[0]
    weight, bias = np.random.default_rng(0).standard_normal((2, x.shape[1]))
    with kernels.backend("numpy"):
        y, norm = kernels.global_response_norm(x, weight, bias, 1e-3)
    assert_close(y, global_by_single_numbers(x, weight, bias, 1e-3), 1e-13)
    assert_close(norm, np.sqrt(np.square(x).reshape(*x.shape[:2], -1).sum(2)), 1e-13)


@dtypes
@given(case=images(), order=st.sampled_from(ORDERS))
def test_global_fast_against_definition(case: tuple, order: str, dtype: str) -> None:
    rng = np.random.default_rng(0)
    x, gy = case
    weight, bias = rng.standard_normal((2, x.shape[1]))
    with kernels.backend("numpy"):
        y, norm = kernels.global_response_norm(x, weight, bias, 1e-3)
        expected = (y, norm, *kernels.global_response_norm_backward(gy, x, norm, weight, 1e-3))
    x, gy = (arranged(array.astype(dtype), order) for array in case)
    weight, bias = weight.astype(dtype), bias.astype(dtype)
    y, norm = kernels.global_response_norm(x, weight, bias, 1e-3)
    for got, wanted in zip((y, norm, *kernels.global_response_norm_backward(gy, x, norm, weight, 1e-3)), expected, strict=True):
        assert got.dtype == np.dtype(dtype)
        assert_close(got, wanted, TOLERANCE[dtype])


def test_global_gradient_of_zeros_is_finite(backend: str) -> None:
    """The length of a channel of zeros has no derivative; the gradient through it is 0."""
    x, ones = np.zeros((1, 2, 3, 3), np.float32), np.ones(2, np.float32)
    _, norm = kernels.global_response_norm(x, ones, ones)
    gx, gweight, gbias = kernels.global_response_norm_backward(np.ones_like(x), x, norm, ones)
    assert gx.tolist() == np.ones_like(x).tolist()
    assert (gweight.tolist(), gbias.tolist()) == ([0, 0], [9, 9])


# --- both


def test_no_samples(backend: str) -> None:
    x, ones = np.zeros((0, 4, 3, 3), np.float32), np.ones(4, np.float32)
    y, norm = kernels.global_response_norm(x, ones, ones)
    gx, gweight, gbias = kernels.global_response_norm_backward(x, x, norm, ones)
    assert (y.shape, norm.shape, gx.shape) == (x.shape, (0, 4), x.shape)
    assert gweight.tolist() == gbias.tolist() == [0] * 4
    assert kernels.local_response_norm(x, 3).shape == kernels.local_response_norm_backward(x, x, 3).shape == x.shape


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda x: kernels.local_response_norm(x[0, 0, 0], 3), ValueError, "x: got shape"),
        (lambda x: kernels.local_response_norm(x, 0), ValueError, "size: got 0"),
        (lambda x: kernels.local_response_norm(x.astype(int), 3), TypeError, "x: got int64"),
        (lambda x: kernels.local_response_norm_backward(x, x[:1], 3), ValueError, "x: got shape"),
        (lambda x: kernels.global_response_norm(x[0, 0, 0], x[0, 0, 0], x[0, 0, 0]), ValueError, "x: got shape"),
        (lambda x: kernels.global_response_norm(x, x[0, 0, 0], x[0, :, 0, 0]), ValueError, "weight: got shape"),
        (lambda x: kernels.global_response_norm(x, x[0, :, 0, 0], np.ones(4, np.float32)), TypeError, "bias: got float32"),
        (lambda x: kernels.global_response_norm_backward(x, x, x, x[0, :, 0, 0]), ValueError, "norm: got shape"),
    ],
)
def test_errors_name_the_argument(call, error: type, words: str, backend: str) -> None:
    with pytest.raises(error, match=words):
        call(np.ones((2, 4, 3, 3)))
