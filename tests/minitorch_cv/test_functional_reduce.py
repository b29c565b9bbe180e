"""Reductions: values against NumPy, ties, empty tensors, long sums in float32."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from drawing import apart, leaf, memory_orders, seeds
from hypothesis import given
from hypothesis import strategies as st

import minitorch_cv as mt
from minitorch_cv.testing import assert_close

# Each with its definition in NumPy; axis is a tuple.
OVER_DIMS: dict[str, tuple[Callable, Callable]] = {
    "sum": (lambda x, **o: x.sum(**o), np.sum),
    "mean": (lambda x, **o: x.mean(**o), np.mean),
    "var": (lambda x, **o: x.var(**o, correction=0), np.var),
    "std": (lambda x, **o: x.std(**o, correction=0), np.std),
    "logsumexp": (lambda x, **o: x.logsumexp(**o), lambda x, axis, keepdims: np.log(np.sum(np.exp(x), axis=axis, keepdims=keepdims))),
    "amax": (lambda x, **o: x.amax(**o), np.max),
    "amin": (lambda x, **o: x.amin(**o), np.min),
}


@st.composite
def shapes_and_dims(draw: st.DrawFn) -> tuple[tuple[int, ...], Any]:
    """A shape without zeros (and two elements at least), and a dimension, a tuple of them, or None."""
    shape = tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=4)))
    shape = (*shape[:-1], shape[-1] + 1)
    dim = st.integers(-len(shape), len(shape) - 1)
    several = st.lists(dim, min_size=1, unique_by=lambda d: d % len(shape)).map(tuple)
    return shape, draw(st.one_of(st.none(), dim, several))


@pytest.mark.parametrize("name", OVER_DIMS)
@given(case=shapes_and_dims(), keepdim=st.booleans(), order=memory_orders, seed=seeds)
def test_over_dimensions(name: str, case: tuple, keepdim: bool, order: str, seed: int) -> None:
    (shape, dim), (function, reference) = case, OVER_DIMS[name]
    x = leaf(apart(np.random.default_rng(seed), *shape) / 3, order)
    axes = tuple(range(len(shape))) if dim is None else dim if isinstance(dim, tuple) else (dim,)
    y = function(x, dim=dim, keepdim=keepdim)
    assert_close(y, reference(x.numpy(), axis=axes, keepdims=keepdim), 1e-12)


@pytest.mark.parametrize("name", ["max", "min"])
@given(case=shapes_and_dims().filter(lambda case: isinstance(case[1], int)), keepdim=st.booleans(), seed=seeds)
def test_extremes_along_a_dimension(name: str, case: tuple, keepdim: bool, seed: int) -> None:
    shape, dim = case
    x = leaf(apart(np.random.default_rng(seed), *shape))
    values, indices = getattr(x, name)(dim, keepdim=keepdim)
    np.testing.assert_array_equal(indices.numpy(), getattr(np, "arg" + name)(x.numpy(), axis=dim, keepdims=keepdim))
    np.testing.assert_array_equal(values.numpy(), getattr(np, name)(x.numpy(), axis=dim, keepdims=keepdim))


@given(length=st.integers(1, 7), zeros=st.lists(st.integers(0, 6), max_size=3), dim=st.integers(-2, 1), seed=seeds)
def test_prod(length: int, zeros: list[int], dim: int, seed: int) -> None:
    """With any number of zeros, which a gradient that divides by x would not survive."""
    values = np.random.default_rng(seed).standard_normal((length, 2) if dim % 2 == 0 else (2, length))
    for i in zeros:
        values[(i % length, 0) if dim % 2 == 0 else (0, i % length)] = 0
    x = leaf(values)
    assert_close(x.prod(dim), np.prod(values, axis=dim), 1e-13)
    assert x.prod(dim, keepdim=True).shape == np.prod(values, axis=dim, keepdims=True).shape


def gradient(function: Callable, values: list) -> list:
    x = mt.tensor(np.array(values, float), requires_grad=True)
    function(x).backward()
    return x.grad.tolist()


def test_ties() -> None:
    """Over all elements and in amax the equal ones share the gradient; along a dimension the first one gets it. As in PyTorch."""
    assert gradient(lambda x: x.max(), [1, 3, 3, 2]) == [0, 0.5, 0.5, 0]
    assert gradient(lambda x: x.min(), [1, 1, 1, 2]) == [1 / 3, 1 / 3, 1 / 3, 0]
    assert gradient(lambda x: x.amax(0), [1, 3, 3, 2]) == [0, 0.5, 0.5, 0]
    assert gradient(lambda x: x.amin(0), [1, 3, 3, 1]) == [0.5, 0, 0, 0.5]
    assert gradient(lambda x: x.max(0).values, [1, 3, 3, 2]) == [0, 1, 0, 0]
    assert gradient(lambda x: x.min(0).values, [1, 3, 3, 1]) == [1, 0, 0, 0]


def test_the_deviation_of_equal_elements() -> None:
    """Has the gradient 0, as in PyTorch, and not NaN."""
    assert gradient(lambda x: x.std(), [2, 2, 2]) == [0, 0, 0]


def test_nan_wins() -> None:
    x = mt.tensor([[1.0, np.nan, 3.0], [1.0, 2.0, 3.0]])
    assert np.isnan(x.max().item())
    assert np.isnan(x.amax(1).numpy()).tolist() == [True, False]
    assert x.argmax(1).tolist() == [1, 2]
    assert x.min(1).indices.tolist() == [1, 0]
    assert gradient(lambda x: x.max(), [1, np.nan, 3]) == [0, 1, 0]


def test_extremes_of_two_tensors() -> None:
    x, y = mt.tensor([1.0, 5.0]), mt.tensor([2.0, 3.0])
    assert x.max(y).tolist() == [2.0, 5.0]
    assert x.min(y).tolist() == [1.0, 3.0]


def test_integers_and_booleans() -> None:
    x = mt.tensor([[1, 2], [3, 4]])
    assert x.sum().item() == 10
    assert x.sum().dtype == np.int64
    assert mt.tensor([True, True, False]).sum().item() == 2
    assert mt.tensor(np.array([200, 100], np.uint8)).sum().item() == 300
    assert x.max().item() == 4
    assert x.prod(0).tolist() == [3, 8]
    assert (x > 1).any().item()
    assert (x > 1).all(0).tolist() == [False, True]
    assert (x > 1).any(1, keepdim=True).shape == (2, 1)
    assert x.argmax().item() == 3
    for name in ("mean", "var", "std"):
        with pytest.raises(TypeError, match="expected floating point"):
            getattr(x, name)()


def test_of_nothing() -> None:
    """What has a meaning, has it; the mean of nothing is NaN, the largest of nothing an error."""
    empty = mt.zeros(0, 3)
    assert empty.sum().item() == 0
    assert empty.sum(0).tolist() == [0, 0, 0]
    assert empty.prod(0).tolist() == [1, 1, 1]
    assert np.isnan(empty.mean().item())
    assert empty.mean(1).shape == (0,)
    assert empty.amax(1).shape == (0,)
    assert empty.logsumexp(0).tolist() == [-np.inf] * 3
    assert empty.softmax(0).shape == empty.log_softmax(0).shape == empty.softmax(1).shape == (0, 3)
    assert np.isnan(mt.tensor([1.0]).var().item())
    assert np.isnan(mt.tensor([1.0]).var(correction=2).item())
    for name in ("amax", "amin", "max", "argmax"):
        with pytest.raises(ValueError, match=r"got shape \(0, 3\), with no elements to choose from"):
            getattr(empty, name)()


def test_wrong_dimensions() -> None:
    x = mt.zeros(2, 3)
    with pytest.raises(IndexError, match="dim: got 2, expected -2 to 1"):
        x.sum(2)
    with pytest.raises(ValueError, match=r"dim: got \(0, -2\), which names a dimension twice"):
        x.sum((0, -2))


def test_single_numbers() -> None:
    x = mt.tensor(3.0, requires_grad=True)
    values, indices = x.max(0)
    assert (x.sum(0).item(), x.mean().item(), x.amax().item(), values.item(), indices.item()) == (3, 3, 3, 3, 0)
    x.prod().backward()
    assert x.grad.item() == 1


def test_logsumexp_does_not_overflow() -> None:
    x = mt.tensor(np.array([[1000.0, 1000.0], [-1000.0, -1001.0], [-np.inf, -np.inf], [np.inf, 0.0]]), requires_grad=True)
    y = x.logsumexp(1)
    assert_close(y, [1000 + np.log(2), -1000 + np.log1p(np.exp(-1)), -np.inf, np.inf], 1e-15)
    y[:2].sum().backward()
    assert_close(x.grad[:2], [[0.5, 0.5], [1 / (1 + np.exp(-1)), 1 / (1 + np.exp(1))]], 1e-12)


def test_a_mean_may_be_in_range_where_the_sum_is_not() -> None:
    assert mt.tensor(np.full(100, 1000, np.float16)).mean().item() == 1000


@pytest.mark.parametrize("dims", [None, (0, 2, 3), (2, 3), 0])
def test_long_sums_in_float32(dims: Any) -> None:
    """Within one rounding (6e-8) of the exact sum, relative to the largest, also where NumPy would add up along a strided dimension."""
    x = np.random.default_rng(0).random((64, 32, 32, 3), np.float32).transpose(0, 3, 1, 2)
    y = mt.from_numpy(x).sum(dims)
    exact = x.astype(np.float64).sum(dims)
    assert y.dtype == np.float32
    assert np.abs(y.numpy() - exact).max() <= 6.0e-8 * np.abs(exact).max()
    assert np.abs(mt.from_numpy(x).mean().item() - x.astype(np.float64).mean()) < 6e-8


@pytest.mark.full
@pytest.mark.parametrize("name", ["sum", "mean", "var", "std", "logsumexp", "amax", "amin", "max", "min", "prod", "argmax"])
@pytest.mark.parametrize("dim", [None, 0, -1, (0, 2)])
@pytest.mark.parametrize("ties", [False, True])
def test_like_pytorch(name: str, dim: Any, ties: bool) -> None:
    torch = pytest.importorskip("torch")
    if (name in ("max", "min", "prod", "argmax") and isinstance(dim, tuple)) or (name == "logsumexp" and dim is None):
        return
    rng = np.random.default_rng(0)
    values = rng.integers(-1, 2, (3, 4, 5)).astype(float) if ties else rng.standard_normal((3, 4, 5))
    results = []
    for lib in (mt, torch):
        x = lib.tensor(values, requires_grad=True)
        y = getattr(x, name)() if dim is None else getattr(x, name)(dim)
        y = y if name not in ("max", "min") or dim is None else y.values
        if name == "argmax":
            results.append([np.asarray(y)])
            continue
        (y * y * y).sum().backward()
        results.append([np.asarray(y.detach()), np.asarray(x.grad)])
    for ours, theirs in zip(*results, strict=True):
        assert_close(ours, theirs, 1e-12, name)
