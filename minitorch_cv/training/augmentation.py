"""What a recipe's `augmentation` can name: the random changes of training images. A new one is one entry in a table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from minitorch_cv.data import (
    ColorJitter,
    CutMix,
    Cutout,
    Dataset,
    Mixup,
    PCANoise,
    RandAugment,
    RandomCrop,
    RandomErasing,
    RandomHorizontalFlip,
    RandomMix,
    RandomResizedCrop,
    RandomRotation,
    RandomVerticalFlip,
    TrivialAugment,
)
from minitorch_cv.data.mixing import Mixing
from minitorch_cv.data.transforms import Transform
from minitorch_cv.training.choices import check_choice
from minitorch_cv.training.named_values import named_values

if TYPE_CHECKING:
    from minitorch_cv.training.recipe import Recipe


class Augmentations(NamedTuple):
    """When a change comes: `early`, on pixels as the data set has them; `late`, on images as the model gets them; `mix`, on batches."""

    early: list[Transform]
    late: list[Transform]
    mix: Mixing | None


def augmentations(recipe: Recipe, images: Dataset) -> Augmentations:
    """The changes that a recipe asks for, in the order of the tables: made from the value that it gives for each name.

    A value that is 0, false or empty means none. Raises ValueError where a value does not suit.
    """
    wanted = {name: value for name, value in recipe.augmentation.items() if value} if recipe.augment else {}

    def made(table: Mapping[str, Callable[[Any, Dataset], Any]]) -> list[Any]:
        return [_made(name, build, wanted[name], images) for name, build in table.items() if name in wanted]

    mixings = made(MIX)
    return Augmentations(made(EARLY), made(LATE), RandomMix(mixings) if mixings else None)


def _made(name: str, build: Callable[[Any, Dataset], Any], value: Any, images: Dataset) -> Any:
    try:
        return build(value, images)
    except (TypeError, ValueError) as error:
        raise ValueError(f"augmentation: {name} cannot be {value!r}: {error}") from error


EARLY: Mapping[str, Callable[[Any, Dataset], Transform]] = {
    "crop": lambda padding, images: RandomCrop(images.image_shape[1:], padding=padding),  # pixels of black border
    "resized_crop": lambda scale, images: RandomResizedCrop(images.image_shape[1:], scale=scale),  # [low, high], parts of the area
    "flip": lambda value, images: RandomHorizontalFlip(),  # true
    "vertical_flip": lambda value, images: RandomVerticalFlip(),  # true
    "rotation": lambda degrees, images: RandomRotation(degrees),  # at most so many
    "randaugment": lambda value, images: RandAugment(*value),  # [operations, magnitude]
    "trivial_augment": lambda value, images: TrivialAugment(),  # true
    "color_jitter": lambda amounts, images: ColorJitter(*amounts),  # [brightness, contrast, saturation, hue], or the first of them
    "pca_noise": lambda sigma, images: PCANoise.of(images.images, sigma),  # its standard deviation
}
LATE: Mapping[str, Callable[[Any, Dataset], Transform]] = {
    "cutout": lambda size, images: Cutout(size),  # pixels
    "erasing": lambda p, images: RandomErasing(p),  # its probability
}
MIX: Mapping[str, Callable[[Any, Dataset], Mixing]] = {  # of several, one is drawn for each batch
    "mixup": lambda alpha, images: Mixup(alpha),
    "cutmix": lambda alpha, images: CutMix(alpha),
}
AUGMENTATIONS = (*EARLY, *LATE, *MIX)


def from_options(texts: Iterable[str]) -> dict[str, Any]:
    """What the command line says, `["crop=4", "flip=true", "randaugment=[2, 9]"]`, as part of a recipe's `augmentation`."""
    values = named_values("--augmentation", texts)
    for name in values:
        check_choice("--augmentation", name, AUGMENTATIONS)
    return values
