"""Order along a dimension: ties, NaN, and running sums and products."""

import numpy as np
import pytest

import minitorch_cv as mt
from minitorch_cv.testing import assert_close


def test_equal_elements_keep_their_order() -> None:
    x = mt.tensor([2.0, 1.0, 2.0, 1.0, 2.0])
    assert x.argsort().tolist() == [1, 3, 0, 2, 4]
    assert x.argsort(descending=True).tolist() == [0, 2, 4, 1, 3]
    assert x.topk(3).indices.tolist() == [0, 2, 4]
    assert x.topk(3, largest=False).indices.tolist() == [1, 3, 0]
    values, indices = mt.sort(x, descending=True)
    assert (values.tolist(), indices.tolist()) == ([2, 2, 2, 1, 1], [0, 2, 4, 1, 3])


def test_nan_is_larger_than_everything() -> None:
    x = mt.tensor([1.0, np.nan, np.inf, -np.inf])
    assert x.argsort().tolist() == [3, 0, 2, 1]
    assert x.argsort(descending=True).tolist() == [1, 2, 0, 3]
    assert x.topk(2).indices.tolist() == [1, 2]


def test_the_gradient_goes_to_the_places_that_were_taken() -> None:
    x = mt.tensor([[3.0, 1.0, 2.0], [4.0, 6.0, 5.0]], requires_grad=True)
    (x.topk(2, dim=1).values * mt.tensor([10.0, 1.0])).sum().backward()
    assert x.grad.tolist() == [[10, 0, 1], [0, 10, 1]]


def test_single_numbers_and_nothing() -> None:
    x = mt.tensor(3.0, requires_grad=True)
    assert [result.tolist() for result in (*x.sort(), *x.topk(1), x.cumsum(0), x.cumprod(-1))] == [3, 0, 3, 0, 3, 3]
    empty = mt.zeros(2, 0)
    assert empty.sort().values.shape == empty.topk(0).indices.shape == empty.cumsum(1).shape == empty.cumprod(1).shape == (2, 0)


def test_integers() -> None:
    x = mt.tensor(np.array([200, 100, 3], np.uint8))
    assert x.sort().values.tolist() == [3, 100, 200]
    assert x.argsort(descending=True).tolist() == [0, 1, 2]
    assert (x.cumsum(0).tolist(), x.cumsum(0).dtype) == ([200, 300, 303], np.int64)
    assert x.cumprod(0).tolist() == [200, 20000, 60000]


@pytest.mark.parametrize("length", [1, 2, 3, 7, 8, 9])
def test_cumprod_with_zeros(length: int) -> None:
    values = np.random.default_rng(length).standard_normal((length, 2))
    values[length // 2, 0] = 0
    assert_close(mt.tensor(values).cumprod(0), np.cumprod(values, 0), 1e-14)


def test_long_running_sums_in_float32() -> None:
    """Within a rounding of the exact sums"""
    x = np.random.default_rng(0).random(100_000, np.float32)
    y = mt.tensor(x).cumsum(0)
    assert y.dtype == np.float32
    assert_close(y, np.cumsum(x.astype(np.float64)), 6e-8)
