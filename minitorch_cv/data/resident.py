"""A data set that lies in a GPU's memory, and batches that are cut out of it there.

Where the images are bytes of one size and the loader does no more than crop, mirror and normalise them, the whole data set is copied to the
GPU once (CIFAR-10 takes 150 MB). After that the computer draws the places of the crops, as always, and sends these few numbers for
each batch; `Pieces` makes the images. They have the same bits as the loader's own.
"""

from collections.abc import Iterator

import numpy as np

from kernels import gpu
from minitorch_cv.data.device_batches import DeviceBatch
from minitorch_cv.data.loader import Loader
from minitorch_cv.data.pieces import Pieces
from minitorch_cv.random import generator_at

MOST_OF_FREE_MEMORY = 0.25  # what a data set may take


class ResidentImages:
    """The images of a loader's data set on the current GPU, channels-last."""

    def __init__(self, loader: Loader, pieces: Pieces) -> None:
        self.loader = loader
        self.pieces = pieces
        self.images = gpu.cupy().asarray(np.ascontiguousarray(loader.dataset.images)).transpose(0, 3, 1, 2)  # (N, C, H, W)

    @classmethod
    def of(cls, loader: Loader) -> "ResidentImages | None":
        """Those of `loader`, where it does no more than a GPU can do with bytes, and where there is room for them; else None."""
        images = loader.dataset.images
        if images.dtype != np.uint8 or loader.mix is not None or loader.dataset.has_masks:
            return None
        pieces = Pieces.of(loader.transform.transforms)
        free, _ = gpu.cupy().cuda.Device().mem_info
        return None if pieces is None or images.nbytes > MOST_OF_FREE_MEMORY * free else cls(loader, pieces)

    def batches(self, epoch: int, start_step: int = 0) -> Iterator[DeviceBatch]:
        """What the loader's `epoch` gives, on the GPU."""
        import cupy

        loader, order = self.loader, self.loader.order(epoch)
        for step in range(start_step, len(loader)):
            chosen = order[step * loader.batch_size : (step + 1) * loader.batch_size]
            labels = loader.dataset.labels[chosen]
            images = self.pieces(self.images, chosen, generator_at(loader.seed, "augment", epoch, step))
            yield DeviceBatch(images, cupy.asarray(labels), labels)
