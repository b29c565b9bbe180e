"""Picking and putting by index tensors; choices; whole numbers as classes."""

import numpy as np
import pytest

import minitorch_cv as mt
from minitorch_cv import functional as F

X = np.arange(12.0).reshape(3, 4)


def test_scatter_is_what_its_formula_says() -> None:
    index, src = np.array([[0, 2, 1], [1, 1, 0]]), np.arange(100.0, 112.0).reshape(3, 4)
    put, added = X.copy(), X.copy()
    for i in range(2):
        for j in range(3):
            put[index[i, j], j] = src[i, j]
            added[index[i, j], j] += src[i, j]
    x = mt.tensor(X)
    np.testing.assert_array_equal(x.scatter(0, mt.tensor(index), mt.tensor(src)).numpy(), put)
    np.testing.assert_array_equal(x.scatter_add(0, mt.tensor(index), mt.tensor(src)).numpy(), added)
    assert x.scatter(1, mt.tensor([[3], [0], [0]]), -1.0).tolist() == [[0, 1, 2, -1], [-1, 5, 6, 7], [-1, 9, 10, 11]]


def test_places_that_are_written_twice() -> None:
    """In scatter the last one wins, and only that one has a gradient; scatter_add adds."""
    index = mt.tensor([1, 1, 0])
    for function, result, gradient in ((mt.scatter, [7, 6], [0, 1, 1]), (mt.scatter_add, [8, 13], [1, 1, 1])):
        src = mt.tensor([5.0, 6.0, 7.0], requires_grad=True)
        y = function(mt.tensor([1.0, 2.0]), 0, index, src)
        assert y.tolist() == result
        y.sum().backward()
        assert src.grad.tolist() == gradient


def test_gather_takes_what_argsort_gives() -> None:
    x = mt.tensor(np.random.default_rng(0).standard_normal((3, 4)))
    np.testing.assert_array_equal(x.take_along_dim(x.argsort(0), 0).numpy(), np.sort(x.numpy(), 0))
    np.testing.assert_array_equal(x.take_along_dim(x.argmax(1, keepdim=True), 1).numpy(), x.numpy().max(1, keepdims=True))
    assert x.take_along_dim(mt.tensor([5, 5])).tolist() == [x[1, 1].item()] * 2


def test_nonzero_and_masks() -> None:
    x = mt.tensor([[0.0, 2.0], [np.nan, 0.0]])
    assert x.nonzero().tolist() == [[0, 1], [1, 0]]
    assert [places.tolist() for places in mt.where(x > 1)] == [[0], [1]]
    assert mt.tensor(3.0).nonzero().shape == (1, 0)
    assert mt.zeros(2, 2).nonzero().shape == (0, 2)
    assert x.masked_select(mt.tensor([False, True])).tolist() == [2.0, 0.0]
    assert x.masked_fill(x.isnan(), -1.0).tolist() == [[0, 2], [-1, 0]]


def test_one_hot_and_bincount() -> None:
    assert F.one_hot(mt.tensor([[2, 0]])).tolist() == [[[0, 0, 1], [1, 0, 0]]]
    assert F.one_hot(mt.tensor([1]), 4).dtype == np.int64
    assert mt.bincount(mt.tensor([1, 3, 1]), minlength=5).tolist() == [0, 2, 0, 1, 0]
    sums = mt.bincount(mt.tensor([1, 3, 1]), mt.tensor([0.5, 1.0, 2.0]))
    assert (sums.tolist(), sums.dtype) == ([0, 2.5, 0, 1], np.float32)


def test_clamp_by_tensors() -> None:
    """The gradient goes to what was taken; where the bounds cross, the upper one holds. NaN comes out, wherever it went in."""
    x, low, high = (mt.tensor(v, requires_grad=True) for v in ([-2.0, 0.5, 3.0, 1.5], [-1.0, -1.0, -1.0, 2.0], [1.0, 1.0, 1.0, 1.0]))
    y = x.clamp(low, high)
    assert y.tolist() == [-1.0, 0.5, 1.0, 1.0]
    y.sum().backward()
    assert [t.grad.tolist() for t in (x, low, high)] == [[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 1]]
    nan = mt.tensor([np.nan, 1.0])
    assert np.isnan(mt.clamp(nan, mt.tensor([0.0, np.nan])).numpy()).all()
    assert mt.tensor([1, 2]).clamp(min=1.5).dtype == np.float32


@pytest.mark.parametrize(("x", "y"), [(7, 3), (-7, 3), (7, -3), (-7, -3), (6, 3), (0, 5)])
@pytest.mark.parametrize("kind", [int, float])
def test_whole_parts_are_pythons(x: int, y: int, kind: type) -> None:
    a, b = mt.tensor(kind(x)), mt.tensor(kind(y))
    assert ((a // b).item(), (a % b).item()) == (kind(x) // kind(y), kind(x) % kind(y))
    assert a.div(b, rounding_mode="trunc").item() == int(x / y)
    assert (x // b).item() == x // y
    assert (x % b).item() == x % y


def test_what_lies_halfway_is_rounded_to_the_even_side() -> None:
    assert mt.tensor([0.5, 1.5, -2.5, 2.4]).round().tolist() == [0, 2, -2, 2]
    assert mt.tensor([15.0, 1234.0]).round(decimals=-1).tolist() == [20, 1230]
    assert mt.tensor([0.123, 2.5]).round(decimals=2).tolist() == mt.tensor([0.12, 2.5]).tolist()
    assert mt.tensor([1, 2]).floor().dtype == np.int64


def test_norms() -> None:
    x = mt.tensor([[3.0, -4.0], [0.0, 0.0]], requires_grad=True)
    assert x.norm().item() == 5
    assert {p: x.norm(p, 1).tolist() for p in (0, 1, np.inf, -np.inf)} == {0: [2, 0], 1: [7, 0], np.inf: [4, 0], -np.inf: [3, 0]}
    x.norm(dim=1).sum().backward()
    assert x.grad.tolist() == mt.tensor([[0.6, -0.8], [0.0, 0.0]]).tolist()


def test_logic_of_numbers() -> None:
    x, y = mt.tensor([0.0, 2.0, np.nan]), mt.tensor([1.0, 4.0, 0.0])
    assert mt.logical_and(x, y).tolist() == [False, True, False]
    assert mt.logical_xor(x, y).tolist() == [True, False, True]
    assert mt.logical_not(x).tolist() == [True, False, False]
    assert (~mt.tensor([0, 1])).tolist() == [-1, -2]
    assert mt.isclose(x, x).tolist() == [True, True, False]
    assert mt.allclose(x, x, equal_nan=True)
