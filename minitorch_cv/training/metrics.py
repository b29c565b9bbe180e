"""Loss and accuracy over many batches."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np


@dataclass
class Metrics:
    """Running sums over images. Python's numbers: exact counts, and a loss in float64."""

    loss_sum: float = 0.0
    top1_sum: int = 0
    top5_sum: int = 0
    images: int = 0

    def add(self, mean_loss: float, logits: np.ndarray, labels: np.ndarray) -> None:
        """One batch: its mean loss, logits (N, K), labels (N,); or probabilities (N, K), of which the largest counts as the label."""
        place = places(logits, labels if labels.ndim == 1 else labels.argmax(axis=1))
        self.loss_sum += mean_loss * len(labels)
        self.top1_sum += int((place < 1).sum())
        self.top5_sum += int((place < 5).sum())
        self.images += len(labels)

    @property
    def loss(self) -> float:
        """Mean over all images; NaN where there are none."""
        return self.loss_sum / self.images if self.images else float("nan")

    @property
    def top1(self) -> float:
        """The part of the images, between 0 and 1, whose label has the largest logit."""
        return self.top1_sum / self.images if self.images else float("nan")

    @property
    def top5(self) -> float:
        """The part of the images whose label has one of the five largest logits."""
        return self.top5_sum / self.images if self.images else float("nan")

    def as_data(self) -> dict[str, Any]:
        return asdict(self)


@dataclass
class Pace:
    """How fast the steps of an epoch are: all of them, and those that the rate is taken from."""

    seconds: float = 0.0
    rated_images: int = 0
    rated_seconds: float = 0.0

    def add(self, images: int, seconds: float, rated: bool = True) -> None:
        """One step. The first of a process is not `rated`: in it, kernels are compiled or loaded."""
        self.seconds += seconds
        if rated:
            self.rated_images += images
            self.rated_seconds += seconds

    @property
    def images_per_second(self) -> float:
        """0 before there is a step to tell by."""
        return self.rated_images / self.rated_seconds if self.rated_seconds else 0.0

    def as_data(self) -> dict[str, Any]:
        return asdict(self)


def places(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The place of each label in the order of its logits, 0 for the largest; of equal logits, the one of the lower class comes first.

    logits (N, K), labels (N,) -> (N,) int. Counting takes one pass, sorting would take more; and a model that gives
    every class the same logit gets no credit for it.
    """
    own = np.take_along_axis(logits, labels[:, None], axis=1)  # (N, 1)
    before = np.arange(logits.shape[1]) < labels[:, None]  # (N, K)
    return ((logits > own) | ((logits == own) & before)).sum(axis=1)
