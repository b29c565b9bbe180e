"""Softmax and cross-entropy: against sums of single numbers, gradients against differences, extreme scores, ignored rows."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import kernels
from minitorch_cv.testing import ORDERS, arranged, assert_close

TOLERANCE = {"float32": 2e-6, "float64": 1e-14}
dtypes = pytest.mark.parametrize("dtype", TOLERANCE)


def softmax_of_one_row(row) -> list[float]:
    largest = max(float(v) for v in row)
    powers = [math.exp(float(v) - largest) for v in row]
    return [p / math.fsum(powers) for p in powers]


def losses_of_single_rows(logits, target, weight, ignore_index, smoothing) -> list[float]:
    losses = []
    for row, t in zip(logits, target, strict=True):
        p, C = softmax_of_one_row(row), len(row)
        w = [1.0] * C if weight is None else [float(v) for v in weight]
        spread = math.fsum(-w[c] * math.log(p[c]) for c in range(C)) / C
        losses.append(0.0 if t == ignore_index else (1 - smoothing) * -w[t] * math.log(p[t]) + smoothing * spread)
    return losses


@st.composite
def cases(draw):
    """(logits, target, options)"""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    N, C = draw(st.integers(0, 9)), draw(st.integers(1, 12))
    ignore = draw(st.sampled_from([-100, 0, C + 3]))
    target = rng.integers(0, C, N)
    target[rng.random(N) < 0.2] = ignore
    weight = rng.random(C) if draw(st.booleans()) else None
    options = {"weight": weight, "ignore_index": ignore, "label_smoothing": draw(st.sampled_from([0.0, 0.1, 1.0]))}
    return 3 * rng.standard_normal((N, C)), target.astype(draw(st.sampled_from([np.int64, np.int32]))), options


@dtypes
@given(case=cases(), order=st.sampled_from(ORDERS))
def test_values(case, order: str, dtype: str, backend: str) -> None:
    logits, target, options = case
    logits = arranged(logits.astype(dtype), order)
    options["weight"] = None if options["weight"] is None else options["weight"].astype(dtype)
    p = np.array([softmax_of_one_row(row) for row in logits]).reshape(logits.shape)
    losses, probabilities = kernels.softmax_cross_entropy(logits, arranged(target, order), **options)
    results = [
        (kernels.softmax(logits), p),
        (kernels.log_softmax(logits), np.log(p)),
        (probabilities, p),
        (losses, np.array(losses_of_single_rows(logits, target, *options.values()))),
    ]
    for got, expected in results:
        assert got.dtype == np.dtype(dtype)
        assert_close(got, expected, TOLERANCE[dtype])


@given(case=cases())
def test_gradients_against_differences(case, backend: str) -> None:
    logits, target, options = case
    rng, h = np.random.default_rng(0), 1e-6
    direction, gy, gloss = rng.standard_normal(logits.shape), rng.standard_normal(logits.shape), rng.standard_normal(len(logits))

    def along(function, g):
        up, down = (np.asarray(function(logits + sign * h * direction)) for sign in (1, -1))
        return ((up - down) / (2 * h) * g).sum()

    _, p = kernels.softmax_cross_entropy(logits, target, **options)
    gradients = [
        (kernels.softmax, gy, kernels.softmax_backward(gy, kernels.softmax(logits))),
        (kernels.log_softmax, gy, kernels.log_softmax_backward(gy, kernels.log_softmax(logits))),
        (lambda x: kernels.softmax_cross_entropy(x, target, **options)[0], gloss,
         kernels.softmax_cross_entropy_backward(gloss, p, target, **options)),
    ]  # fmt: skip
    for function, g, gradient in gradients:
        assert gradient.shape == logits.shape
        assert (gradient * direction).sum() == pytest.approx(along(function, g), rel=1e-6, abs=1e-7)


@dtypes
@given(case=cases(), order=st.sampled_from(ORDERS))
def test_gradients_of_the_backends_agree(case, order: str, dtype: str) -> None:
    logits, target, options = case
    rng = np.random.default_rng(0)
    p = arranged(np.array([softmax_of_one_row(row) for row in logits]).reshape(logits.shape).astype(dtype), order)
    gy, gloss = arranged(rng.standard_normal(p.shape).astype(dtype), order), arranged(rng.standard_normal(len(p)).astype(dtype), order)
    options["weight"] = None if options["weight"] is None else options["weight"].astype(dtype)
    results = {}
    for backend in kernels.BACKENDS:
        with kernels.backend(backend):
            results[backend] = (
                kernels.softmax_backward(gy, p), kernels.log_softmax_backward(gy, np.log(p)),
                kernels.softmax_cross_entropy_backward(gloss, p, target, **options),
            )  # fmt: skip
    for fast, slow in zip(results["numba"], results["numpy"], strict=True):
        assert fast.dtype == slow.dtype == np.dtype(dtype)
        assert_close(fast, slow, TOLERANCE[dtype])


@dtypes
def test_extreme_scores(dtype: str, backend: str) -> None:
    x = np.array([[1e4, 0.0, -1e4], [-np.inf, 0.0, 0.0]], dtype)
    np.testing.assert_array_equal(kernels.softmax(x), np.array([[1, 0, 0], [0, 0.5, 0.5]], dtype))
    assert_close(kernels.log_softmax(x)[0], [0, -1e4, -2e4], 1e-7)
    assert kernels.log_softmax(x)[1, 0] == -np.inf
    losses, _ = kernels.softmax_cross_entropy(x, np.array([2, 0]))
    np.testing.assert_array_equal(losses, np.array([2e4, np.inf], dtype))


@dtypes
def test_nan_stays_in_its_row(dtype: str, backend: str) -> None:
    x = np.zeros((3, 4), dtype)
    x[1, 2] = np.nan
    losses, p = kernels.softmax_cross_entropy(x, np.array([0, 1, 2]))
    for result in (kernels.softmax(x), kernels.log_softmax(x), p, losses):
        assert np.isnan(result[1]).all()
        assert np.isfinite(result[[0, 2]]).all()


def test_many_classes_and_rows(backend: str) -> None:
    """Several blocks of rows; a float32 sum of many terms."""
    x = np.random.default_rng(0).standard_normal((70, 3000)).astype(np.float32)
    expected = np.exp(x.astype(np.float64))
    expected /= expected.sum(axis=1, keepdims=True)
    assert (np.abs(kernels.softmax(x) - expected) / expected).max() < 2e-6


@pytest.mark.parametrize("wrong", [3, -1])
def test_classes_that_are_none(wrong: int, backend: str) -> None:
    """An error; on a GPU, where nobody may wait for the target's values, NaN in that row."""
    logits, target = np.zeros((2, 3)), np.array([1, wrong])
    if backend in kernels.BACKENDS:
        with pytest.raises(IndexError, match=f"target: got class {wrong}, expected 0 to 2"):
            kernels.softmax_cross_entropy(logits, target)
        return
    losses, p = kernels.softmax_cross_entropy(logits, target)
    gradient = kernels.softmax_cross_entropy_backward(np.ones(2), p, target)
    for result in (losses, gradient):
        assert np.isfinite(result[0]).all()
        assert np.isnan(result[1]).all()


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda x, t: kernels.softmax(x[0]), ValueError, "x: got shape"),
        (lambda x, t: kernels.softmax_backward(x, x[:1]), ValueError, "y: got shape"),
        (lambda x, t: kernels.softmax_cross_entropy(x, t.astype(float)), TypeError, "target: got float64"),
        (lambda x, t: kernels.softmax_cross_entropy(x, t[:1]), ValueError, "target: got shape"),
        (lambda x, t: kernels.softmax_cross_entropy(x, t, x[0, :2]), ValueError, "weight: got shape"),
        (lambda x, t: kernels.softmax_cross_entropy(x, t, None, -100, 1.5), ValueError, "label_smoothing: got 1.5"),
        (lambda x, t: kernels.softmax_cross_entropy_backward(x[0], x, t), ValueError, "gloss: got shape"),
    ],
)
def test_errors_name_the_argument(call, error: type, words: str, backend: str) -> None:
    with pytest.raises(error, match=words):
        call(np.ones((2, 3)), np.array([1, 1]))
