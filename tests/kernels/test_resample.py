"""Resampling: tables against the formulas, pixel by pixel; both versions against products of full matrices."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import kernels
from kernels.jit import get_num_threads, set_num_threads
from kernels.resample.taps import Taps, identity, picked, table
from minitorch_cv.testing import ORDERS, arranged, assert_close

sizes = st.integers(1, 12)


def matrix(taps: Taps) -> np.ndarray:
    """The table as a full matrix (O, size)."""
    result = np.zeros((taps.out_size, taps.size))
    for o in range(taps.out_size):
        for t in range(taps.start[o], taps.start[o + 1]):
            result[o, taps.index[t]] += taps.weight[t]
    return result


@st.composite
def tables(draw: st.DrawFn) -> Taps:
    """Any sparse matrix: outputs without taps, taps named twice, stretches of copies."""
    size, out_size = draw(sizes), draw(sizes)
    if draw(st.booleans()):
        first = draw(st.integers(0, size - 1))
        return picked(size, (first + np.arange(out_size)) % size)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    counts = rng.integers(0, 4, out_size)
    weight = rng.choice([1.0, 1.0, 0.5, -2.0, 0.3], counts.sum())
    return Taps(size, np.append(0, np.cumsum(counts)), rng.integers(0, size, counts.sum()), weight)


@given(rows=tables(), columns=tables(), channels=st.integers(0, 70), order=st.sampled_from(ORDERS))
def test_product_of_matrices(backend: str, rows: Taps, columns: Taps, channels: int, order: str) -> None:
    rng = np.random.default_rng(channels)
    x = arranged(rng.standard_normal((2, channels, rows.size, columns.size)), order)
    y = kernels.resample2d(x, rows, columns)
    expected = matrix(rows) @ x @ matrix(columns).T
    assert_close(y, expected, 1e-13)
    assert y.transpose(0, 2, 3, 1).flags.c_contiguous
    assert_close(kernels.resample2d(x.astype(np.float32), rows, columns), expected, 2e-6)
    for taps in (rows, columns):
        assert_close(matrix(taps.adjoint), matrix(taps).T, 0)
        assert_close(matrix(taps.adjoint.adjoint), matrix(taps), 0)


@given(size=sizes, out=sizes)
def test_nearest_pixels(size: int, out: int) -> None:
    for mode, shift in (("nearest", 0), ("nearest-exact", 0.5)):
        taps = table(mode, size, out, size / out, False, False)
        for o, index in enumerate(taps.index):
            place = (o + shift) * size / out
            assert min(abs(index - place), abs(index + 1 - place)) < 1e-5 or index == math.floor(place)
        assert (taps.weight == 1).all()


@given(size=sizes, out=sizes, align_corners=st.booleans())
def test_interpolated_pixels(size: int, out: int, align_corners: bool) -> None:
    """Linear and cubic interpolation of a line with an impulse at pixel p, at the centre of each output pixel."""
    for o in range(out):
        centre = (o * (size - 1) / (out - 1) if out > 1 else 0) if align_corners else (o + 0.5) * size / out - 0.5
        linear, cubic = np.zeros(size), np.zeros(size)
        clamped = min(max(centre, 0), size - 1)
        for p in range(size):
            linear[p] = max(0, 1 - abs(clamped - p))
        for p in range(math.floor(centre) - 1, math.floor(centre) + 3):
            d = abs(centre - p)
            value = 1.25 * d**3 - 2.25 * d**2 + 1 if d <= 1 else -0.75 * (d**3 - 5 * d**2 + 8 * d - 4)
            cubic[min(max(p, 0), size - 1)] += value
        assert_close(matrix(table("bilinear", size, out, size / out, align_corners, False))[o], linear, 1e-12)
        assert_close(matrix(table("bicubic", size, out, size / out, align_corners, False))[o], cubic, 1e-12)


@given(size=sizes, out=sizes, mode=st.sampled_from(["bilinear", "bicubic"]), antialias=st.booleans(), align_corners=st.booleans())
def test_weights_sum_to_one(size: int, out: int, mode: str, antialias: bool, align_corners: bool) -> None:
    assert_close(matrix(table(mode, size, out, size / out, align_corners, antialias)).sum(axis=1), np.ones(out), 1e-12)


def test_antialiasing_sees_all_pixels() -> None:
    """Halving with the triangle of width 4: weights 1, 3, 3, 1 over 8. Enlarging is the same with and without."""
    taps = table("bilinear", 8, 4, 2.0, False, True)
    assert_close(matrix(taps)[1], np.array([0, 1, 3, 3, 1, 0, 0, 0]) / 8, 1e-15)
    larger, plain = (matrix(table("bilinear", 4, 8, 0.5, False, antialias)) for antialias in (True, False))
    assert_close(larger, plain, 1e-15)


def test_runs_are_stretches_of_copies() -> None:
    assert picked(5, np.array([2, 1, 0, 1, 2, 3, 4, 3])).runs.tolist() == [0, 1, 2, 7, 8]
    assert identity(4).runs.tolist() == [0, 4]
    assert table("bilinear", 4, 4, 1.0, False, False).runs.tolist() == [0, 1, 2, 3, 4]  # two taps each


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_special_values_reach_their_pixels_alone(backend: str, value: float) -> None:
    x = np.ones((1, 1, 4, 4), np.float32)
    x[0, 0, 1, 2] = value
    y = kernels.resample2d(x, *[picked(4, np.array([3, 1, 0]))] * 2)
    assert np.isfinite(y).all()
    y = kernels.resample2d(x, identity(4), picked(4, np.array([2, 2, 1])))
    assert np.isfinite(y).sum() == 10
    np.testing.assert_array_equal(y[0, 0, 1], np.array([value, value, 1], np.float32))


@pytest.mark.parametrize(("size", "out"), [((3, 2), (0, 1)), ((3, 2), (2, 0)), ((0, 2), (0, 4)), ((3, 0), (5, 0))])
def test_images_without_pixels(backend: str, size: tuple[int, int], out: tuple[int, int]) -> None:
    """Also the way back, from images without pixels to such that have some."""
    rows, columns = (picked(length, np.zeros(number, int)) for length, number in zip(size, out, strict=True))
    x = np.ones((2, 3, *size))
    y = kernels.resample2d(x, rows, columns)
    assert y.shape == (2, 3, *out)
    np.testing.assert_array_equal(kernels.resample2d(y, rows.adjoint, columns.adjoint), np.zeros(x.shape))


def test_threads_do_not_change_the_result_and_empty_batches_are_empty() -> None:
    x = np.random.default_rng(0).standard_normal((3, 5, 17, 19)).astype(np.float32)
    rows, columns = table("bicubic", 17, 29, 17 / 29, False, False), table("bilinear", 19, 7, 19 / 7, False, True)
    results = []
    for threads in (1, get_num_threads()):  # ends with as many as it began with
        set_num_threads(threads)
        results.append(kernels.resample2d(x, rows, columns).tobytes())
    assert results[0] == results[1]
    assert kernels.resample2d(x[:0], rows, columns).shape == (0, 5, 29, 7)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda x: kernels.resample2d(x[0], identity(4), identity(5)), ValueError, "x: got shape"),
        (lambda x: kernels.resample2d(x.astype(int), identity(4), identity(5)), TypeError, "x: got int64"),
        (lambda x: kernels.resample2d(x, identity(5), identity(5)), ValueError, "rows: got taps on 5 pixels, expected 4"),
        (lambda x: kernels.resample2d(x, identity(4), identity(4)), ValueError, "columns: got taps on 4 pixels, expected 5"),
    ],
)
def test_errors_name_the_argument(call, error: type, words: str) -> None:
    with pytest.raises(error, match=words):
        call(np.ones((2, 3, 4, 5)))
