"""Where and how the steps of a training are computed: the device, the precision, and whether a step is recorded."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

import minitorch_cv as mt
from kernels import gpu
from minitorch_cv.data.device_batches import DeviceBatches
from minitorch_cv.data.loader import Loader
from minitorch_cv.data.resident import ResidentImages
from minitorch_cv.device import computing_on
from minitorch_cv.training.choices import check_choice
from minitorch_cv.training.precision import PRECISIONS, Precision

DEVICES = "cpu, cuda, cuda:1, ... or auto"


class Execution:
    """How a training computes. device: "cpu", "cuda" or "cuda:1". precision: one of `PRECISIONS`. cuda_graph: record a step, and replay it.

    Errors: ValueError for a device that is none and for what the CPU cannot do; GpuUnavailableError where there is no GPU.
    """

    def __init__(self, device: str = "cpu", precision: str = "float32", cuda_graph: bool = False) -> None:
        check_choice("--precision", precision, PRECISIONS)
        self.device = mt.device(device)
        self.precision = Precision(precision)
        self.cuda_graph = cuda_graph
        self._resident: dict[Loader, ResidentImages | None] = {}
        if self.device.type not in ("cpu", "cuda"):
            raise ValueError(f"--device: got {device!r}, expected {DEVICES}")
        if self.on_gpu:
            with computing_on(self.device):  # an error where there is no such GPU
                pass
        elif precision != "float32":
            raise ValueError(f"--precision: got {precision} with --device cpu, which computes in float32; a GPU gains by the others")
        elif cuda_graph:
            raise ValueError("--cuda-graph: got --device cpu, which has no launches to record")

    @property
    def on_gpu(self) -> bool:
        """Whether the device is a GPU."""
        return self.device.type == "cuda"

    def current(self) -> AbstractContextManager:
        """Inside, the device is the one that kernels and new arrays are for."""
        return computing_on(self.device) if self.on_gpu else nullcontext()

    def batches(self, loader: Loader, epoch: int, start_step: int = 0) -> Any:
        """A loader's (images, labels) as (images, labels, labels): the first two on the device, the third in the computer's memory.

        On a GPU, images that are only cut and normalised are made there (see `data.resident`); others are copied while it computes.
        """
        if not self.on_gpu:
            return _WithHostLabels(loader.epoch(epoch, start_step))
        if loader not in self._resident:
            self._resident[loader] = ResidentImages.of(loader)
        resident = self._resident[loader]
        return DeviceBatches(loader.epoch(epoch, start_step)) if resident is None else resident.batches(epoch, start_step)


class _WithHostLabels(Iterator):
    def __init__(self, batches: Any) -> None:
        self._batches = batches

    def __next__(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        images, labels = next(self._batches)
        return images, labels, labels

    def close(self) -> None:
        self._batches.close()


def resolved(device: str | None) -> str:
    """The option `--device`: "auto" is the first GPU where there is one, else the CPU; nothing is the CPU."""
    if device == "auto":
        return "cpu" if gpu.problem() else "cuda"
    return device or "cpu"


ON_CPU = Execution()
