"""A training that takes a moment: a small network, sixty noisy images, three epochs."""

from pathlib import Path
from typing import Any

import numpy as np

import minitorch_cv as mt
import minitorch_cv.functional as F
from minitorch_cv import nn
from minitorch_cv.data import Dataset, Loader
from minitorch_cv.data.transforms import RandomCrop, RandomHorizontalFlip
from minitorch_cv.training.loop import Loaders, Trainer
from minitorch_cv.training.recipe import Recipe
from minitorch_cv.training.reporting import Reporter
from minitorch_cv.training.run_folder import RunFolder

RECIPE = Recipe(epochs=3, batch_size=16, lr=0.05, optimizer="nesterov", momentum=0.9, weight_decay=1e-3, schedule="linear")
STEPS = 4  # in an epoch


class SmallNet(nn.Module):
    """Everything that makes resuming hard: running statistics, dropout, momentum."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(4)
        self.pool = nn.MaxPool2d(2)
        self.dropout = nn.Dropout(0.3)
        self.fc = nn.Linear(4 * 4 * 4, 3)

    def forward(self, x: mt.Tensor) -> mt.Tensor:
        return self.fc(self.dropout(F.flatten(self.pool(self.bn(self.conv(x), relu=True)), 1)))


def small_data(count: int = 60, seed: int = 0) -> Dataset:
    """`count` images of 8 x 8 in three classes: noise, brighter in one third."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    images = rng.integers(0, 120, (count, 8, 8, 1))
    for image, label in zip(images, labels, strict=True):
        image[2 * label : 2 * label + 4] += 100
    return Dataset(images.astype(np.uint8), labels.astype(np.int64), ("top", "middle", "bottom"), "small")


class Crash(BaseException):
    """Stands for the end of the process: nothing handles it."""


class CrashAfter(Reporter):
    """Crashes after so many steps, or at the end of an epoch."""

    def __init__(self, steps: int | None = None, epoch: int | None = None) -> None:
        self.steps, self.crash_epoch, self.made = steps, epoch, 0

    def step(self, step: int, running: Any, pace: Any) -> None:
        self.made += 1
        if self.made == self.steps:
            raise Crash

    def epoch_finished(self, line: dict[str, Any], epochs: int) -> None:
        if line["epoch"] == self.crash_epoch:
            raise Crash


def make_trainer(
    folder: Path, recipe: Recipe = RECIPE, report: Reporter | None = None, validation: bool = False, prefetch: int = 2
) -> Trainer:
    """A trainer as a new process would make it: same seed, fresh model."""
    mt.manual_seed(7)
    transform = [RandomCrop(8, padding=1), RandomHorizontalFlip()]
    loaders = Loaders(
        train=Loader(small_data(), recipe.batch_size, shuffle=True, seed=7, transform=transform, prefetch=prefetch),
        test=Loader(small_data(30, seed=1), 16, prefetch=prefetch),
        validation=Loader(small_data(21, seed=2), 16, prefetch=prefetch) if validation else None,
    )
    return Trainer(SmallNet(), recipe, loaders, RunFolder(folder), report or Reporter())


def outcome(trainer: Trainer) -> tuple[dict[str, bytes], list[dict[str, Any]]]:
    """What must not depend on interruptions: all weights and statistics, and the metrics without their times."""
    weights = {name: tensor.numpy().tobytes() for name, tensor in trainer.model.state_dict().items()}
    timing = ("images_per_second", "seconds")
    return weights, [{key: value for key, value in line.items() if key not in timing} for line in trainer.folder.read_metrics()]
