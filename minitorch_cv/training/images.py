"""From the name of a data set to batches, as a run's configuration asks for them."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from minitorch_cv.data import Dataset, Loader, load
from minitorch_cv.data.transforms import Normalize, Resize, Transform
from minitorch_cv.training.augmentation import augmentations
from minitorch_cv.training.config import Config
from minitorch_cv.training.errors import RunError
from minitorch_cv.training.loop import Loaders
from minitorch_cv.training.recipe import Recipe

# Fixed, so that an evaluation gives the same bits whatever the training's batch size.
EVALUATION_BATCH = 250
SEGMENTATION_BATCH = 32  # maps of full resolution all the way


@dataclass(frozen=True)
class Images:
    """The images of a run; `validation` is None where none were put aside."""

    train: Dataset
    test: Dataset
    validation: Dataset | None = None

    def facts(self) -> dict[str, int]:
        """How many there are of each kind, and a checksum of all pixels and labels: to notice at resume that the data changed."""
        facts, crc = {}, 0
        for name in ("train", "validation", "test"):
            part: Dataset | None = getattr(self, name)
            if part is None:
                continue
            facts[name] = len(part)
            for array in (part.images, part.labels):
                crc = zlib.crc32(np.ascontiguousarray(array).data.cast("B"), crc)
        return facts | {"crc32": crc}


def load_images(data: str, data_dir: str | None, image_size: tuple[int, int], limit: int | None, validation: float | None) -> Images:
    """The data set `data`: of its training images the first `limit`, with a part `validation` of those put aside.

    The part is the same in every run, whatever its seed.
    """
    train = load_part(data, data_dir, image_size, train=True)
    if limit is not None:
        train = train.subset(slice(limit))
    aside = None
    if validation is not None:
        train, aside = train.split(validation)
    if not len(train):
        raise RunError(f"--limit and --validation leave no training images of {data}")
    return Images(train, load_part(data, data_dir, image_size, train=False), aside)


def load_part(data: str, data_dir: str | None, image_size: tuple[int, int], train: bool) -> Dataset:
    """The training or the test images of a data set; those of a folder, which have no common size, already at `image_size`."""
    options: dict[str, Any] = {"size": image_size} if data == "folder" else {}
    return load(data, data_dir, train, **options)


def make_loaders(config: Config, images: Images) -> Loaders:
    """Batches of `images`: the training images shuffled and augmented as the recipe asks, the others as they are."""
    recipe = config.recipe
    changes = augmentations(recipe, images.train)
    prepared = preparation(recipe, config.image_size, images.train.image_shape)
    return Loaders(
        train=Loader(
            images.train, recipe.batch_size, shuffle=True, seed=config.seed, transform=[*changes.early, *prepared, *changes.late],
            mix=changes.mix,
        ),
        test=evaluation_loader(config, images.test),
        validation=evaluation_loader(config, images.validation) if images.validation is not None else None,
    )  # fmt: skip


def evaluation_loader(config: Config, images: Dataset) -> Loader:
    """Batches in the order of the data set, not augmented."""
    count = SEGMENTATION_BATCH if images.has_masks else EVALUATION_BATCH
    return Loader(images, count, transform=preparation(config.recipe, config.image_size, images.image_shape))


def preparation(recipe: Recipe, image_size: tuple[int, int], image_shape: tuple[int, ...]) -> list[Transform]:
    """What every image goes through before the model: to the model's size, and normalised where the recipe says so."""
    transforms: list[Transform] = []
    if tuple(image_shape[1:]) != tuple(image_size):
        transforms.append(Resize(image_size))
    if recipe.mean is not None and recipe.std is not None:
        transforms.append(Normalize(recipe.mean, recipe.std))
    return transforms
