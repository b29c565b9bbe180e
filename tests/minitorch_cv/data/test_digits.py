"""The embedded digits."""

import importlib.machinery
from pathlib import Path

import numpy as np
import pytest

from minitorch_cv import data
from minitorch_cv.data import DataError, digits


def test_the_digits() -> None:
    training, testing = data.load("digits"), data.load("digits", train=False)
    assert training.images.shape == (1437, 32, 32, 1)
    assert testing.images.shape == (360, 32, 32, 1)
    counts = np.bincount(training.labels) + np.bincount(testing.labels)
    np.testing.assert_array_equal(counts, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180])
    assert (np.abs(np.bincount(testing.labels) - 0.2 * counts) < 1).all()
    assert training.images.max() == 255
    both = np.concatenate([training.images, testing.images]).reshape(1797, -1)
    assert len(np.unique(both, axis=0)) == len(np.unique(np.rint(digits._table()[:, :64]), axis=0))  # no image in both parts


def test_the_split_does_not_change() -> None:
    """Results on the digits mean something only as long as these are the test images."""
    testing = data.load("digits", train=False)
    assert testing.labels[:12].tolist() == [0, 2, 9, 1, 0, 1, 8, 7, 2, 3, 6, 9]
    assert int(testing.images.astype(np.int64).sum()) == 28_703_035


def test_enlarging_keeps_the_picture() -> None:
    """The mean over each 4x4 block that came from one pixel is near that pixel's smoothed value."""
    table = digits._table()
    order = np.concatenate(data.stratified_split(table[:, 64].astype(int), 0.2))
    images = np.concatenate([data.load("digits").images, data.load("digits", train=False).images])[..., 0]
    blocks = images.reshape(-1, 8, 4, 8, 4).mean((2, 4)) * 16 / 255
    small = np.pad(table[order, :64].reshape(-1, 8, 8), ((0, 0), (1, 1), (1, 1)), mode="edge")
    # One in four of the samples of a block is 1/8, one 3/8 away on each side: the neighbours weigh (3/8 + 1/8) / 4 = 1/8 each.
    rows = small[:, :-2] / 8 + small[:, 1:-1] * 3 / 4 + small[:, 2:] / 8
    expected = rows[..., :-2] / 8 + rows[..., 1:-1] * 3 / 4 + rows[..., 2:] / 8
    np.testing.assert_allclose(blocks, expected, atol=0.04)  # rounded to whole grey levels


@pytest.mark.full  # importing scikit-learn takes a second
def test_the_file_is_what_scikit_learn_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    direct = digits._table()
    monkeypatch.setattr(Path, "is_file", lambda self: False)
    np.testing.assert_array_equal(digits._table(), direct)


def test_without_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digits, "find_spec", lambda name: None)
    with pytest.raises(DataError, match="scikit-learn, which is not installed"):
        data.load("digits")
    monkeypatch.setattr(digits, "find_spec", lambda name: importlib.machinery.ModuleSpec(name, None))
    with pytest.raises(DataError, match="not installed"):
        data.load("digits")
