"""Cross-entropy against its formula, and its gradients."""

from typing import Any

import numpy as np
import pytest
from drawing import leaf, memory_orders, seeds, smooth
from hypothesis import given
from hypothesis import strategies as st

import minitorch_cv as mt
from minitorch_cv import functional as F
from minitorch_cv.autograd import gradgradcheck
from minitorch_cv.testing import assert_close


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


# --- the other losses


def test_nll_is_cross_entropy_after_the_logarithm() -> None:
    rng = np.random.default_rng(3)
    x, target = mt.tensor(smooth(rng, 4, 3, 2)), mt.tensor(np.array([[0, 2], [1, -100], [2, 2], [-100, 0]]))
    weight = mt.tensor(np.array([1.0, 0.5, 2.0]))
    for reduction in F.loss.REDUCTIONS:
        options: dict[str, Any] = {"weight": weight, "reduction": reduction}
        assert_close(F.nll_loss(x.log_softmax(1), target, **options), F.cross_entropy(x, target, **options), 1e-14)
    everything_ignored = F.nll_loss(x, mt.tensor(np.full((4, 2), -100)))
    assert np.isnan(everything_ignored.item())


def test_scores_far_out() -> None:
    """With logits, nothing is lost where the sigmoid is 0 or 1; without, the logarithm ends at -100."""
    x = mt.tensor(np.array([-1000.0, -50.0, 50.0, 1000.0]), requires_grad=True)
    yes, no = mt.ones(4, dtype=np.float64), mt.zeros(4, dtype=np.float64)
    assert_close(F.binary_cross_entropy_with_logits(x, yes, reduction="none"), [1000, 50, np.exp(-50), 0], 1e-15)
    F.binary_cross_entropy_with_logits(x, no, reduction="sum").backward()
    assert_close(x.grad, [0, np.exp(-50), 1, 1], 1e-15)
    certain = mt.tensor(np.array([0.0, 1.0]), requires_grad=True)
    losses = F.binary_cross_entropy(certain, mt.tensor(np.array([1.0, 1.0])), reduction="none")
    assert losses.tolist() == [100, 0]
    losses.sum().backward()
    assert certain.grad.tolist() == [-1e12, 0]  # 1 / (x (1 - x)), cut off


def test_rare_yes_counts_more() -> None:
    x, target = np.array([[0.3, -1.2], [2.0, 0.1]]), np.array([[1.0, 0.0], [0.25, 1.0]])
    p, pos_weight = 1 / (1 + np.exp(-x)), np.array([3.0, 0.5])
    expected = -(pos_weight * target * np.log(p) + (1 - target) * np.log(1 - p))
    found = F.binary_cross_entropy_with_logits(mt.tensor(x), mt.tensor(target), reduction="none", pos_weight=mt.tensor(pos_weight))
    assert_close(found, expected, 1e-14)


def test_divergence_of_probabilities() -> None:
    q, p = np.array([[0.5, 0.5, 0.0], [0.1, 0.2, 0.7]]), np.array([[0.2, 0.3, 0.5], [0.1, 0.2, 0.7]])
    divergence = 0.5 * np.log(0.5 / 0.2) + 0.5 * np.log(0.5 / 0.3)  # 0 log 0 = 0, and nothing between equals
    log_p = mt.tensor(np.log(p), requires_grad=True)
    total = F.kl_div(log_p, mt.tensor(q), reduction="sum")
    assert_close(total, divergence, 1e-14)
    total.backward()
    assert_close(log_p.grad, -q, 0)
    assert_close(F.kl_div(log_p, mt.tensor(q), reduction="batchmean"), divergence / 2, 1e-14)
    assert_close(F.kl_div(log_p, mt.tensor(q)), divergence / 6, 1e-14)
    assert_close(F.kl_div(log_p, mt.tensor(np.log(p)), reduction="none", log_target=True), np.zeros((2, 3)), 0)


def test_huber_is_a_parabola_with_tangents() -> None:
    difference = np.array([-np.inf, -3.0, -0.5, 0.0, 0.25, 0.5, 2.0, np.nan])
    x, zero = mt.tensor(difference, requires_grad=True), mt.zeros(8, dtype=np.float64)
    expected = [np.inf, 1.375, 0.125, 0, 0.03125, 0.125, 0.875, np.nan]
    losses = F.huber_loss(x, zero, "none", 0.5)
    assert_close(losses, expected, 1e-15)
    losses.sum().backward()
    assert_close(x.grad, [-0.5, -0.5, -0.5, 0, 0.25, 0.5, 0.5, np.nan], 0)
    assert_close(F.smooth_l1_loss(x, zero, reduction="none", beta=0.5), np.array(expected) * 2, 1e-15)
    assert_close(F.smooth_l1_loss(x, zero, reduction="none", beta=0), np.abs(difference), 0)


def test_other_shapes_are_broadcast_with_a_warning() -> None:
    with pytest.warns(UserWarning, match=r"target: got shape \(3,\) for input of shape \(3, 1\)"):
        loss = F.mse_loss(mt.ones((3, 1)), mt.zeros(3), reduction="none")
    assert loss.shape == (3, 3)


def test_targets_may_be_integers_and_arrays() -> None:
    x = mt.tensor(np.array([0.5, -1.0]))
    for target in (np.array([1, 0]), np.array([True, False]), mt.tensor(np.array([1, 0])), np.array([1.0, 0.0])):
        assert F.binary_cross_entropy_with_logits(x, target).item() == F.binary_cross_entropy_with_logits(x, np.array([1.0, 0])).item()
        assert F.l1_loss(x, target).item() == 0.75


def test_the_mean_of_nothing() -> None:
    nothing = mt.zeros((0, 3))
    for loss in (F.mse_loss, F.l1_loss, F.huber_loss, F.smooth_l1_loss, F.kl_div, F.binary_cross_entropy, F.soft_margin_loss):
        assert np.isnan(loss(nothing, nothing).item())
        assert loss(nothing, nothing, reduction="sum").item() == 0


def test_embeddings() -> None:
    east, north, west = (mt.tensor(np.array([vector])) for vector in ([2.0, 0.0], [0.0, 3.0], [-1.0, 0.0]))
    together, apart = mt.tensor(np.array([1])), mt.tensor(np.array([-1]))
    assert F.cosine_embedding_loss(east, west, together).item() == pytest.approx(2)
    assert F.cosine_embedding_loss(east, west, apart).item() == 0
    assert F.cosine_embedding_loss(east, north, apart, margin=-0.5).item() == pytest.approx(0.5)
    assert F.cosine_embedding_loss(east, north * 0, together).item() == 1  # no direction
    # |east - north| = sqrt(13), |east - west| = 3, |north - west| = sqrt(10)
    assert F.triplet_margin_loss(east, north, west, eps=0).item() == pytest.approx(1 + 13**0.5 - 3)
    assert F.triplet_margin_loss(east, west, north, eps=0, swap=True).item() == pytest.approx(1 + 3 - 10**0.5)
    assert F.triplet_margin_loss(east, west, north, margin=0.5, eps=0, swap=False).item() == 0
