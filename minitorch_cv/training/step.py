"""One training step, and the search for the culprit where it goes wrong."""

import math

import numpy as np

import kernels
from minitorch_cv import autograd, random
from minitorch_cv.nn import Module
from minitorch_cv.optim import Optimizer
from minitorch_cv.optim.lr_scheduler import LRScheduler
from minitorch_cv.tensor import Tensor
from minitorch_cv.training.errors import NotFiniteError
from minitorch_cv.training.objective import PLAIN, Objective
from minitorch_cv.training.precision import FLOAT32, Precision


class TrainStep:
    """Forward, backward, update: called with one batch after another.

    model and batches are on one device. objective: what is minimised. precision: what it is computed in.
    """

    def __init__(
        self, model: Module, optimizer: Optimizer, schedule: LRScheduler, objective: Objective = PLAIN, precision: Precision = FLOAT32
    ) -> None:
        self.model = model
        self.optimizer = optimizer
        self.schedule = schedule
        self.objective = objective
        self.precision = precision

    def __call__(self, images: np.ndarray, labels: np.ndarray, epoch: int, step: int) -> tuple[float, np.ndarray]:
        """One step on images (N, C, H, W), labels (N,), or probabilities (N, K), or of pixels (N, H, W).

        Returns the loss before the update and the logits (N, K), or of pixels (N, K, H, W), on the device of the batch.
        epoch, step: both from 0; what is drawn in this step, dropout for instance, is a function of them.
        Raises NotFiniteError, before anything is updated, where the loss or a gradient is infinite or NaN. With a scaled loss, gradients
        that are not finite are no error: the update is left out, and the scale shrinks.
        """
        random.at(epoch, step)
        self.optimizer.zero_grad()
        loss, logits = self.forward(images, labels)
        value = loss.item()
        if not math.isfinite(value):
            raise self.not_finite(f"the loss is {value}", images, labels, epoch, step)
        scaler = self.precision.scaler
        self.backward(loss if scaler is None else loss * scaler.scale)
        if scaler is not None:
            wrong = kernels.unscale(self.gradients(), 1 / scaler.scale)  # how many numbers are not finite
            self.optimizer.step(skip=wrong)
            scaler.update(finite=not int(wrong))
        elif kernels.all_finite(self.gradients()):
            self.optimizer.step()
        else:
            raise self.not_finite("a gradient is not finite", images, labels, epoch, step)
        self.schedule.step()
        return value, logits.data

    def forward(self, images: np.ndarray, labels: np.ndarray) -> tuple[Tensor, Tensor]:
        """(loss, logits) of a batch."""
        with self.precision.computing():
            return self.objective(self.model(Tensor(images)), Tensor(labels))

    def backward(self, loss: Tensor) -> None:
        """Compute the gradients; their types are those of forward, and TF32 is what products are computed in there, too."""
        with self.precision.computing():
            loss.backward()

    def gradients(self) -> list[np.ndarray]:
        """The arrays of all gradients that there are."""
        return [p.grad.data for group in self.optimizer.param_groups for p in group["params"] if p.grad is not None]

    def not_finite(self, what: str, images: np.ndarray, labels: np.ndarray, epoch: int, step: int) -> NotFiniteError:
        """The error that says what is wrong in this step, and where it began."""
        random.at(epoch, step)  # the same dropout once more
        origin = find_origin(self.model, images, labels, self.objective, self.precision)
        return NotFiniteError(f"{_where(epoch, step)}: {what}; it began in {origin}")


def require_finite_state(model: Module, epoch: int, step: int) -> None:
    """Raise NotFiniteError where a parameter or buffer of the model is infinite or NaN: such a state is not worth a checkpoint."""
    broken = _not_finite(model)
    if broken:
        raise NotFiniteError(f"{_where(epoch, step)}: {broken} is not finite after the update of this step, though its gradient was")


def find_origin(
    model: Module, images: np.ndarray, labels: np.ndarray, objective: Objective = PLAIN, precision: Precision = FLOAT32
) -> str:
    """Where the first value that is not finite comes from, in words: the same batch once more, under autograd's debug mode."""
    if not bool(np.isfinite(images).all()):
        return "the images of this batch"
    broken = _not_finite(model)
    if broken:
        return f"{broken}, which the last update made infinite or NaN"
    try:
        with autograd.debug_mode(), precision.computing():
            loss, _ = objective(model(Tensor(images)), Tensor(labels))
            if loss.requires_grad:
                loss.backward()
    except autograd.NonFiniteError as error:
        return f"the {error}"
    return "a function that gave finite values when the batch was repeated"


def _where(epoch: int, step: int) -> str:
    return f"epoch {epoch + 1}, step {step + 1}"


def _not_finite(model: Module) -> str | None:
    states: list[tuple[str, Tensor]] = [*model.named_parameters(), *model.named_buffers()]
    for name, tensor in states:
        if tensor is not None and not bool(np.isfinite(tensor.data).all()):
            return name
    return None
