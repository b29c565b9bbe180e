"""How good a model is on images that it was not trained on."""

import math
from collections.abc import Callable
from contextlib import closing
from typing import Any

from minitorch_cv import from_numpy
from minitorch_cv.autograd import no_grad
from minitorch_cv.data import Loader
from minitorch_cv.nn import Module
from minitorch_cv.training.errors import NotFiniteError
from minitorch_cv.training.metrics import Metrics
from minitorch_cv.training.objective import PLAIN
from minitorch_cv.training.step import find_origin


def evaluate(model: Module, loader: Loader, after_batch: Callable[[], None] | None = None) -> Metrics:
    """Loss and accuracies of `model` over all batches of `loader`, in evaluation mode; the model's mode is restored.

    after_batch: called between batches; what it raises ends the evaluation. Raises NotFiniteError where a loss is
    infinite or NaN.
    """
    was_training = model.training
    model.eval()
    metrics = Metrics()
    batches: Any = loader.epoch(0)
    try:
        with no_grad(), closing(batches):
            for images, labels in batches:
                mean, logits = PLAIN(model(from_numpy(images)), from_numpy(labels))
                loss = mean.item()
                if not math.isfinite(loss):
                    raise NotFiniteError(f"the loss of a batch is {loss}; it began in {find_origin(model, images, labels)}")
                metrics.add(loss, logits.data, labels)
                if after_batch:
                    after_batch()
    finally:
        model.train(was_training)
    return metrics
