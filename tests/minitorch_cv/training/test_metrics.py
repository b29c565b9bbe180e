"""Loss and accuracy against a definition that sorts."""

import math

import numpy as np
import pytest

from minitorch_cv.training.metrics import Metrics, Pace, places


def test_places_agree_with_a_stable_sort() -> None:
    rng = np.random.default_rng(0)
    logits = rng.integers(0, 4, (200, 7)).astype(np.float32)  # many ties
    labels = rng.integers(0, 7, 200)
    order = np.argsort(-logits, axis=1, kind="stable")
    expected = [list(row).index(label) for row, label in zip(order, labels, strict=True)]
    assert places(logits, labels).tolist() == expected


def test_equal_logits_earn_nothing() -> None:
    metrics = Metrics()
    metrics.add(math.log(10), np.zeros((10, 10), np.float32), np.arange(10))
    assert metrics.top1 == 0.1
    assert metrics.top5 == 0.5


def test_sums_over_batches_of_different_size() -> None:
    rng = np.random.default_rng(1)
    logits, labels = rng.standard_normal((10, 6)), rng.integers(0, 6, 10)
    whole, parts = Metrics(), Metrics()
    whole.add(2.0, logits, labels)
    parts.add(1.0, logits[:7], labels[:7])
    parts.add(13 / 3, logits[7:], labels[7:])
    assert parts.loss == pytest.approx(2.0)
    assert (parts.top1, parts.top5, parts.images) == (whole.top1, whole.top5, 10)
    assert parts.top1 == (logits.argmax(1) == labels).mean()
    assert Metrics(**parts.as_data()) == parts


def test_fewer_than_five_classes() -> None:
    metrics = Metrics()
    metrics.add(1.0, np.array([[0.0, 1.0, 2.0]]), np.array([0]))
    assert (metrics.top1, metrics.top5) == (0.0, 1.0)


def test_probabilities_count_as_their_largest_class() -> None:
    logits, labels = np.random.default_rng(1).standard_normal((10, 6)), np.arange(10) % 6
    plain, mixed = Metrics(), Metrics()
    plain.add(1.0, logits, labels)
    mixed.add(1.0, logits, (0.7 * np.eye(6)[labels] + 0.3 * np.eye(6)[labels[::-1]]).astype(np.float32))
    assert mixed == plain


def test_no_images() -> None:
    metrics = Metrics()
    assert all(math.isnan(value) for value in (metrics.loss, metrics.top1, metrics.top5))


def test_pace_leaves_out_the_step_that_compiles() -> None:
    pace = Pace()
    assert pace.images_per_second == 0
    pace.add(10, 30.0, rated=False)
    pace.add(10, 0.5)
    pace.add(5, 0.25)
    assert pace.images_per_second == 20
    assert pace.seconds == 30.75
    assert Pace(**pace.as_data()) == pace


def test_segmentations_against_a_definition_by_loops() -> None:
    """Pixel accuracy, and the mean over classes of intersection over union."""
    rng = np.random.default_rng(2)
    logits, masks = rng.standard_normal((4, 6, 5, 7)), rng.integers(0, 5, (4, 5, 7))
    logits[:, 5] = -9.0  # class 5 is neither labelled nor predicted: it does not count
    predictions = logits.argmax(1)
    ious = []
    for label in range(5):
        pixels = [(p == label, m == label) for p, m in zip(predictions.flat, masks.flat, strict=True)]
        ious.append(sum(p and m for p, m in pixels) / sum(p or m for p, m in pixels))
    metrics = Metrics()
    metrics.add(1.0, logits[:3], masks[:3])
    metrics.add(4.0, logits[3:], masks[3:])
    assert metrics.top1 == pytest.approx((predictions == masks).mean())
    assert metrics.mean_iou == pytest.approx(np.mean(ious))
    assert (metrics.loss, metrics.images, metrics.pixels) == (pytest.approx(1.75), 4, 140)
    assert Metrics(**metrics.as_data()) == metrics
    assert metrics.facts("test") == {
        "test_loss": metrics.loss, "test_top1": metrics.top1, "test_top5": metrics.top5, "test_mean_iou": metrics.mean_iou,
    }  # fmt: skip


def test_a_perfect_segmentation() -> None:
    masks = np.random.default_rng(0).integers(0, 3, (2, 4, 4))
    metrics = Metrics()
    metrics.add(0.0, np.moveaxis(np.eye(3)[masks], -1, 1), masks)
    assert (metrics.top1, metrics.mean_iou) == (1.0, 1.0)


def test_classifications_have_no_iou() -> None:
    metrics = Metrics()
    metrics.add(1.0, np.eye(3), np.arange(3))
    assert math.isnan(metrics.mean_iou)
    assert "test_mean_iou" not in metrics.facts("test")
