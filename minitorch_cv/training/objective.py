"""What a training minimises: cross-entropy of the model's outputs, auxiliary classifiers included."""

from dataclasses import dataclass
from typing import Any

import minitorch_cv.functional as F
from minitorch_cv.tensor import Tensor


@dataclass(frozen=True)
class Objective:
    """Mean cross-entropy of logits, plus `auxiliary_weight` times that of each auxiliary classifier's logits.

    A model with auxiliary classifiers returns a tuple in training mode: (logits, logits of the first of them, ...), as GoogLeNet does
    (Szegedy et al. 2015). label_smoothing: the part of each label that is spread evenly over all classes.
    """

    label_smoothing: float = 0.0
    auxiliary_weight: float = 0.3

    def __call__(self, output: Any, labels: Tensor) -> tuple[Tensor, Tensor]:
        """(loss, logits) of a model's output: logits (N, K), or (N, K, H, W) of images that are segmented, or a tuple of such."""
        logits, *auxiliary = output if isinstance(output, tuple) else (output,)
        loss = F.cross_entropy(logits, labels, label_smoothing=self.label_smoothing)
        for other in auxiliary:
            loss = loss + self.auxiliary_weight * F.cross_entropy(other, labels, label_smoothing=self.label_smoothing)
        return loss, logits


PLAIN = Objective()  # what evaluations report
