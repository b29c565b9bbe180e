"""Activation functions: values against single numbers, gradients, memory order, NaN; every backend."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import kernels
from kernels import Pieces
from kernels.activation import SMOOTH
from minitorch_cv.testing import ORDERS, arranged, assert_close, check_kernel


def sigmoid(v: float) -> float:
    return 1 / (1 + math.exp(-v))


ONE_NUMBER: dict[str, Callable[..., float]] = {
    "tanh": math.tanh,
    "sigmoid": sigmoid,
    "erf": math.erf,
    "silu": lambda v: v * sigmoid(v),
    "mish": lambda v: v * math.tanh(math.log1p(math.exp(v))),
    "gelu": lambda v: v * (1 + math.erf(v / math.sqrt(2))) / 2,
    "gelu_tanh": lambda v: v * (1 + math.tanh(math.sqrt(2 / math.pi) * (v + 0.044715 * v**3))) / 2,
    "hardswish": lambda v: v * min(max(v + 3, 0), 6) / 6,
    "softsign": lambda v: v / (1 + abs(v)),
    "softplus": lambda v, beta, threshold: v if beta * v > threshold else math.log1p(math.exp(beta * v)) / beta,
    "elu": lambda v, left, right, rate: right * v if v > 0 else left * (math.exp(rate * v) - 1),
}
PARAMETERS = {"softplus": (1.5, 6.0), "elu": (1.7, 1.1, 0.8)}
FROM_RESULT = ("tanh", "sigmoid")
TOLERANCE = {"float32": 5e-7, "float64": 1e-14}
BENT = Pieces(-1.0, 2.0, (0.5, -0.25), (3.0, 1.5), (7.0, 0.0))

shapes = st.lists(st.integers(0, 6), max_size=4).map(tuple)
names = pytest.mark.parametrize("name", SMOOTH)
dtypes = pytest.mark.parametrize("dtype", TOLERANCE)


def test_every_function_is_here() -> None:
    assert set(SMOOTH) == set(ONE_NUMBER)
    assert all(count == len(PARAMETERS.get(name, ())) for name, count in SMOOTH.items())


@names
@dtypes
@given(shape=shapes, order=st.sampled_from(ORDERS))
def test_smooth_values(name: str, dtype: str, shape: tuple, order: str, backend: str) -> None:
    x = arranged((4 * np.random.default_rng(0).standard_normal(shape)).astype(dtype), order)
    y = kernels.smooth(name, x, *PARAMETERS.get(name, ()))
    expected = np.array([ONE_NUMBER[name](float(v), *PARAMETERS.get(name, ())) for v in x.ravel()]).reshape(shape)
    assert y.dtype == np.dtype(dtype)
    assert_close(y, expected, TOLERANCE[dtype], "y")


@names
def test_smooth_gradient_against_differences(name: str, backend: str) -> None:
    parameters = PARAMETERS.get(name, ())
    x = np.concatenate([np.linspace(-5, -0.1, 60), np.linspace(0.1, 5, 60)])  # not 0, where ELU bends, nor 3, where hardswish does
    x = x[np.abs(np.abs(x) - 3) > 1e-3]
    h = 1e-6
    differences = (kernels.smooth(name, x + h, *parameters) - kernels.smooth(name, x - h, *parameters)) / (2 * h)
    kept = kernels.smooth(name, x, *parameters) if name in FROM_RESULT else x
    gx = kernels.smooth_backward(name, np.full_like(x, 2.0), kept, *parameters)
    away = np.abs(1.5 * x - 6) > 1e-3 if name == "softplus" else True  # where the threshold cuts off
    assert_close(np.where(away, gx, 0), np.where(away, 2 * differences, 0), 1e-9)


@names
def test_smooth_in_several_blocks_and_every_order(name: str) -> None:
    """More elements than a thread takes at a time: the fast version against the definition, in both types."""
    rng, parameters = np.random.default_rng(0), PARAMETERS.get(name, ())
    x, gy = 3 * rng.standard_normal((3, 7, 30, 31)), rng.standard_normal((3, 7, 30, 31))
    kept = kernels.smooth(name, x, *parameters) if name in FROM_RESULT else x

    def both(x: np.ndarray, gy: np.ndarray, kept: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return kernels.smooth(name, x, *parameters), kernels.smooth_backward(name, gy, kept, *parameters)

    def definition(*arrays: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        with kernels.backend("numpy"):
            return both(*arrays)

    check_kernel(both, definition, (x, gy, kept), float64=1e-13, float32=1e-5)


@dtypes
@given(shape=shapes, order=st.sampled_from(ORDERS))
def test_straight_lines(dtype: str, shape: tuple, order: str, backend: str) -> None:
    rng = np.random.default_rng(0)
    x = arranged((3 * rng.standard_normal(shape)).round(1).astype(dtype), order)  # some lie on the ends of the pieces
    gy = arranged(rng.standard_normal(shape).astype(dtype), order)
    y, gx = kernels.piecewise(x, BENT), kernels.piecewise_backward(gy, x, BENT)
    lines = [BENT.left if v <= -1 else BENT.right if v >= 2 else BENT.middle for v in x.ravel()]
    assert y.dtype == gx.dtype == np.dtype(dtype)
    assert_close(y, np.array([c + s * float(v) for (c, s), v in zip(lines, x.ravel(), strict=True)]).reshape(shape), 1e-6)
    assert_close(gx, np.array([s * float(g) for (_, s), g in zip(lines, gy.ravel(), strict=True)]).reshape(shape), 1e-6)


@dtypes
@given(shape=shapes, order=st.sampled_from(ORDERS))
def test_relu(dtype: str, shape: tuple, order: str, backend: str) -> None:
    rng = np.random.default_rng(0)
    x, gy = (arranged((4 * rng.standard_normal(shape)).astype(dtype), order) for _ in range(2))
    y = kernels.relu(x)
    assert y.dtype == np.dtype(dtype)
    assert np.array_equal(y, np.where(x > 0, x, 0))
    assert np.array_equal(kernels.relu_backward(gy, y), np.where(x > 0, gy, 0))


@dtypes
@pytest.mark.parametrize("channels", [1, 5])
@pytest.mark.parametrize("shape", [(3, 5, 4, 2), (7, 5), (2, 5, 1100), (0, 5, 2, 2)])
def test_prelu(dtype: str, channels: int, shape: tuple, backend: str) -> None:
    rng = np.random.default_rng(0)
    x, gy, weight = (rng.standard_normal(s).astype(dtype) for s in (shape, shape, channels))
    slopes = np.broadcast_to(weight.reshape(-1, *[1] * (len(shape) - 2)), shape)
    gx, gweight = kernels.prelu_backward(gy, x, weight)
    terms = np.where(x > 0, 0, gy.astype(np.float64) * x)
    assert_close(kernels.prelu(x, weight), np.where(x > 0, x, slopes * x), 1e-7)
    assert_close(gx, np.where(x > 0, gy, slopes * gy), 1e-7)
    assert_close(gweight, terms.sum(axis=(0, *range(2, x.ndim))) if channels > 1 else terms.sum().reshape(1), 1e-6)
    assert gx.dtype == gweight.dtype == np.dtype(dtype)


@dtypes
def test_nan_infinity_and_zero(dtype: str, backend: str) -> None:
    x = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0], dtype)
    gy = np.array([1.0, 2, 3, 4, np.nan], dtype)
    np.testing.assert_array_equal(kernels.relu(x), np.array([np.nan, np.inf, 0, 0, 0], dtype))
    np.testing.assert_array_equal(kernels.relu_backward(gy, x), np.array([1, 2, 0, 0, 0], dtype))
    np.testing.assert_array_equal(kernels.piecewise(x, BENT), np.array([np.nan, 7, np.inf, 3, 3], dtype))
    np.testing.assert_array_equal(kernels.piecewise_backward(gy, x, BENT), np.array([1, 0, -0.75, 6, np.nan], dtype))
    limits = {"tanh": (1, -1), "sigmoid": (1, 0), "erf": (1, -1), "softplus": (np.inf, 0), "elu": (np.inf, -1.7)}
    for name, (above, below) in limits.items():
        y = kernels.smooth(name, x, *PARAMETERS.get(name, ()))
        np.testing.assert_allclose(y[:3], [np.nan, above, below], rtol=1e-6, err_msg=name)
    for name in SMOOTH:
        assert np.isnan(kernels.smooth(name, x, *PARAMETERS.get(name, ()))[0]), name
    gx = kernels.smooth_backward("tanh", gy, kernels.smooth("tanh", x))
    np.testing.assert_array_equal(gx, np.array([np.nan, 0, 0, 4, np.nan], dtype))


@pytest.mark.parametrize("name", ["silu", "mish", "gelu", "gelu_tanh", "hardswish"])
@dtypes
def test_slopes_far_from_zero(name: str, dtype: str, backend: str) -> None:
    """0 on the left and 1 on the right, also where the cube of x is more than the type can hold; NaN stays NaN."""
    x = np.array([-1e17, -1e13, 1e13, 1e17, np.nan], dtype)
    np.testing.assert_allclose(kernels.smooth_backward(name, np.ones_like(x), x), [0, 0, 1, 1, np.nan], atol=1e-30)


def test_results_have_the_memory_order_of_the_input(backend: str) -> None:
    x = arranged(np.ones((2, 3, 4, 5), np.float32), "channels-last")
    gy = np.ascontiguousarray(x)
    for y in (kernels.relu(x), kernels.relu_backward(x, gy), kernels.smooth("silu", x), kernels.smooth_backward("silu", x, gy),
              kernels.piecewise(x, BENT), kernels.prelu(x, np.ones(3, np.float32))):  # fmt: skip
        assert y.strides == x.strides
    assert kernels.relu(np.ones((3, 4))).flags.c_contiguous


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda x: kernels.relu(x.astype(int)), TypeError, "x: got int64"),
        (lambda x: kernels.relu_backward(x, x.astype(np.float32)), TypeError, "y: got float32"),
        (lambda x: kernels.relu_backward(x, x[:1]), ValueError, "y: got shape"),
        (lambda x: kernels.smooth("silu", x.astype(int)), TypeError, "x: got int64"),
        (lambda x: kernels.smooth("swish", x), ValueError, "name: got 'swish', expected one of tanh"),
        (lambda x: kernels.smooth("elu", x, 1.0), ValueError, "parameters: got 1, expected 3 for elu"),
        (lambda x: kernels.smooth_backward("silu", x, x[:1]), ValueError, "kept: got shape"),
        (lambda x: kernels.piecewise_backward(x, x[:1], BENT), ValueError, "x: got shape"),
        (lambda x: kernels.prelu(x, np.ones(2)), ValueError, r"weight: got shape \(2,\)"),
        (lambda x: kernels.prelu(x, np.ones(3, np.float32)), TypeError, "weight: got float32"),
    ],
)
def test_errors_name_the_argument(call: Callable, error: type, words: str, backend: str) -> None:
    with pytest.raises(error, match=words):
        call(np.ones((2, 3)))
