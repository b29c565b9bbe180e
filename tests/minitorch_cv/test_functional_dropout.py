"""Dropout against its definition: what is dropped together, how often, and what the expectation is."""

from collections.abc import Callable

import numpy as np
import pytest

import minitorch_cv as mt
from minitorch_cv import functional as F
from minitorch_cv import random


@pytest.fixture(autouse=True)
def _seeded() -> None:
    random.manual_seed(7)


@pytest.mark.parametrize(
    ("drop", "shape", "together"),
    [
        (F.dropout, (40, 30, 5, 4), ()),
        (F.dropout, (3000,), ()),
        (F.dropout1d, (40, 30, 5), (2,)),
        (F.dropout1d, (1200, 5), (1,)),  # one sample
        (F.dropout2d, (40, 30, 3, 4), (2, 3)),
        (F.dropout2d, (40, 30, 4), (2,)),  # (N, C, L), as in PyTorch
        (F.dropout3d, (40, 30, 2, 3, 2), (2, 3, 4)),
        (F.dropout3d, (1200, 2, 3, 2), (1, 2, 3)),
        (lambda x, p: F.stochastic_depth(x, p, "row"), (2000, 3, 2), (1, 2)),
    ],
)
@pytest.mark.parametrize("p", [0.25, 0.6])
def test_what_is_dropped_together_and_how_often(drop: Callable, shape: tuple[int, ...], together: tuple[int, ...], p: float) -> None:
    factor = drop(mt.ones(shape), p).numpy()
    kept = factor != 0
    np.testing.assert_allclose(factor[kept], 1 / (1 - p), rtol=1e-6)
    groups = kept.mean(together) if together else kept
    assert set(np.unique(groups)) == {0, 1}  # all of a group, or nothing
    deviation = np.sqrt(p * (1 - p) / groups.size)
    assert abs(groups.mean() - (1 - p)) < 4 * deviation
    again = drop(mt.ones(shape), p).numpy()
    assert not np.array_equal(again, factor)  # the next draw is another


def test_a_whole_batch_is_dropped_or_kept() -> None:
    outcomes = [F.stochastic_depth(mt.ones((3, 2)), 0.25, "batch").numpy() for _ in range(400)]
    assert all(np.unique(outcome).size == 1 for outcome in outcomes)
    assert abs(np.mean([outcome[0, 0] > 0 for outcome in outcomes]) - 0.75) < 0.1


@pytest.mark.parametrize("drop", [F.alpha_dropout, F.feature_alpha_dropout])
def test_alpha_dropout_keeps_mean_and_variance(drop: Callable) -> None:
    x = np.random.default_rng(0).standard_normal((100, 1000, 4))
    for p in (0.1, 0.5):
        y = drop(mt.tensor(x), p, training=True).numpy()
        assert abs(y.mean()) < 0.02
        assert abs(y.var() - 1) < 0.03
        values, counts = np.unique(y, return_counts=True)
        assert abs(counts.max() / y.size - p) < 0.02  # what is dropped all becomes this
        assert values[counts.argmax()] < -0.5


def test_alpha_dropout_against_its_formula() -> None:
    """The paper's a (x d + alpha' (1 - d)) + b, with the d that was drawn."""
    x, p, lowest = np.random.default_rng(0).standard_normal(1000), 0.3, -1.7580993408473766
    y = F.alpha_dropout(mt.tensor(x), p, training=True).numpy()
    a = (1 - p + p * (1 - p) * lowest**2) ** -0.5
    b = -a * p * lowest
    kept = np.isclose(y, a * x + b)
    np.testing.assert_allclose(y, a * np.where(kept, x, lowest) + b)
    assert abs(kept.mean() - 0.7) < 0.06


@pytest.mark.parametrize("drop", [F.dropout, F.dropout1d, F.alpha_dropout, F.feature_alpha_dropout])
def test_nothing_or_everything(drop: Callable) -> None:
    x = mt.tensor(np.arange(1.0, 13).reshape(2, 3, 2))
    assert drop(x, 0.0, training=True) is x
    assert drop(x, 1.0, training=False) is x
    assert not drop(x, 1.0, training=True).numpy().any()
    assert drop(mt.zeros((0, 3, 2)), 0.5, training=True).shape == (0, 3, 2)


@pytest.mark.parametrize("drop", [F.dropout, F.dropout2d, F.alpha_dropout])
def test_images_stay_channels_last(drop: Callable) -> None:
    x = mt.from_numpy(np.ones((2, 4, 4, 3), np.float32).transpose(0, 3, 1, 2))
    y = drop(x, 0.5, training=True)
    assert y.dtype == np.float32
    assert y.numpy().transpose(0, 2, 3, 1).flags.c_contiguous
