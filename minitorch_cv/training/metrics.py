"""Loss and accuracy over many batches."""

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np


@dataclass
class Metrics:
    """Running sums over images, or over the pixels of images that are segmented. Python's numbers: exact counts, and a loss in float64.

    pixels: how many labels there were in masks; 0 for images that are classified. hits, unions: for each class, how many pixels have it
    as their label and as the prediction, and how many as one of the two; empty for images that are classified.
    """

    loss_sum: float = 0.0
    top1_sum: int = 0
    top5_sum: int = 0
    images: int = 0
    pixels: int = 0
    hits: list[int] = field(default_factory=list)
    unions: list[int] = field(default_factory=list)

    def add(self, mean_loss: float, logits: np.ndarray, labels: np.ndarray) -> None:
        """One batch: its mean loss, logits (N, K), labels (N,); or probabilities (N, K), of which the largest counts as the label.

        Of images that are segmented: logits (N, K, H, W), labels (N, H, W).
        """
        if logits.ndim > 2:
            self._add_classes(logits, labels)
        elif labels.ndim > 1:
            labels = labels.argmax(axis=1)
        place = places(logits, labels)
        self.loss_sum += mean_loss * len(labels)
        self.top1_sum += int((place < 1).sum())
        self.top5_sum += int((place < 5).sum())
        self.images += len(labels)

    def _add_classes(self, logits: np.ndarray, masks: np.ndarray) -> None:
        K = logits.shape[1]
        predictions = logits.argmax(axis=1)  # (N, H, W)
        hits, labelled, predicted = (
            np.bincount(classes.reshape(-1), minlength=K) for classes in (masks[masks == predictions], masks, predictions)
        )
        unions = labelled + predicted - hits
        self.hits = [old + int(new) for old, new in zip(self.hits or [0] * K, hits, strict=True)]
        self.unions = [old + int(new) for old, new in zip(self.unions or [0] * K, unions, strict=True)]
        self.pixels += masks.size

    @property
    def loss(self) -> float:
        """Mean over all images; NaN where there are none."""
        return self.loss_sum / self.images if self.images else float("nan")

    @property
    def top1(self) -> float:
        """The part of the images (or pixels), between 0 and 1, whose label has the largest logit."""
        return self.top1_sum / (self.pixels or self.images) if self.images else float("nan")

    @property
    def top5(self) -> float:
        """The part of the images (or pixels) whose label has one of the five largest logits."""
        return self.top5_sum / (self.pixels or self.images) if self.images else float("nan")

    @property
    def mean_iou(self) -> float:
        """Intersection over union of the pixels labelled and predicted as a class, between 0 and 1: the mean over all classes that occur.

        NaN where no images were segmented.
        """
        parts = [hits / union for hits, union in zip(self.hits, self.unions, strict=True) if union]
        return sum(parts) / len(parts) if parts else float("nan")

    def facts(self, name: str, top5: bool = True) -> dict[str, float]:
        """`{"test_loss": ..., "test_top1": ..., "test_top5": ...}` for the name "test", and "test_mean_iou" where images were segmented."""
        facts = {f"{name}_loss": self.loss, f"{name}_top1": self.top1}
        if top5:
            facts[f"{name}_top5"] = self.top5
        if self.pixels:
            facts[f"{name}_mean_iou"] = self.mean_iou
        return facts

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

    logits (N, K, ...), labels (N, ...) -> (N, ...) int. Counting takes one pass, sorting would take more; and a model that gives
    every class the same logit gets no credit for it.
    """
    own = np.take_along_axis(logits, labels[:, None], axis=1)  # (N, 1, ...)
    classes = np.arange(logits.shape[1]).reshape(-1, *[1] * (logits.ndim - 2))  # (K, ...)
    before = classes < labels[:, None]  # (N, K, ...)
    return ((logits > own) | ((logits == own) & before)).sum(axis=1)
