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


def train_step(
    model: Module, optimizer: Optimizer, schedule: LRScheduler, images: np.ndarray, labels: np.ndarray, epoch: int, step: int,
    objective: Objective = PLAIN, precision: Precision = FLOAT32,
) -> tuple[float, np.ndarray]:  # fmt: skip
    """Forward, backward, update on one batch: images (N, C, H, W), labels (N,), or probabilities (N, K), or of pixels (N, H, W).

    Returns the loss before the update and the logits (N, K), or of pixels (N, K, H, W). Model, images and labels are on one device, and so
    are the logits.
    epoch, step: both from 0; what is drawn in this step, dropout for instance, is a function of them.
    Raises NotFiniteError, before anything is updated, where the loss or a gradient is infinite or NaN. With a scaled loss, gradients that
    are not finite are no error: the update is left out, and the scale shrinks.
    """
    random.at(epoch, step)
    optimizer.zero_grad()
    with precision.computing():
        loss, logits = objective(model(Tensor(images)), Tensor(labels))
    value = loss.item()
    if not math.isfinite(value):
        raise NotFiniteError(_sentence(f"the loss is {value}", model, images, labels, epoch, step, objective, precision))
    (loss if precision.scaler is None else loss * precision.scaler.scale).backward()
    gradients = [p.grad.data for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
    finite = kernels.all_finite(gradients)
    if precision.scaler is not None:
        if finite:
            kernels.scale(gradients, 1 / precision.scaler.scale)
        precision.scaler.update(finite)
    elif not finite:
        raise NotFiniteError(_sentence("a gradient is not finite", model, images, labels, epoch, step, objective, precision))
    if finite:
        optimizer.step()
    schedule.step()
    return value, logits.data


def require_finite_state(model: Module, epoch: int, step: int) -> None:
    """Raise NotFiniteError where a parameter or buffer of the model is infinite or NaN: such a state is not worth a checkpoint."""
    broken = _not_finite(model)
    if broken:
        raise NotFiniteError(f"{_where(epoch, step)}: {broken} is not finite after the update of this step, though its gradient was")


def _sentence(
    what: str, model: Module, images: np.ndarray, labels: np.ndarray, epoch: int, step: int, objective: Objective, precision: Precision
) -> str:
    random.at(epoch, step)  # the same dropout once more
    return f"{_where(epoch, step)}: {what}; it began in {find_origin(model, images, labels, objective, precision)}"


def find_origin(
    model: Module, images: np.ndarray, labels: np.ndarray, objective: Objective = PLAIN, precision: Precision = FLOAT32
) -> str:
    """Where the first value that is not finite comes from, in words: the same batch once more, under autograd's debug mode."""
    if not np.isfinite(images).all():
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
        if tensor is not None and not np.isfinite(tensor.data).all():
            return name
    return None
