"""A data set that lies in a GPU's memory, and batches that are cut out of it there.

Where the images are bytes of one size and the loader does no more than crop, mirror and normalise them, the whole data set is copied to the
GPU once (CIFAR-10 takes 150 MB). After that the computer draws the places of the crops, as always, and sends these few numbers for
each batch; `kernels.augment` makes the images. They have the same bits as the loader's own.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

import kernels
from kernels import gpu
from minitorch_cv.data.device_batches import DeviceBatch
from minitorch_cv.data.loader import Loader
from minitorch_cv.data.transforms import Normalize, RandomCrop, RandomHorizontalFlip, ToFloat
from minitorch_cv.random import generator_at

MOST_OF_FREE_MEMORY = 0.25  # what a data set may take


class Plan(NamedTuple):
    """What a loader does to an image, in this order. values (C, 256): what becomes of each byte."""

    crop: RandomCrop | None
    flip: RandomHorizontalFlip | None
    values: np.ndarray
    size: tuple[int, int]


def plan_of(loader: Loader) -> Plan | None:
    """What `loader` does, if it can be done by `kernels.augment`; else None."""
    images = loader.dataset.images
    if images.dtype != np.uint8 or loader.mix is not None or loader.dataset.has_masks:
        return None
    steps = list(loader.transform.transforms)
    crop: Any = steps.pop(0) if steps and type(steps[0]) is RandomCrop else None
    flip: Any = steps.pop(0) if steps and type(steps[0]) is RandomHorizontalFlip else None
    if [type(step) for step in steps] not in ([ToFloat], [Normalize, ToFloat]):
        return None
    C = images.shape[3]
    values = np.broadcast_to(np.arange(256, dtype=np.uint8)[:, None], (256, C)).reshape(1, 1, 256, C)
    for step in steps:
        values = step(values, np.random.default_rng(0))  # which draw nothing
    return Plan(crop, flip, np.ascontiguousarray(values.reshape(256, C).T), crop.size if crop else images.shape[1:3])


class ResidentImages:
    """The images of a data set on the current GPU, channels-last, and the table of what becomes of their bytes."""

    def __init__(self, loader: Loader, plan: Plan) -> None:
        cupy = gpu.cupy()
        self.plan = plan
        self.images = cupy.asarray(np.ascontiguousarray(loader.dataset.images)).transpose(0, 3, 1, 2)  # (N, C, H, W)
        self.values = cupy.asarray(plan.values)

    @classmethod
    def of(cls, loader: Loader) -> "ResidentImages | None":
        """Those of `loader`, where it does no more than a GPU can do with bytes, and where there is room for them; else None."""
        plan = plan_of(loader)
        free, _ = gpu.cupy().cuda.Device().mem_info
        return None if plan is None or loader.dataset.images.nbytes > MOST_OF_FREE_MEMORY * free else cls(loader, plan)

    def batches(self, loader: Loader, epoch: int, start_step: int = 0) -> Iterator[DeviceBatch]:
        """What `loader.epoch(epoch, start_step)` gives, on the GPU."""
        import cupy

        order = loader.order(epoch)
        for step in range(start_step, len(loader)):
            chosen = order[step * loader.batch_size : (step + 1) * loader.batch_size]
            labels = loader.dataset.labels[chosen]
            picks = self._picks(chosen, generator_at(loader.seed, "augment", epoch, step))
            images: Any = kernels.augment(self.images, cupy.asarray(picks), self.plan.size, self.values)
            yield DeviceBatch(images, cupy.asarray(labels), labels)

    def _picks(self, chosen: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """(B, 4): the number of each image, top and left of its piece, whether it is mirrored; drawn in the order of the loader's draws."""
        picks = np.zeros((len(chosen), 4), np.int64)
        picks[:, 0] = chosen
        if self.plan.crop is not None:
            picks[:, 1], picks[:, 2] = self.plan.crop.draw(len(chosen), self.images.shape[2:], rng)
        if self.plan.flip is not None:
            picks[:, 3] = self.plan.flip.draw(len(chosen), rng)
        return picks
