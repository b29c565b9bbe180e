"""How good a model is on images that it was not trained on."""

import math
from collections.abc import Callable
from contextlib import closing
from typing import Any

from minitorch_cv.autograd import no_grad
from minitorch_cv.data import Loader
from minitorch_cv.device import host
from minitorch_cv.nn import Module
from minitorch_cv.tensor import Tensor
from minitorch_cv.training.errors import NotFiniteError
from minitorch_cv.training.execution import ON_CPU, Execution
from minitorch_cv.training.metrics import Metrics
from minitorch_cv.training.objective import PLAIN
from minitorch_cv.training.step import find_origin


def evaluate(
    model: Module, loader: Loader, after_batch: Callable[[], None] | None = None, execution: Execution = ON_CPU
) -> Metrics:
    """Loss and accuracies of `model` over all batches of `loader`, in evaluation mode; the model's mode is restored.

    after_batch: called between batches; what it raises ends the evaluation. execution: the device that the model is on, and the precision.
    Raises NotFiniteError where a loss is infinite or NaN.
    """
    was_training = model.training
    model.eval()
    metrics = Metrics()
    batches: Any = execution.batches(loader, 0)
    try:
        with no_grad(), closing(batches), execution.precision.computing():
            for images, labels, host_labels in batches:
                mean, logits = PLAIN(model(Tensor(images)), Tensor(labels))
                loss = mean.item()
                if not math.isfinite(loss):
                    raise NotFiniteError(f"the loss of a batch is {loss}; it began in {find_origin(model, images, labels)}")
                metrics.add(loss, host(logits.data), host_labels)
                if after_batch:
                    after_batch()
    finally:
        model.train(was_training)
    return metrics
