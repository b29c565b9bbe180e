"""From the name of a data set to batches."""

from dataclasses import replace

import numpy as np
import pytest
from small_training import small_data

from minitorch_cv.data import Dataset, load
from minitorch_cv.training import images as module
from minitorch_cv.training.config import Config
from minitorch_cv.training.errors import RunError
from minitorch_cv.training.images import Images, load_images, make_loaders
from minitorch_cv.training.recipe import Recipe

RECIPE = Recipe(epochs=1, batch_size=25, lr=0.1)


def config(recipe: Recipe, size: int = 8, seed: int = 0) -> Config:
    return Config(
        model="none", model_options={}, image_size=(size, size), classes=("a",), data="none", data_dir=None, limit=None, validation=None,
        images={}, recipe=recipe, seed=seed, threads=1, backend="numpy", environment={},
    )  # fmt: skip


def test_limit_takes_the_first_images() -> None:
    whole = load("digits")
    images = load_images("digits", None, (32, 32), limit=50, validation=None)
    np.testing.assert_array_equal(images.train.images, whole.images[:50])
    assert images.validation is None
    assert len(images.test) == 360


def test_validation_images_are_put_aside() -> None:
    images = load_images("digits", None, (32, 32), limit=None, validation=0.1)
    again = load_images("digits", None, (32, 32), limit=None, validation=0.1)
    assert isinstance(images.validation, Dataset)
    np.testing.assert_array_equal(images.validation.images, again.validation.images)
    assert len(images.train) + len(images.validation) == 1437
    assert np.bincount(images.validation.labels).min() >= 13  # of every class in proportion
    rest = {image.tobytes() for image in images.train.images}
    assert not any(image.tobytes() in rest for image in images.validation.images)
    assert len(images.test) == 360
    with pytest.raises(RunError, match="leave no training images of digits"):
        load_images("digits", None, (32, 32), limit=1, validation=0.5)


def test_facts_notice_a_changed_pixel_or_label() -> None:
    images = Images(small_data(), small_data(10, seed=1), small_data(5, seed=2))
    facts = images.facts()
    assert (facts["train"], facts["test"], facts["validation"]) == (60, 10, 5)
    assert Images(small_data(), small_data(10, seed=1), small_data(5, seed=2)).facts() == facts
    changed = small_data(10, seed=1)
    changed.images[3, 4, 5] ^= 1
    assert Images(small_data(), changed, small_data(5, seed=2)).facts() != facts
    changed = small_data()
    changed.labels[7] = (changed.labels[7] + 1) % 3
    assert Images(changed, small_data(10, seed=1), small_data(5, seed=2)).facts() != facts


def test_only_training_images_are_augmented_and_shuffled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVALUATION_BATCH", 60)
    data = small_data()
    images = Images(train=data, test=data, validation=data)
    plain = data.images.transpose(0, 3, 1, 2) / np.float32(255)
    augmented = replace(RECIPE, augment=True, augmentation={"crop": 2, "flip": True}, batch_size=60)
    loaders = make_loaders(config(augmented), images)
    for loader in (loaders.test, loaders.validation):
        batch, labels = loader.batch(0, 0)
        np.testing.assert_array_equal(batch, plain)
        np.testing.assert_array_equal(labels, data.labels)
    order = loaders.train.order(0)
    assert not np.array_equal(loaders.train.batch(0, 0)[0], plain[order])
    np.testing.assert_array_equal(loaders.train.batch(0, 0)[1], data.labels[order])
    unchanged = make_loaders(config(replace(augmented, augment=False)), images).train
    np.testing.assert_array_equal(unchanged.batch(0, 0)[0], plain[order])
    assert not np.array_equal(make_loaders(config(augmented, seed=1), images).train.order(0), order)


def test_every_image_gets_the_size_and_scale_of_the_model() -> None:
    data = small_data()
    loaders = make_loaders(config(replace(RECIPE, mean=(0.25,), std=(0.5,)), size=12), Images(data, data))
    bare = make_loaders(config(RECIPE, size=12), Images(data, data))
    for loader, other in ((loaders.train, bare.train), (loaders.test, bare.test)):
        batch = loader.batch(0, 0)[0]
        assert batch.shape[1:] == (1, 12, 12)
        assert batch.dtype == np.float32
        np.testing.assert_allclose(batch, (other.batch(0, 0)[0] - 0.25) / 0.5, atol=1e-5)
