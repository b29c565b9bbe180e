"""Recipes that many models share. A model's file takes one as it is, or changes some values: `SHORT.with_options(lr=0.05)`."""

from collections.abc import Mapping
from typing import Any

from minitorch_cv.inference.preprocessing import IMAGENET_MEAN, IMAGENET_STD
from minitorch_cv.training.recipe import Recipe

CIFAR10: dict[str, Any] = {"mean": (0.4914, 0.4822, 0.4465), "std": (0.2470, 0.2435, 0.2616)}
CIFAR100: dict[str, Any] = {"mean": (0.5071, 0.4865, 0.4409), "std": (0.2673, 0.2564, 0.2762)}
IMAGENET: dict[str, Any] = {"mean": IMAGENET_MEAN, "std": IMAGENET_STD}

# Ten epochs, for CIFAR: networks with batch norm.
SHORT = Recipe(
    epochs=10, batch_size=128, optimizer="nesterov", lr=0.2, momentum=0.9, weight_decay=5e-4, schedule="linear",
    schedule_options={"warmup": 0.2}, augment=True, augmentation={"crop": 4, "flip": True},
)  # fmt: skip

# The same for networks of depthwise convolutions, which learn faster with less: after 200 updates with batches of 64 (of 6,400 images), a
# half-width MobileNet v2 classified 38.3 % of the test images at 0.05, and 33.7 % at 0.2; batches of 128 bear twice the rate.
DEPTHWISE = SHORT.with_options(lr=0.1)

# The same for networks without normalisation, which a large learning rate throws out at once.
GENTLE = SHORT.with_options(lr=0.02)

# Photographs in folders, a few thousand of them: the changes of images that ImageNet networks are trained with, cut less tightly.
FOLDER = Recipe(
    epochs=30, batch_size=32, optimizer="nesterov", lr=0.02, momentum=0.9, weight_decay=1e-4, schedule="cosine", augment=True,
    augmentation={"resized_crop": [0.35, 1.0], "flip": True}, **IMAGENET,
)  # fmt: skip


def cifar(recipe: Recipe = SHORT, image_size: tuple[int, int] | None = None, **model_options: Any) -> dict[str, Recipe]:
    """`recipe` for CIFAR-10 and CIFAR-100, their pixels normalised.

    image_size, model_options: how the model is made for images of 32x32, where that is not its usual form:
        `cifar(image_size=(32, 32), cifar=True)`.
    """
    recipe = recipe.with_options(image_size=image_size, model_options=model_options)
    return {"cifar10": recipe.with_options(**CIFAR10), "cifar100": recipe.with_options(**CIFAR100)}


def photographs(small: Mapping[str, Recipe] | None = None, folder: Recipe = FOLDER) -> dict[str, Recipe]:
    """The recipes of a network for photographs: those of its small form first, where it has one, then the one for folders of images."""
    return {**(small or {}), "folder": folder}
