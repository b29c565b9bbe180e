"""Edges where engines go wrong quietly: stale histories, empty products, ignored rows, names of wrong arguments."""

import numpy as np
import pytest

import minitorch_cv as mt
import minitorch_cv.functional as F
from minitorch_cv import nn


def test_backward_does_not_start_from_an_untrue_history() -> None:
    x = mt.ones(2, 2, requires_grad=True)
    y = x * 1
    y[1].zero_()  # y holds zeros now, and its history says x * 1
    with pytest.raises(RuntimeError, match=r"backward: got a tensor .* whose memory was changed in place"):
        y.backward(mt.ones(2, 2))
    with pytest.raises(RuntimeError, match="whose memory was changed in place"):
        mt.autograd.grad(y, x, mt.ones(2, 2))
    assert x.grad is None


@pytest.mark.parametrize("dim", [None, 0])
def test_an_empty_product_is_one_and_stays_in_the_graph(dim: int | None) -> None:
    x = mt.zeros(0, 3, requires_grad=True)
    y = x.prod() if dim is None else x.prod(dim)
    np.testing.assert_array_equal(y.numpy(), 1)
    (gx,) = mt.autograd.grad(y.sum(), x)
    assert gx.shape == (0, 3)


def test_products_of_booleans_count() -> None:
    flags = mt.tensor([True, True])
    assert flags.prod().dtype == flags.square().dtype == np.int64
    assert flags.prod().item() == 1


@pytest.mark.parametrize(
    ("call", "shape"),
    [
        (lambda: F.linear(mt.ones(3, 2, 0), mt.ones(5, 0), mt.ones(5)), (3, 2, 5)),
        (lambda: mt.ones(3, 2, 0) @ mt.ones(0, 5), (3, 2, 5)),
        (lambda: F.pad(mt.ones(0, 4, 2, 3, 5), (1, 1, 1, 1, 1, 1), "replicate"), (0, 4, 4, 5, 7)),
        (lambda: F.pad(mt.ones(2, 3, 9), (-4, -5), "reflect"), (2, 3, 0)),
        (lambda: F.cross_entropy(mt.ones(3, 0), mt.ones(3, 0), label_smoothing=0.1, reduction="none"), (3,)),
    ],
)
def test_dimensions_without_length(call, shape: tuple[int, ...], backend: str) -> None:
    assert call().shape == shape


def test_second_order_of_cross_entropy_skips_ignored_rows_whatever_they_hold(backend: str) -> None:
    logits = mt.tensor(np.array([[np.inf, 0.0, 1.0], [0.5, -0.5, 2.0]]), requires_grad=True)
    target = mt.tensor([7, 2])
    loss = F.cross_entropy(logits, target, ignore_index=7, reduction="sum")
    (gx,) = mt.autograd.grad(loss, logits, create_graph=True)
    (ggx,) = mt.autograd.grad((gx * gx).sum(), logits)
    np.testing.assert_array_equal(ggx.numpy()[0], 0)
    alone = mt.tensor(logits.numpy()[1:], requires_grad=True)
    (gx,) = mt.autograd.grad(F.cross_entropy(alone, mt.tensor([2]), reduction="sum"), alone, create_graph=True)
    (expected,) = mt.autograd.grad((gx * gx).sum(), alone)
    np.testing.assert_allclose(ggx.numpy()[1:], expected.numpy(), rtol=1e-14)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: F.batch_norm(mt.ones(3, 2), None, None, training=True, momentum=None), TypeError, "momentum: got None, expected a number"),
        (lambda: nn.Linear(2, -1), ValueError, "out_features: got -1"),
        (lambda: nn.Linear(2.5, 1), TypeError, "in_features: got 2.5"),
        (lambda: mt.ones(2).to("gpu"), TypeError, "dtype: got 'gpu', expected a NumPy dtype"),
    ],
)
def test_wrong_arguments_are_named(call, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
