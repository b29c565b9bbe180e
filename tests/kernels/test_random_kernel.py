"""Random numbers are NumPy's, wherever they are made; the place is read when they are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import kernels

dtypes = st.sampled_from(["float32", "float64"])
words = st.one_of(st.integers(0, 5), st.integers(0, 2**64 - 1))


@given(seed=words, epoch=words, step=words, stream=words, draw=words, size=st.integers(0, 70), dtype=dtypes)
def test_numpys_numbers(backend: str, seed: int, epoch: int, step: int, stream: int, draw: int, size: int, dtype: str) -> None:
    philox = np.random.Philox(counter=np.array([0, draw, step, epoch], np.uint64), key=np.array([seed, stream], np.uint64))
    expected = np.random.Generator(philox).random((size, 3), dtype)
    place = np.array([seed, epoch, step], np.uint64)
    found = kernels.uniform(place, stream, draw, (size, 3), dtype)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, expected)


def test_another_place_gives_other_numbers(backend: str) -> None:
    place = np.array([1, 2, 3], np.uint64)
    first = kernels.uniform(place, 4, 5, (6,))
    kernels.set_place(place, 1, 2, 2**64 - 1)
    assert place.tolist() == [1, 2, 2**64 - 1]
    assert (kernels.uniform(place, 4, 5, (6,)) != first).all()
    kernels.set_place(place, 1, 2, 3)
    np.testing.assert_array_equal(kernels.uniform(place, 4, 5, (6,)), first)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda place: kernels.uniform(place.astype(int), 0, 0, (1,)), TypeError, "place: got int64, expected uint64"),
        (lambda place: kernels.uniform(place[:2], 0, 0, (1,)), ValueError, "place: got shape"),
        (lambda place: kernels.uniform(place, -1, 0, (1,)), ValueError, "stream: got -1, expected 0 to"),
        (lambda place: kernels.uniform(place, 0, 2**64, (1,)), ValueError, "draw: got 18446744073709551616"),
        (lambda place: kernels.uniform(place, 0, 0, (1,), np.float16), TypeError, "dtype: got float16, expected float32 or float64"),
        (lambda place: kernels.set_place(place, 0, -1, 0), ValueError, "epoch: got -1"),
    ],
)
def test_errors_name_the_argument(backend: str, call, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        call(np.zeros(3, np.uint64))
