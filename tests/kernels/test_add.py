"""The sum of two arrays: exactly NumPy's, in every memory order, for sizes around a thread's share."""

import numpy as np
import pytest

import kernels
from kernels.add.numba_add import BLOCK

SHAPES = [(), (0, 3), (5,), (2, 3, 4, 5), (2 * BLOCK - 1,), (2 * BLOCK,), (3, BLOCK + 1), (2, 9, 61, 67)]


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
@pytest.mark.parametrize("shape", SHAPES)
def test_is_numpys_sum(shape: tuple[int, ...], dtype: str, backend: str) -> None:
    rng = np.random.default_rng(0)
    x, y = (rng.integers(-9, 9, shape).astype(dtype) for _ in range(2))
    axes = tuple(range(1, len(shape))) + (0,) * bool(shape)
    swapped = np.ascontiguousarray(y.transpose(axes)).transpose(np.argsort(axes)) if shape else y
    for left, right in ((x, y), (x, swapped), (swapped, x), (x[..., ::-1], y) if shape else (x, y)):
        z = kernels.add(left, right)
        assert z.dtype == np.dtype(dtype)
        np.testing.assert_array_equal(z, left + right)


def test_memory_order_is_that_of_the_first(backend: str) -> None:
    x = np.zeros((2, 64, 64, 32), np.float32).transpose(0, 3, 1, 2)
    assert kernels.add(x, np.ascontiguousarray(x)).strides == x.strides


def test_nan_and_infinity_pass_through(backend: str) -> None:
    x = np.zeros(3 * BLOCK)
    x[[5, BLOCK, -1]] = np.nan, np.inf, -np.inf
    z = kernels.add(x, x)
    assert np.isnan(z[5])
    assert z[BLOCK] == np.inf
    assert z[-1] == -np.inf
    assert np.count_nonzero(z) == 3


def test_errors_name_the_argument() -> None:
    with pytest.raises(ValueError, match=r"y: got shape \(3,\), expected \(2,\)"):
        kernels.add(np.ones(2), np.ones(3))
    with pytest.raises(TypeError, match="y: got float32, expected float64"):
        kernels.add(np.ones(2), np.ones(2, "f"))
