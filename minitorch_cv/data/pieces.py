"""Crops, flips and normalisation in one pass over bytes, which may lie on a GPU: the very numbers that the transforms give one by one.

    pieces = Pieces.of([RandomCrop(32, padding=4), RandomHorizontalFlip(), Normalize(mean, std)])
    images = cupy.asarray(dataset.images).transpose(0, 3, 1, 2)                     # a whole data set, once
    batch = pieces(images, chosen, generator_at(seed, "augment", epoch, step))      # what `Loader` makes of dataset.images[chosen]
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import kernels
from kernels.geometry import Pair
from kernels.gpu import is_gpu
from kernels.gpu.constants import constant
from minitorch_cv.data.transforms import Compose, Normalize, RandomCrop, RandomHorizontalFlip, ToFloat, Transform
from minitorch_cv.device import beside

OF_EACH_BYTE = (Normalize, ToFloat)  # transforms that look at one byte at a time


@dataclass(frozen=True)
class Pieces:
    """A random crop, or None, then a random flip, or None, then what is done with each byte."""

    crop: RandomCrop | None
    flip: RandomHorizontalFlip | None
    bytewise: tuple[Transform, ...]
    _tables: dict[tuple[int, str], np.ndarray] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, transforms: Iterable[Transform]) -> "Pieces | None":
        """The same as `transforms`, one after the other, and `ToFloat` at last; None where they are not of this form."""
        steps = [*_flattened(transforms), ToFloat()]
        crop = steps.pop(0) if isinstance(steps[0], RandomCrop) else None
        flip = steps.pop(0) if isinstance(steps[0], RandomHorizontalFlip) else None
        return cls(crop, flip, tuple(steps)) if all(isinstance(step, OF_EACH_BYTE) for step in steps) else None  # type: ignore[arg-type]

    def __call__(self, images: np.ndarray, chosen: np.ndarray, rng: np.random.Generator, dtype: Any = np.float32) -> np.ndarray:
        """Batch (B, C, OH, OW) of the images number chosen[b] of `images` (N, C, H, W), uint8, in the memory where these are."""
        _, C, H, W = images.shape
        picks, values = self.picks(chosen, (H, W), rng), self.values(C, dtype)
        if is_gpu(images):
            picks, values = beside(picks, images), constant(values)
        return kernels.augment(images, picks, self.crop.size if self.crop else (H, W), values)

    def picks(self, chosen: np.ndarray, size: Pair, rng: np.random.Generator) -> np.ndarray:
        """(B, 4) for `kernels.augment`, from images of `size` (H, W): drawn as the transforms draw."""
        n, nothing = len(chosen), np.zeros(len(chosen), np.int64)
        top, left = self.crop.draw(n, size, rng) if self.crop else (nothing, nothing)
        return np.stack([chosen, top, left, self.flip.draw(n, rng) if self.flip else nothing], axis=1).astype(np.int64, copy=False)

    def values(self, channels: int, dtype: Any = np.float32) -> np.ndarray:
        """(C, 256): what the transforms make of each byte. It is kept, and must not be written to."""
        key = channels, np.dtype(dtype).name
        if key not in self._tables:
            image = np.broadcast_to(np.arange(256, dtype=np.uint8)[:, None], (1, 1, 256, channels))
            table = Compose(self.bytewise)(np.ascontiguousarray(image), np.random.default_rng(0))  # nothing in it is random
            self._tables[key] = np.ascontiguousarray(table[0, 0].T.astype(dtype))
        return self._tables[key]


def _flattened(transforms: Iterable[Transform]) -> Iterator[Transform]:
    for transform in transforms:
        if isinstance(transform, Compose):
            yield from _flattened(transform.transforms)
        else:
            yield transform
