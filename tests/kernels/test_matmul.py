"""The matrix product: the fast version against sums written out, in every memory order."""

import numpy as np
import pytest
from gpu import GPU
from hypothesis import given
from hypothesis import strategies as st

import kernels
from minitorch_cv.testing import ORDERS, arranged, assert_close

TOLERANCE = {"float32": 3e-6, "float64": 1e-14}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@given(
    sizes=st.tuples(*[st.one_of(st.integers(0, 20), st.integers(60, 70), st.integers(250, 300))] * 3),
    orders=st.tuples(*[st.sampled_from(ORDERS)] * 2),
    with_bias=st.booleans(),
)
def test_against_float64(sizes: tuple[int, int, int], orders: tuple[str, str], with_bias: bool, dtype: str) -> None:
    M, depth, N = sizes
    rng = np.random.default_rng(M + depth + N)
    a, b = rng.standard_normal((M, depth)).astype(dtype), rng.standard_normal((depth, N)).astype(dtype)
    bias = rng.standard_normal(N).astype(dtype) if with_bias else None
    expected = np.einsum("mk,kn->mn", a.astype(np.float64), b.astype(np.float64)) + (0 if bias is None else bias)
    for backend in kernels.BACKENDS:
        with kernels.backend(backend):
            y = kernels.matmul(arranged(a, orders[0]), arranged(b, orders[1]), bias)
        assert y.dtype == np.dtype(dtype)
        assert_close(y, expected, TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@given(
    M=st.integers(1, 17), N=st.integers(1, 40), depth=st.sampled_from([1, 7, 31, 32, 33, 100, 1024, 1030, 2100]), with_bias=st.booleans(),
)  # fmt: skip
def test_few_rows_times_a_transposed_matrix(M: int, N: int, depth: int, with_bias: bool, dtype: str) -> None:
    """As in a fully connected layer on a small batch: long sums, in pieces that fit and that do not."""
    rng = np.random.default_rng(M + N + depth)
    a, b = rng.standard_normal((M, depth)).astype(dtype), rng.standard_normal((N, depth)).astype(dtype)
    bias = rng.standard_normal(N).astype(dtype) if with_bias else None
    expected = np.einsum("mk,nk->mn", a.astype(np.float64), b.astype(np.float64)) + (0 if bias is None else bias)
    y = kernels.matmul(a, b.T, bias)
    # A sum of `depth` products of standard normal numbers has the size of their root, and its rounding errors with it.
    assert_close(y, expected, TOLERANCE[dtype] * max(1, depth / 64) ** 0.5)
    assert_close(kernels.matmul(a, b.T, bias), y, 0)


@pytest.mark.parametrize("M", [1, 2])
def test_long_sums_in_float32(M: int, backend: str) -> None:
    terms = 2_000 if backend == "numba_cuda" and GPU == "emulated" else 1_000_000  # by a simulator in Python: a second
    a = np.random.default_rng(0).random((M, terms), np.float32)
    for b in (a.T, np.ascontiguousarray(a.T)):
        assert abs(kernels.matmul(a, b, None)[0, 0] / (a[0].astype(np.float64) ** 2).sum() - 1) < 2e-5


def test_nan_passes_through(backend: str) -> None:
    a = np.zeros((20, 30))
    a[3, 4] = np.nan
    y = kernels.matmul(a, np.ones((30, 40)))
    assert np.isnan(y[3]).all()
    assert not np.isnan(np.delete(y, 3, axis=0)).any()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("leading", [((3,), (3,)), ((2, 1), (1, 3)), ((), (4,)), ((2, 3), ()), ((0,), (1,))])
@pytest.mark.parametrize("orders", [("C", "C"), ("F", "step"), ("swapped", "reversed")])
def test_batches(leading: tuple, orders: tuple[str, str], dtype: str, backend: str) -> None:
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((*leading[0], 5, 7)).astype(dtype), rng.standard_normal((*leading[1], 7, 4)).astype(dtype)
    y = kernels.batched_matmul(*[_laid_out(x, order) for x, order in zip((a, b), orders, strict=True)])
    assert y.dtype == np.dtype(dtype)
    assert_close(y, a.astype(np.float64) @ b, TOLERANCE[dtype])


def _laid_out(x: np.ndarray, order: str) -> np.ndarray:
    """`x` in another order of memory."""
    if order == "swapped":
        return np.ascontiguousarray(x.swapaxes(-1, -2)).swapaxes(-1, -2)
    if order == "step":
        return np.repeat(x, 2, axis=-1)[..., ::2]
    return x[..., ::-1].copy()[..., ::-1] if order == "reversed" else np.array(x, order=order)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: kernels.matmul(np.ones(3), np.ones((3, 2))), ValueError, r"a: got shape \(3,\)"),
        (lambda: kernels.matmul(np.ones((2, 3)), np.ones((2, 3))), ValueError, r"b: got shape \(2, 3\), expected 3 rows"),
        (lambda: kernels.matmul(np.ones((2, 3)), np.ones((3, 2), "f")), TypeError, "b: got float32, expected float64"),
        (lambda: kernels.batched_matmul(np.ones((2, 2, 3)), np.ones((2, 2))), ValueError, r"b: got shape \(2, 2\), expected \(..., K, N\)"),
        (lambda: kernels.batched_matmul(np.ones((2, 2, 3)), np.ones((3, 3, 2))), ValueError, "broadcast"),
        (lambda: kernels.matmul(np.ones((2, 3)), np.ones((3, 2)), np.ones(3)), ValueError, r"bias: got shape \(3,\), expected \(2,\)"),
    ],
)
def test_errors_name_the_argument(call, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
