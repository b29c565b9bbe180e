"""Cross-entropy against its formula, and its gradients."""

from typing import Any

import numpy as np
import pytest
from checks import assert_close
from drawing import leaf, memory_orders, seeds, smooth
from hypothesis import given
from hypothesis import strategies as st

import minitorch_cv as mt
from minitorch_cv import functional as F
from minitorch_cv.autograd import gradcheck, gradgradcheck


def by_formula(x: np.ndarray, target: np.ndarray, weight: np.ndarray, ignore: int, smoothing: float, reduction: str) -> Any:
    """Cross-entropy of x (N, C, ...) against classes (N, ...), pixel by pixel."""
    losses, weights = np.zeros(target.shape), np.zeros(target.shape)
    C = x.shape[1]
    for place in np.ndindex(*target.shape):
        t = target[place]
        if t == ignore:
            continue
        scores = x[(place[0], slice(None), *place[1:])]
        log_p = scores - np.log(np.exp(scores).sum())
        losses[place] = -(1 - smoothing) * weight[t] * log_p[t] - smoothing / C * sum(weight[c] * log_p[c] for c in range(C))
        weights[place] = weight[t]
    return {"none": losses, "sum": losses.sum(), "mean": losses.sum() / weights.sum() if weights.sum() else np.nan}[reduction]


options = st.fixed_dictionaries(
    {
        "reduction": st.sampled_from(["none", "sum", "mean"]),
        "label_smoothing": st.sampled_from([0.0, 0.2, 1.0]),
        "ignore_index": st.sampled_from([-100, 0, 2]),
    }
)
maps = st.sampled_from([(), (2,), (2, 3)])


