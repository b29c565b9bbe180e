"""Mixed precision: what a training computes in, and how small gradients survive float16.

Weights, gradients and the optimiser's state are float32 always ("master weights"): an update is often smaller than a weight by a factor
that 16 bits cannot tell from nothing. What is float16 or bfloat16 is the images between the layers, and the factors of convolutions and
matrix products, whose sums are float32: see `minitorch_cv.autocast`.

    float32     as it is
    tf32        factors of products are rounded to 10 bits after the point, inside the GPU's tensor cores
    bfloat16    float32's range with 7 bits: half of the memory traffic
    float16     10 bits, but nothing between 0 and 6e-8: the loss is multiplied by a large number before backward, so that
                gradients, too, are large; they are divided by it before the update

(Micikevicius et al. 2018, "Mixed precision training".)
"""

import math
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from minitorch_cv.autograd.autocast import PRECISIONS, autocast
from minitorch_cv.training.errors import NotFiniteError

__all__ = ["FLOAT32", "PRECISIONS", "LossScaler", "Precision"]


@dataclass
class LossScaler:
    """A factor for the loss that looks for its own size, always a power of two, so that multiplying by it rounds nothing.

    It shrinks by half where a gradient is not finite, in which case the update is left out, and doubles after `patience` good steps.
    """

    scale: float = 2.0**16
    patience: int = 2000
    good_steps: int = 0

    def update(self, finite: bool) -> None:
        """Take note of whether all gradients of a step were finite. NotFiniteError where even a factor of 1 is too large."""
        if finite:
            self.good_steps += 1
            if self.good_steps == self.patience:
                self.scale, self.good_steps = min(self.scale * 2, 2.0**24), 0
            return
        self.scale, self.good_steps = self.scale / 2, 0
        if self.scale < 1:
            raise NotFiniteError("gradients are not finite in float16, whatever the loss is scaled by: bfloat16 has a wider range")

    def state_dict(self) -> dict[str, Any]:
        """The state, for a checkpoint."""
        return {"scale": self.scale, "good_steps": self.good_steps}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to a state. ValueError for a scale that is no positive number."""
        scale, good_steps = float(state["scale"]), int(state["good_steps"])
        if not (math.isfinite(scale) and scale > 0 and good_steps >= 0):
            raise ValueError(f"scale: got {scale} after {good_steps} good steps, expected a positive number")
        self.scale, self.good_steps = scale, good_steps


class Precision:
    """What the steps of a training compute in: one of `PRECISIONS`. `scaler` is there for float16 alone."""

    def __init__(self, name: str = "float32") -> None:
        self.name = name
        self.scaler = LossScaler() if name == "float16" else None

    def computing(self) -> AbstractContextManager:
        """Inside, layers compute in this precision."""
        return nullcontext() if self.name == "float32" else autocast(self.name)


FLOAT32 = Precision()
