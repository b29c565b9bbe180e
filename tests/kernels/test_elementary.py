"""Exponential and relatives in compiled loops: the errors that the documentation states, special values, and the polynomials."""

import math
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from kernels import elementary
from kernels.jit import jit

DEFINITIONS = {  # in float64, or better
    "exp": np.exp,
    "expm1": np.expm1,
    "sigmoid": lambda x: np.where(x > 0, 1, np.exp(-abs(x))) / (1 + np.exp(-abs(x))),
    "softplus": lambda x: np.maximum(x, 0) + np.log1p(np.exp(-abs(x))),
    "tanh": np.tanh,
    "erf": lambda x: np.array([math.erf(v) for v in x]),
}
ERRORS = {"float32": 4e-7, "float64": 4e-15}
functions = pytest.mark.parametrize("name", DEFINITIONS)


@cache
def compiled(name: str) -> Callable[[np.ndarray], np.ndarray]:
    """The function `name` of arrays."""
    function = getattr(elementary, name)

    @jit
    def loop(x, y):
        for i in range(x.size):
            y[i] = function(x[i])

    def run(x: np.ndarray) -> np.ndarray:
        y = np.empty_like(x)
        loop(x, y)
        return y

    return run


@functions
@pytest.mark.parametrize("dtype", ERRORS)
def test_relative_errors(name: str, dtype: str) -> None:
    limit = 86.0 if dtype == "float32" else 700.0
    x = np.concatenate([np.linspace(-limit, limit, 30_001), np.linspace(-5, 5, 30_001), np.geomspace(1e-30, 1, 5000)]).astype(dtype)
    x = -np.abs(x) if name == "expm1" else x
    x = x[x != 0]
    expected = DEFINITIONS[name](x.astype(np.float64 if name == "erf" else np.longdouble))
    assert (np.abs(compiled(name)(x) - expected) / np.abs(expected)).max() < ERRORS[dtype]


@functions
@pytest.mark.parametrize("dtype", ERRORS)
def test_special_values(name: str, dtype: str) -> None:
    x = np.array([np.nan, -np.inf, np.inf, 0.0, -800.0, 800.0], dtype)
    if name == "expm1":
        x[[2, 5]] = 0  # it is for arguments below 0
    with np.errstate(over="ignore"):
        np.testing.assert_allclose(compiled(name)(x), DEFINITIONS[name](x), rtol=1e-6)


def test_exp_up_to_the_largest_number() -> None:
    x = np.array([88.3, 88.5, 88.72, 88.73], np.float32)  # 2^128 is no float32, but exp(88.72) is
    np.testing.assert_allclose(compiled("exp")(x[:3]), np.exp(x[:3].astype(np.float64)), rtol=2e-7)
    assert compiled("exp")(x)[3] == np.inf


def test_results_stay_within_their_bounds() -> None:
    x = np.linspace(-12, 12, 50_001, dtype=np.float32)
    for name in ("tanh", "erf", "sigmoid"):
        assert np.abs(compiled(name)(x)).max() <= 1


def test_polynomial_through_chebyshev_points() -> None:
    coefficients = elementary.fitted(lambda x: 3 * x**2 - x + 2, -1, 3, 2)
    np.testing.assert_allclose(coefficients, [3, -1, 2], rtol=1e-12)


def test_in_plain_python_they_say_that_they_cannot() -> None:
    with pytest.raises(TypeError, match="exp: it can be called in compiled code only"):
        elementary.exp(1.0)
