"""Losses as layers."""

import numpy as np

from minitorch_cv import functional as F
from minitorch_cv.nn.module import Module
from minitorch_cv.tensor import Tensor


class CrossEntropyLoss(Module):
    """Softmax and cross-entropy in one; see `functional.cross_entropy`. `weight` is a buffer, so it is part of the state."""

    def __init__(
        self, weight: Tensor | None = None, *, ignore_index: int = -100, reduction: str = "mean", label_smoothing: float = 0.0
    ) -> None:
        super().__init__()
        self.register_buffer("weight", weight)
        self.ignore_index, self.reduction, self.label_smoothing = ignore_index, reduction, label_smoothing

    def forward(self, input: Tensor, target: Tensor | np.ndarray) -> Tensor:
        return F.cross_entropy(
            input, target, self.weight, ignore_index=self.ignore_index, reduction=self.reduction, label_smoothing=self.label_smoothing
        )
