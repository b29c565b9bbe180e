"""What a recipe's `augmentation` means."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_training import Crash, CrashAfter, make_trainer, outcome, small_data

from minitorch_cv.data import CutMix, Dataset, Mixup, RandomMix
from minitorch_cv.data.rand_augment import RandAugment
from minitorch_cv.training.augmentation import AUGMENTATIONS, augmentations
from minitorch_cv.training.loop import Trainer
from minitorch_cv.training.recipe import Recipe
from minitorch_cv.training.reporting import Reporter

EVERYTHING = {
    "crop": 2, "resized_crop": [0.5, 1.0], "flip": True, "vertical_flip": True, "rotation": 10, "randaugment": [2, 9],
    "trivial_augment": True, "color_jitter": [0.4, 0.4, 0.4, 0.1], "pca_noise": 0.1, "cutout": 3, "erasing": 0.25,
    "mixup": 0.2, "cutmix": 1.0,
}  # fmt: skip
RECIPE = Recipe(epochs=1, batch_size=25, lr=0.1, augment=True, augmentation=EVERYTHING)


def colourful() -> Dataset:
    images = np.random.default_rng(0).integers(0, 256, (10, 8, 8, 3), dtype=np.uint8)
    return Dataset(images, np.arange(10) % 3, ("a", "b", "c"), "test")


def test_everything_that_can_be_named() -> None:
    assert set(EVERYTHING) == set(AUGMENTATIONS)
    early, late, mix = augmentations(RECIPE, colourful())
    assert [type(t).__name__ for t in early] == [
        "RandomCrop", "RandomResizedCrop", "RandomHorizontalFlip", "RandomVerticalFlip", "RandomRotation", "RandAugment",
        "TrivialAugment", "ColorJitter", "PCANoise",
    ]  # fmt: skip
    assert [type(t).__name__ for t in late] == ["Cutout", "RandomErasing"]
    assert isinstance(mix, RandomMix)
    assert [type(m) for m in mix.mixings] == [Mixup, CutMix]
    images = colourful().images
    for transform in early + late:
        images = transform(images, np.random.default_rng(1))
    assert images.shape == (10, 8, 8, 3)
    through_json = Recipe.from_data(json.loads(json.dumps(RECIPE.as_data())))
    assert repr(augmentations(through_json, colourful())) == repr(augmentations(RECIPE, colourful()))


def test_nothing_is_asked_for() -> None:
    for recipe in (replace(RECIPE, augment=False), replace(RECIPE, augmentation=dict.fromkeys(EVERYTHING, 0))):
        assert augmentations(recipe, colourful()) == ([], [], None)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("mixup", -1, "alpha: got -1"), ("color_jitter", [0.1, 0.1, 0.1, 0.7], "hue: got"), ("randaugment", 3, ""),
        ("cutout", "large", ""), ("erasing", 7, "p: got 7"),
    ],
)  # fmt: skip
def test_values_that_do_not_suit(name: str, value: object, message: str) -> None:
    recipe = replace(RECIPE, augmentation={name: value})
    with pytest.raises(ValueError, match=re.escape(f"augmentation: {name} cannot be {value!r}: {message}")):
        augmentations(recipe, small_data())


def mixed_trainer(folder: Path, report: Reporter | None = None) -> Trainer:
    trainer = make_trainer(folder, report=report)
    loader = trainer.loaders.train
    loader.transform.transforms = (RandAugment(), *loader.transform.transforms)
    loader.mix = RandomMix([Mixup(), CutMix()])
    return trainer


def test_mixed_images_are_trained_on_and_resumed(tmp_path: Path) -> None:
    whole = mixed_trainer(tmp_path / "whole")
    whole.restore()
    whole.fit()
    lines = whole.folder.read_metrics()
    assert 0 < lines[-1]["train_loss"] < 2
    assert 0 < lines[-1]["train_top1"] <= 1
    broken = mixed_trainer(tmp_path / "broken", CrashAfter(epoch=2))
    broken.restore()
    with pytest.raises(Crash):
        broken.fit()
    again = mixed_trainer(tmp_path / "broken")
    again.restore()
    again.fit()
    assert outcome(again) == outcome(whole)