@given(N=st.integers(1, 4), C=st.integers(1, 4), maps=maps, weighted=st.booleans(), options=options, order=memory_orders, seed=seeds)
def test_against_classes(
    backend: str, N: int, C: int, maps: tuple[int, ...], weighted: bool, options: dict, order: str, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    x = leaf(smooth(rng, N, C, *maps), order)
    target = rng.integers(0, C, (N, *maps))
    target = np.where(rng.random(target.shape) < 0.2, options["ignore_index"], target)
    weight = 0.2 + rng.random(C) if weighted else np.ones(C)

    def loss(x: mt.Tensor) -> mt.Tensor:
        return F.cross_entropy(x, mt.tensor(target), mt.tensor(weight) if weighted else None, **options)

    expected = by_formula(x.numpy(), target, weight, options["ignore_index"], options["label_smoothing"], options["reduction"])
    assert_close(loss(x), expected, 1e-13)
    if np.isfinite(expected).all():
        assert gradcheck(loss, [x])
        assert gradgradcheck(loss, [x])


@given(
    N=st.integers(1, 4), C=st.integers(1, 4), maps=maps, weighted=st.booleans(), smoothing=st.sampled_from([0.0, 0.3]),
    reduction=st.sampled_from(F.loss.REDUCTIONS), seed=seeds,
)  # fmt: skip
def test_against_probabilities(
    backend: str, N: int, C: int, maps: tuple[int, ...], weighted: bool, smoothing: float, reduction: str, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    x, target = leaf(smooth(rng, N, C, *maps)), leaf(0.1 + rng.random((N, C, *maps)))
    weight = 0.2 + rng.random(C) if weighted else np.ones(C)

    def loss(x: mt.Tensor, target: mt.Tensor) -> mt.Tensor:
        return F.cross_entropy(x, target, mt.tensor(weight) if weighted else None, reduction=reduction, label_smoothing=smoothing)

    log_p = x.numpy() - np.log(np.exp(x.numpy()).sum(1, keepdims=True))
    q = (target.numpy() * (1 - smoothing) + smoothing / C) * weight.reshape(-1, *[1] * len(maps))
    losses = -(q * log_p).sum(1)
    assert_close(loss(x, target), {"none": losses, "sum": losses.sum(), "mean": losses.mean()}[reduction], 1e-13)
    assert gradcheck(loss, [x, target])
    assert gradgradcheck(loss, [x, target])


def test_one_hot_probabilities_are_classes() -> None:
    x, target = mt.tensor(smooth(np.random.default_rng(0), 5, 3)), np.array([0, 2, 1, 1, 0])
    assert_close(F.cross_entropy(x, mt.tensor(np.eye(3)[target])), F.cross_entropy(x, mt.tensor(target)), 1e-15)


def test_a_single_sample_without_a_batch() -> None:
    x = leaf(smooth(np.random.default_rng(0), 4))
    expected = F.cross_entropy(x.reshape(1, 4), mt.tensor(np.array([2])))
    for reduction in F.loss.REDUCTIONS:
        loss = F.cross_entropy(x, mt.tensor(np.array(2)), reduction=reduction)
        assert loss.shape == ()
        assert_close(loss, expected, 1e-15)
    assert F.cross_entropy(x, mt.tensor(np.full(4, 0.25))).shape == ()


def test_targets_may_be_arrays_of_any_integer_type(backend: str) -> None:
    x = mt.tensor(smooth(np.random.default_rng(0), 3, 4))
    expected = F.cross_entropy(x, mt.tensor(np.array([3, 0, 1])))
    for dtype in (np.uint8, np.int32, np.int64):
        assert F.cross_entropy(x, np.array([3, 0, 1], dtype)).item() == expected.item()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_huge_scores(backend: str, dtype: type) -> None:
    x = mt.tensor(np.array([[1e4, 0, -1e4], [0, 1e4, 0]], dtype), requires_grad=True)
    losses = F.cross_entropy(x, mt.tensor(np.array([2, 1])), reduction="none")
    assert losses.tolist() == [2e4, 0]
    losses.sum().backward()
    assert x.grad.tolist() == [[1, 0, -1], [0, 0, 0]]


def test_the_mean_of_no_losses_is_nan(backend: str) -> None:
    x = leaf(np.ones((2, 3)))
    assert np.isnan(F.cross_entropy(x, mt.tensor(np.array([-100, -100]))).item())
    empty = leaf(np.ones((0, 3)))
    assert np.isnan(F.cross_entropy(empty, mt.tensor(np.zeros(0, np.int64))).item())
    total = F.cross_entropy(empty, mt.tensor(np.zeros(0, np.int64)), reduction="sum")
    assert total.item() == 0
    total.backward()
    assert empty.grad.shape == (0, 3)


def test_third_order() -> None:
    x, target = leaf(smooth(np.random.default_rng(0), 2, 3)), mt.tensor(np.array([1, 0]))

    def slope(x: mt.Tensor) -> mt.Tensor:
        (gx,) = mt.autograd.grad((F.cross_entropy(x, target, reduction="none") * x.sum(1)).sum(), [x], create_graph=True)
        return gx

    assert gradgradcheck(slope, [x])


def test_a_target_changed_after_the_forward_is_noticed() -> None:
    x, target = leaf(np.ones((2, 3))), mt.tensor(np.array([1, 0]))
    loss = F.cross_entropy(x, target)
    target.fill_(2)
    with pytest.raises(RuntimeError, match="CrossEntropy"):
        loss.backward()


X, T = mt.tensor(np.ones((2, 3))), mt.tensor(np.array([0, 1]))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"target": mt.tensor(np.array([0, 3]))}, IndexError, "target: got class 3, expected 0 to 2"),
        ({"target": mt.tensor(np.array([-1, 0]))}, IndexError, "target: got class -1"),
        ({"target": mt.tensor(np.array([0, 1, 2]))}, ValueError, r"target: got shape \(3,\), expected \(2,\)"),
        ({"target": mt.tensor(np.array([True, False]))}, TypeError, "target: got bool"),
        ({"target": mt.tensor(np.array([0.0, 1.0]))}, ValueError, r"target: got probabilities of shape \(2,\)"),
        ({"target": mt.tensor(np.ones((2, 3), np.float32))}, TypeError, "target: got float32, expected float64"),
        ({"target": X, "ignore_index": 1}, ValueError, "ignore_index: got 1"),
        ({"reduction": "median"}, ValueError, "reduction: got 'median'"),
        ({"label_smoothing": 1.5}, ValueError, "label_smoothing: got 1.5"),
        ({"weight": mt.tensor(np.ones(2))}, ValueError, r"weight: got shape \(2,\), expected \(3,\)"),
        ({"weight": mt.tensor(np.ones(3, np.float32))}, TypeError, "weight: got float32, expected float64"),
        ({"input": mt.tensor(np.array(1.0))}, ValueError, "input: got a single number"),
        ({"input": mt.tensor(np.array([[1, 2, 3]]))}, TypeError, "input: got dtype int64"),
    ],
)
def test_errors(change: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        F.cross_entropy(**{"input": X, "target": T} | change)
