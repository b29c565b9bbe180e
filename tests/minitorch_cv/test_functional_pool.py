"""Pooling as differentiable functions."""

import numpy as np
import pytest
from drawing import apart, leaf

import minitorch_cv as mt
from minitorch_cv import functional as F
from minitorch_cv.testing import assert_close


def test_indices_are_places_and_have_no_gradient(backend: str) -> None:
    x = leaf(apart(np.random.default_rng(0), 2, 3, 6, 7))
    y, indices = F.max_pool2d(x, 2, return_indices=True)
    assert indices.dtype == np.int64
    assert not indices.requires_grad
    planes = x.numpy().reshape(2, 3, -1)
    assert np.array_equal(np.take_along_axis(planes, indices.numpy().reshape(2, 3, -1), axis=2).reshape(y.shape), y.numpy())
    y.sum().backward()
    won = np.zeros_like(planes)
    np.put_along_axis(won, indices.numpy().reshape(2, 3, -1), 1, axis=2)
    assert np.array_equal(x.grad.numpy(), won.reshape(x.shape))


def test_overlapping_windows_accumulate(backend: str) -> None:
    x = np.zeros((1, 1, 3, 3))
    x[0, 0, 1, 1] = 1
    x = leaf(x)
    F.max_pool2d(x, 2, stride=1).sum().backward()
    assert x.grad.numpy()[0, 0].tolist() == [[0, 0, 0], [0, 4, 0], [0, 0, 0]]


def test_one_image_without_a_batch() -> None:
    x = mt.tensor(apart(np.random.default_rng(0), 2, 4, 5))
    y, indices = F.max_pool2d(x, 2, return_indices=True)
    assert y.shape == indices.shape == F.avg_pool2d(x, 2).shape == (2, 2, 2)
    assert F.adaptive_avg_pool2d(x, 1).shape == (2, 1, 1)


def test_empty_batch(backend: str) -> None:
    for function in (lambda x: F.max_pool2d(x, 2), lambda x: F.avg_pool2d(x, 2)):
        x = leaf(np.zeros((0, 2, 4, 4)))
        y = function(x)
        assert y.shape == (0, 2, 2, 2)
        y.sum().backward()
        assert x.grad.shape == x.shape


def test_windows_of_adaptive_pooling() -> None:
    """5 pixels in 3 windows: 0-1, 1-3, 3-4; in 7 windows, of which some are equal."""
    x = mt.tensor(np.array([1.0, 2, 4, 8, 16]).reshape(1, 1, 1, 5), requires_grad=True)
    y = F.adaptive_avg_pool2d(x, (1, 3))
    assert_close(y, np.array([1.5, 14 / 3, 12]).reshape(1, 1, 1, 3), 1e-15)
    y.sum().backward()
    assert_close(x.grad.reshape(5), [1 / 2, 1 / 2 + 1 / 3, 1 / 3, 1 / 3 + 1 / 2, 1 / 2], 1e-15)
    y, indices = F.adaptive_max_pool2d(-x, (None, 7), return_indices=True)
    assert indices.reshape(7).tolist() == [0, 0, 1, 2, 2, 3, 4]
    assert y.reshape(7).tolist() == [-1, -1, -2, -4, -4, -8, -16]


def test_unpooling_takes_the_last_of_several_values(backend: str) -> None:
    x = leaf(np.array([[1.0, 2], [3, 4]]).reshape(1, 1, 2, 2))
    places = mt.tensor(np.array([[0, 5], [5, 15]]).reshape(1, 1, 2, 2))
    y = F.max_unpool2d(x, places, 2)
    expected = np.zeros(16)
    expected[[0, 5, 15]] = 1, 3, 4
    assert_close(y.reshape(16), expected, 0)
    y.sum().backward()
    assert x.grad.reshape(4).tolist() == [1, 0, 1, 1]


def test_norms_of_windows() -> None:
    x = mt.tensor(np.array([[3.0, 4], [0, 12]]).reshape(1, 1, 2, 2))
    assert_close(F.lp_pool2d(x, 2, 2).item(), 13, 1e-15)
    assert_close(F.lp_pool2d(x, 1, 2).item(), 19, 1e-15)
    assert F.lp_pool2d(-x, np.inf, 2).item() == 12
    assert F.lp_pool2d(-x, -np.inf, 2).item() == 0


@pytest.mark.parametrize("p", [2, 3.0, np.inf])
def test_the_norm_of_a_window_of_zeros_has_a_finite_gradient(p: float) -> None:
    x = leaf(np.zeros((1, 1, 2, 2)))
    F.lp_pool2d(x, p, 2).sum().backward()
    assert x.grad.tolist() == np.zeros((1, 1, 2, 2)).tolist()
