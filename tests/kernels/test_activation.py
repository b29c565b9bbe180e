"""Activation functions: values, gradients, memory order, NaN; every backend."""

import math

import numpy as np
import pytest
from checks import assert_close
from hypothesis import given
from hypothesis import strategies as st
from orders import ORDERS, in_order

import kernels
from kernels.activation.numba_activation import lambert_fraction

FUNCTIONS = {
    "relu": (kernels.relu, kernels.relu_backward, lambda v: max(v, 0.0)),
    "tanh": (kernels.tanh, kernels.tanh_backward, math.tanh),
}
TOLERANCE = {"float32": 4e-7, "float64": 1e-15}
shapes = st.lists(st.integers(0, 6), max_size=4).map(tuple)
both = pytest.mark.parametrize("name", FUNCTIONS)


@both
@pytest.mark.parametrize("dtype", TOLERANCE)
@given(shape=shapes, order=st.sampled_from(ORDERS))
def test_values_and_gradients(name: str, dtype: str, shape: tuple, order: str, backend: str) -> None:
    forward, backward, by_one_number = FUNCTIONS[name]
    rng = np.random.default_rng(0)
    x = in_order((4 * rng.standard_normal(shape)).astype(dtype), order)
    gy = in_order(rng.standard_normal(shape).astype(dtype), order)
    y = forward(x)
    expected = np.array([by_one_number(float(v)) for v in x.ravel()]).reshape(shape)
    assert y.dtype == np.dtype(dtype)
    assert_close(y, expected, TOLERANCE[dtype], "y")
    slope = expected > 0 if name == "relu" else 1 - expected**2
    gx = backward(gy, y)
    assert gx.dtype == np.dtype(dtype)
    assert_close(gx, slope * gy, 4 * TOLERANCE[dtype], "gx")


@both
def test_gradient_against_differences(name: str, backend: str) -> None:
    forward, backward, _ = FUNCTIONS[name]
    x = np.linspace(-3, 3, 40)  # not 0, where relu has no derivative
    h = 1e-6
    differences = (forward(x + h) - forward(x - h)) / (2 * h)
    assert_close(backward(np.ones_like(x), forward(x)), differences, 1e-9)


def test_tanh_in_float32_everywhere() -> None:
    """The relative error that the documentation states, from where tanh x = x to where tanh x = 1."""
    x = np.concatenate([np.linspace(-12, 12, 200_001), np.geomspace(1e-38, 1, 10_000)]).astype(np.float32)
    x = x[x != 0]
    exact = np.tanh(x.astype(np.float64))
    y = kernels.tanh(x)
    assert (np.abs(y - exact) / np.abs(exact)).max() < 4e-7
    assert np.abs(y).max() == 1


def test_lambert_fraction_is_what_it_is_called() -> None:
    x, levels = 0.7, 5
    nested = 2.0 * levels - 1
    for level in range(levels - 1, 0, -1):
        nested = (2 * level - 1) + x * x / nested
    p, q = lambert_fraction(levels)
    assert x * np.polyval(p, x * x) / np.polyval(q, x * x) == pytest.approx(x / nested, rel=1e-14)


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_nan_infinity_and_zero(dtype: str, backend: str) -> None:
    x = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0], dtype)
    np.testing.assert_array_equal(kernels.relu(x), np.array([np.nan, np.inf, 0, 0, 0], dtype))
    np.testing.assert_array_equal(kernels.tanh(x), np.array([np.nan, 1, -1, 0, 0], dtype))
    gy = np.array([1.0, 2, 3, 4, np.nan], dtype)
    np.testing.assert_array_equal(kernels.relu_backward(gy, x), np.array([1, 2, 0, 0, 0], dtype))
    np.testing.assert_array_equal(kernels.tanh_backward(gy, kernels.tanh(x)), np.array([np.nan, 0, 0, 4, np.nan], dtype))


@both
def test_result_has_the_memory_order_of_the_input(name: str, backend: str) -> None:
    forward, backward, _ = FUNCTIONS[name]
    x = in_order(np.ones((2, 3, 4, 5), np.float32), "last")
    assert forward(x).strides == x.strides
    assert backward(x, np.ascontiguousarray(x)).strides == x.strides
    assert forward(np.ones((3, 4))).flags.c_contiguous


@both
def test_errors_name_the_argument(name: str, backend: str) -> None:
    forward, backward, _ = FUNCTIONS[name]
    x = np.ones((2, 3))
    with pytest.raises(TypeError, match="x: got int64"):
        forward(x.astype(int))
    with pytest.raises(TypeError, match="y: got float32"):
        backward(x, x.astype(np.float32))
    with pytest.raises(ValueError, match="y: got shape"):
        backward(x, x[:1])
