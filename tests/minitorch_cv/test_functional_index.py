"""Indexing, reading and writing: values against NumPy, gradients of first and second order, places that are named twice."""

from typing import Any

import numpy as np
import pytest
from drawing import leaf, seeds
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import basic_indices

import minitorch_cv as mt
from minitorch_cv import functional as F
from minitorch_cv.autograd import gradcheck, gradgradcheck

X = np.random.default_rng(0).standard_normal((4, 3, 5))
INDICES: dict[str, Any] = {
    "integer": 1,
    "negative": -1,
    "slice": slice(1, 3),
    "steps backwards": (slice(None, None, -2), slice(2, None, -1)),
    "None": (None, 1, None),
    "ellipsis": (..., 0),
    "ellipsis alone": ...,
    "single element": (1, 2, 3),
    "nothing": slice(2, 2),
    "list": [3, 0, 1],
    "list with duplicates": [3, 0, 3, 3],
    "array": np.array([[0, 1], [1, -1]]),
    "two arrays": (np.array([0, 0, 2]), np.array([1, 1, 0])),
    "arrays around a slice": (np.array([0, 0]), slice(None), np.array([4, 4])),
    "array and integer": (2, slice(None), np.array([4, 4, 0])),
    "arrays that are broadcast": (np.array([[0], [1]]), np.array([2, 2])),
    "mask": X > 0,
    "mask of the first dimension": np.array([True, False, True, True]),
    "mask and array": (np.array([True, False, False, True]), np.array([1, 1])),
    "empty list": [],
    "False": False,
}


@pytest.mark.parametrize("name", INDICES)
def test_reading_and_writing(name: str) -> None:
    index = INDICES[name]
    expected = X[index]
    np.testing.assert_array_equal(mt.tensor(X)[index].numpy(), expected)
    x = leaf(X.copy())
    assert gradcheck(lambda x: x[index], [x])
    assert gradgradcheck(lambda x: x[index] ** 2, [x])

    value = np.random.default_rng(1).standard_normal(expected.shape)
    written = X.copy()
    written[index] = value
    np.testing.assert_array_equal(F.setitem(mt.tensor(X), index, value).numpy(), written)
    assert gradcheck(lambda x, v: F.setitem(x, index, v), [x, leaf(value)])
    assert gradgradcheck(lambda x, v: F.setitem(x, index, v) ** 2, [x, leaf(value)])


@given(data=st.data(), shape=st.lists(st.integers(0, 4), max_size=4).map(tuple), seed=seeds)
def test_all_slices(data: st.DataObject, shape: tuple[int, ...], seed: int) -> None:
    index = data.draw(basic_indices(shape, allow_newaxis=True))
    x = leaf(np.random.default_rng(seed).standard_normal(shape))
    np.testing.assert_array_equal(x[index].numpy(), x.numpy()[index])
    assert np.shares_memory(x[index].data, x.data) == (x.numpy()[index].size > 0)
    assert gradcheck(lambda x: x[index], [x])


def test_tensors_as_indices() -> None:
    x = mt.tensor(X)
    np.testing.assert_array_equal(x[mt.tensor([1, 1])].numpy(), X[[1, 1]])
    np.testing.assert_array_equal(x[x > 0].numpy(), X[X > 0])
    np.testing.assert_array_equal(x[mt.tensor(1), mt.tensor(0) :].numpy(), X[1])
    assert X[mt.tensor(2)].shape == (3, 5)


def test_places_that_are_named_twice() -> None:
    """Reading: each gets its share of the gradient. Writing: the last one wins, so only that one gets it."""
    x = mt.tensor([1.0, 2.0, 3.0], requires_grad=True)
    (x[[0, 0, 2]] * mt.tensor([1.0, 10.0, 100.0])).sum().backward()
    assert x.grad.tolist() == [11.0, 0.0, 100.0]
    v = mt.tensor([5.0, 6.0], requires_grad=True)
    y = F.setitem(x, [1, 1], v)
    assert y.tolist() == [1.0, 6.0, 3.0]
    y.sum().backward()
    assert v.grad.tolist() == [0.0, 1.0]


def test_many_gradients_of_one_place_in_float32() -> None:
    index = mt.tensor(np.zeros(200_000, np.int64))
    for take in (lambda x: x[index], lambda x: x.gather(0, index)):
        x = mt.zeros(2, requires_grad=True)
        (take(x) * 0.1).sum().backward()
        assert abs(x.grad[0].item() / 20_000 - 1) < 2e-7


def test_an_index_that_changes_afterwards() -> None:
    """Backward uses the index that forward used, or refuses."""
    x = mt.tensor([1.0, 2.0, 3.0], requires_grad=True)
    index, mask = np.array([0, 2]), mt.tensor([True, False, False])
    y = x[index].sum() + x[mask].sum()
    index[:] = 1
    mask.fill_(True)
    y.backward()
    assert x.grad.tolist() == [2, 0, 1]
    places, condition = mt.tensor([1]), mt.tensor([True, False, False])
    for function in (lambda: x.gather(0, places), lambda: mt.where(condition, x, 0.0)):
        y = function().sum()
        places.add_(1)
        condition[0] = False
        with pytest.raises(RuntimeError, match=r"(Gather|Where): a tensor of shape .* was changed in place"):
            y.backward()


def test_iteration_and_length() -> None:
    x = mt.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    first, second = x
    (first * second).sum().backward()
    assert x.grad.tolist() == [[3.0, 4.0], [1.0, 2.0]]
    assert len(x) == 2
    with pytest.raises(TypeError, match="len: got a tensor without dimensions"):
        len(mt.tensor(1.0))


@given(dim=st.integers(-3, 2), count=st.integers(1, 6), seed=seeds)
def test_gather(dim: int, count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = list(X.shape)
    shape[dim] = count
    index = mt.tensor(rng.integers(0, X.shape[dim], shape))
    x = leaf(X.copy())
    y = x.gather(dim, index)
    for place in np.ndindex(*shape):
        source = list(place)
        source[dim] = index.numpy()[place]
        assert y.numpy()[place] == X[tuple(source)]
    assert gradcheck(lambda x: x.gather(dim, index), [x])
    assert gradgradcheck(lambda x: x.gather(dim, index) ** 2, [x])


@pytest.mark.parametrize(
    ("index", "message"),
    [(7, "out of bounds"), ((0, 0, 0, 0), "too many indices"), ("a", "index: got str"), (1.5, "index: got float"), (np.ones(2), "float64")],
)
def test_wrong_indices(index: Any, message: str) -> None:
    with pytest.raises(IndexError, match=message):
        mt.tensor(X)[index]


def test_gather_along_a_part() -> None:
    """Along other dimensions the index may be shorter, but not longer."""
    x = mt.tensor(X)
    index = np.array([[[0, 2, 1, 1, 0]], [[1, 0, 0, 2, 2]]])
    np.testing.assert_array_equal(x.gather(1, mt.tensor(index)).numpy(), np.take_along_axis(X[:2], index, 1))
    with pytest.raises(ValueError, match=r"index: got shape \(5, 3, 5\), expected at most that of input, \(4, 3, 5\), except"):
        x.gather(1, mt.tensor(np.zeros((5, 3, 5), np.int64)))
