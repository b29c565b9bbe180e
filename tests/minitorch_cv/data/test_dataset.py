"""The form of a data set, the table of them, and the stratified split."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minitorch_cv import data
from minitorch_cv.data import Dataset, stratified_split

IMAGES = np.arange(10 * 4 * 5 * 3, dtype=np.uint8).reshape(10, 4, 5, 3)
LABELS = np.array([0, 1] * 5)


def test_a_data_set() -> None:
    dataset = Dataset(IMAGES, LABELS, ("a", "b"), "test")
    assert len(dataset) == 10
    assert dataset.image_shape == (3, 4, 5)
    assert repr(dataset) == "Dataset(test: 10 images of 3 x 4 x 5, 2 classes)"
    few = dataset.subset(np.array([3, 1]))
    np.testing.assert_array_equal(few.images, IMAGES[[3, 1]])
    np.testing.assert_array_equal(few.labels, [1, 1])
    assert (few.classes, few.name) == (("a", "b"), "test")
    assert np.shares_memory(dataset.subset(slice(3)).images, IMAGES)


@pytest.mark.parametrize(
    ("images", "labels", "says"),
    [
        (IMAGES.astype(np.float32), LABELS, "images: got float32"),
        (IMAGES[..., 0], LABELS, r"images: got uint8 of shape \(10, 4, 5\)"),
        (IMAGES, LABELS[:9], r"labels: got int64 of shape \(9,\)"),
        (IMAGES, LABELS.astype(np.int32), "labels: got int32"),
        (IMAGES, LABELS + 1, "labels: got values from 1 to 2, expected 0 to 1"),
        (IMAGES, LABELS - 1, "labels: got values from -1 to 0"),
    ],
)
def test_a_malformed_data_set(images: np.ndarray, labels: np.ndarray, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Dataset(images, labels, ("a", "b"), "test")


def test_an_empty_data_set() -> None:
    assert len(Dataset(IMAGES[:0], LABELS[:0], (), "empty")) == 0


@given(
    labels=st.lists(st.integers(0, 4), min_size=1, max_size=200),
    fraction=st.floats(0.05, 0.95),
    seed=st.integers(0, 5),
)
def test_stratified_split(labels: list[int], fraction: float, seed: int) -> None:
    array = np.array(labels)
    rest, part = stratified_split(array, fraction, seed)
    np.testing.assert_array_equal(np.sort(np.concatenate([rest, part])), np.arange(len(array)))  # every sample in exactly one
    assert len(part) == int(np.ceil(round(fraction * len(array), 6)))
    assert (np.diff(part) > 0).all()
    assert (np.diff(rest) > 0).all()
    for label in set(labels):
        exact = fraction * labels.count(label)
        assert np.floor(exact) <= np.count_nonzero(array[part] == label) <= np.floor(exact) + 1


def test_the_split_is_random_and_fixed() -> None:
    labels = np.arange(1000) % 10
    _, part = stratified_split(labels, 0.1, seed=0)
    np.testing.assert_array_equal(part, stratified_split(labels, 0.1, seed=0)[1])
    assert len(np.intersect1d(part, stratified_split(labels, 0.1, seed=1)[1])) < 40  # 10 are expected by chance
    # These indices must not change: they decide what results on the embedded digits mean.
    np.testing.assert_array_equal(stratified_split(np.array([0] * 10 + [1] * 10), 0.2)[1], [0, 2, 11, 17])


def test_a_lonely_sample_stays_in_the_larger_part() -> None:
    rest, part = stratified_split(np.array([0] * 9 + [1]), 0.2)
    assert 9 in rest
    assert len(part) == 2


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 2])
def test_impossible_fractions(fraction: float) -> None:
    with pytest.raises(ValueError, match="fraction: got"):
        stratified_split(LABELS, fraction)


def test_split_of_a_data_set() -> None:
    rest, part = Dataset(IMAGES, LABELS, ("a", "b"), "test").split(0.2, seed=3)
    assert (len(rest), len(part)) == (8, 2)
    np.testing.assert_array_equal(np.sort(part.labels), [0, 1])


def test_the_table() -> None:
    assert data.list_datasets() == ["cifar10", "cifar100", "digit_scenes", "digits", "fashion_mnist", "folder", "mnist"]
    with pytest.raises(ValueError, match="name: got 'imagenet', expected one of cifar10, cifar100, digit_scenes, digits"):
        data.load("imagenet")
    with pytest.raises(ValueError, match="registered already"):
        data.register("mnist")(lambda root, train, download: None)


def test_where_data_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINITORCH_CV_DATA", str(tmp_path))
    assert data.default_root() == tmp_path
    monkeypatch.delenv("MINITORCH_CV_DATA")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert data.default_root().name == "data"
    assert "minitorch_cv" in str(data.default_root())
