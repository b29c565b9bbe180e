"""Averages of a model's weights over the steps of its training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

import kernels
from kernels.dtypes import is_floating
from minitorch_cv.device import at_work, device_of, moved
from minitorch_cv.optim.optimizer import require
from minitorch_cv.tensor import Tensor

if TYPE_CHECKING:
    from minitorch_cv.nn import Module


class EMA:
    r"""The exponential moving average of a model's weights: smoother than the weights themselves, and often more accurate.

        ema = EMA(model, decay=0.999)
        ...
        optimizer.step()
        ema.update()                  # after each step
        ...
        with ema.swapped():           # the model has the averages as its weights in here
            evaluate(model)

    average <- decay * average + (1 - decay) * weight; the first update copies. The averages reach back over about
    1 / (1 - decay) updates. warmup: at update number t = 0, 1, ... the decay is min(decay, (1 + t) / (10 + t)), so that early
    averages forget the initial weights sooner. buffers: running statistics are averaged as the weights are; with False they are
    copied, and so are integers in any case.

    The averages are beside the model: updating does not touch it. Polyak, Juditsky 1992; for networks: Szegedy et al.:
    Rethinking the Inception Architecture for Computer Vision (CVPR 2016); the warm-up is TensorFlow's `num_updates`.
    """

    def __init__(self, model: Module, decay: float = 0.999, warmup: bool = False, buffers: bool = True) -> None:
        require(0 <= decay <= 1, "decay", decay, "a number from 0 to 1")
        self.model, self.decay, self.warmup, self.buffers = model, decay, warmup, buffers
        self.updates = 0
        for path, tensor in self._tensors().items():
            if tensor.is_meta:
                raise ValueError(f"model: {path} is a shape-only tensor (device 'meta'), expected one that has values to average")
        self.averages = {path: _copy(tensor.data) for path, tensor in self._tensors().items()}

    def update(self) -> None:
        """Take the model's weights, as they are now, into the averages."""
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates)) if self.warmup else self.decay
        parameters = {id(parameter) for parameter in self.model.parameters()}
        averages, weights = [], []
        for path, tensor in self._tensors().items():
            averaged = is_floating(tensor.dtype) and (self.buffers or id(tensor) in parameters)
            if averaged and self.updates:
                averages.append(self.averages[path])
                weights.append(tensor.data)
            else:
                with at_work(tensor.device):
                    self.averages[path][...] = tensor.data
        # average - (1 - decay) * (average - weight) is a step of SGD whose gradient is the weight and whose decay is 1
        kernels.sgd_step(averages, weights, lr=1 - decay, weight_decay=1.0, maximize=True)
        self.updates += 1

    @contextmanager
    def swapped(self) -> Iterator[Module]:
        """Inside the block the model's weights and buffers are the averages; after it, whatever happens, what they were."""
        self._swap()
        try:
            yield self.model
        finally:
            self._swap()

    def state_dict(self) -> dict[str, Any]:
        """The averages, as copies by path, and how many updates they have seen."""
        return {"updates": self.updates, "averages": {path: _copy(average) for path, average in self.averages.items()}}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave for a model of the same shapes; nothing changes if it does not fit."""
        loaded = state_dict["averages"]
        if wrong := loaded.keys() ^ self.averages.keys():
            raise ValueError(f"state_dict: missing or unknown averages: {', '.join(sorted(wrong))}")
        for path, average in self.averages.items():
            if loaded[path].shape != average.shape:
                raise ValueError(f"state_dict: the average of {path} has shape {loaded[path].shape}, the model's {average.shape}")
        for path, average in self.averages.items():
            with at_work(device_of(average)):
                average[...] = moved(loaded[path], device_of(average))
        self.updates = state_dict["updates"]

    def _tensors(self) -> dict[str, Tensor]:
        """All that is saved with the model, by path; what stands under several paths, under the first."""
        first = {id(tensor): (path, tensor) for path, tensor in reversed(self.model.state_dict(keep_vars=True).items())}
        return dict(reversed(first.values()))

    def _swap(self) -> None:
        for path, tensor in self._tensors().items():
            self.averages[path], tensor.data = tensor.data, self.averages[path]
            tensor.mark_changed()


def _copy(array: np.ndarray) -> np.ndarray:
    """A copy on the same device, in the same memory order."""
    with at_work(device_of(array)):
        return array.copy(order="K")
