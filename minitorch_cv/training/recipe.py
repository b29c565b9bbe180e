"""A recipe: how a model is trained on a data set, as plain data.

Models bring recipes along (see the files in `models/`), the command line replaces single values, `config.json` keeps
the result.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from minitorch_cv.training.augmentation import AUGMENTATIONS
from minitorch_cv.training.choices import OPTIMIZERS, SCHEDULES, check_choice


@dataclass(frozen=True)
class Recipe:
    """The values of one training.

    epochs, batch_size: the last, smaller batch of an epoch is trained on too.
    optimizer, lr, momentum, weight_decay: `optimizer` is a name of `choices.OPTIMIZERS`; `lr` is the highest learning
        rate of the schedule.
    ema: the decay of an average of the weights (`optim.EMA`, with warm-up), 0.999 say: the averages are what is evaluated and kept as
        the model. None: the weights themselves.
    schedule, schedule_options: a name of `choices.SCHEDULES`, and what that schedule is told, in fractions of the whole
        training.
    augment, augmentation: whether training images are changed at random, and how: `{"crop": P, "flip": True}` pads by P
        pixels, cuts out a piece of the former size at a random place, and mirrors every second image; all that can be
        named, and the values, are in `augmentation.AUGMENTATIONS`.
    label_smoothing: the part of each label that is spread evenly over all classes (Szegedy et al. 2016).
    auxiliary_weight: what the losses of auxiliary classifiers count, beside 1 for the model's own; models without any ignore it.
    image_size: (H, W) that the model is given; None for the model's usual one.
    model_options: how the model is made for this data set, `{"cifar": True}` say; see `models.create`.
    mean, std: for each channel, of pixels between 0 and 1: images enter the model as (pixel - mean) / std. None: as
        they are, between 0 and 1.
    """

    epochs: int
    batch_size: int
    lr: float
    optimizer: str = "sgd"
    momentum: float = 0.0
    weight_decay: float = 0.0
    ema: float | None = None
    schedule: str = "constant"
    schedule_options: Mapping[str, Any] = field(default_factory=dict)
    augment: bool = False
    augmentation: Mapping[str, Any] = field(default_factory=dict)
    label_smoothing: float = 0.0
    auxiliary_weight: float = 0.3
    image_size: tuple[int, int] | None = None
    model_options: Mapping[str, Any] = field(default_factory=dict)
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        check_choice("optimizer", self.optimizer, OPTIMIZERS)
        check_choice("schedule", self.schedule, SCHEDULES)
        _check("epochs", self.epochs, self.epochs >= 1, "at least 1")
        _check("batch_size", self.batch_size, self.batch_size >= 1, "at least 1")
        _check("lr", self.lr, 0 <= self.lr < math.inf, "a finite number that is not negative")
        _check("momentum", self.momentum, 0 <= self.momentum < 1, "at least 0 and less than 1")
        _check("weight_decay", self.weight_decay, 0 <= self.weight_decay < math.inf, "a finite number that is not negative")
        _check("ema", self.ema, self.ema is None or 0 <= self.ema < 1, "at least 0 and less than 1, or none")
        _check("label_smoothing", self.label_smoothing, 0 <= self.label_smoothing < 1, "at least 0 and less than 1")
        _check("auxiliary_weight", self.auxiliary_weight, 0 <= self.auxiliary_weight < math.inf, "a finite number that is not negative")
        sizes = self.image_size
        _check("image_size", sizes, sizes is None or (len(sizes) == 2 and min(sizes) >= 1), "(H, W), or none")
        if not OPTIMIZERS[self.optimizer].heavy:
            _check("momentum", self.momentum, self.momentum == 0, f"none, because the optimizer is {self.optimizer}")
        if self.optimizer == "nesterov":
            _check("momentum", self.momentum, self.momentum > 0, "more than 0, because the optimizer is nesterov")
        for name in self.augmentation:
            check_choice("augmentation", name, AUGMENTATIONS)
        _check("std", self.std, self.std is None or min(self.std) > 0, "positive numbers")
        _check("mean and std", (self.mean, self.std), (self.mean is None) == (self.std is None), "both or none")

    def with_options(self, **options: Any) -> "Recipe":
        """This recipe with some values replaced; options that are None leave theirs.

        Another optimiser brings its own customary learning rate and momentum, and another schedule its own options,
        unless they are given too: 0.1 is a learning rate for SGD and ruin for Adam. Augmentation that is given joins the recipe's,
        and switches `augment` on; model options join the recipe's too.
        """
        given = {name: value for name, value in options.items() if value is not None}
        changes: dict[str, Any] = {}
        optimizer, schedule = given.get("optimizer", self.optimizer), given.get("schedule", self.schedule)
        if optimizer in OPTIMIZERS and OPTIMIZERS[optimizer].family != OPTIMIZERS[self.optimizer].family:
            changes.update(lr=OPTIMIZERS[optimizer].usual_lr, momentum=OPTIMIZERS[optimizer].usual_momentum)
        if schedule != self.schedule:
            changes.update(schedule_options={})
        if "augmentation" in given:
            changes.update(augment=True)
            given["augmentation"] = {**self.augmentation, **given["augmentation"]}
        if "model_options" in given:
            given["model_options"] = {**self.model_options, **given["model_options"]}
        return replace(self, **{**changes, **given})

    def with_pixels_as_they_are(self) -> "Recipe":
        """This recipe without normalisation: the mean of one data set means nothing on another."""
        return replace(self, mean=None, std=None)

    def as_data(self) -> dict[str, Any]:
        """The recipe as a dictionary that JSON can hold."""
        mappings = {name: dict(getattr(self, name)) for name in ("schedule_options", "augmentation", "model_options")}
        return {**asdict(self), **mappings}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> "Recipe":
        """The reverse of `as_data`, also after a way through JSON, which turns tuples into lists."""
        known = {f.name for f in fields(cls)}
        if unknown := set(data) - known:
            raise ValueError(f"recipe: unknown entries {', '.join(sorted(unknown))}, expected {', '.join(sorted(known))}")
        values = dict(data)
        for name in ("mean", "std", "image_size"):
            if values.get(name) is not None:
                values[name] = tuple(values[name])
        return cls(**values)


def _check(name: str, value: object, holds: bool, expected: str) -> None:
    if not holds:
        raise ValueError(f"{name}: got {value}, expected {expected}")
