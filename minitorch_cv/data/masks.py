"""Changing images whose labels are masks: what moves pixels moves their labels along, what cannot is refused.

A mask, the class of every pixel of an image, goes through a transform as one more channel of the image: so it is moved by the same
numbers. That is right for transforms that copy pixels, and wrong for those that compute new ones between them.
"""

from collections.abc import Sequence

import numpy as np

from minitorch_cv.data.augment import ColorJitter, Cutout, PCANoise, RandomErasing, RandomRotation
from minitorch_cv.data.transforms import (
    Normalize,
    RandomCrop,
    RandomHorizontalFlip,
    RandomVerticalFlip,
    ToFloat,
    Transform,
)

MOVES = (RandomCrop, RandomHorizontalFlip, RandomVerticalFlip, RandomRotation)  # what comes in from outside has class 0
STAYS = (ToFloat, Normalize, ColorJitter, PCANoise, Cutout, RandomErasing)  # every pixel stays where it is, and so does its class


class ComposeWithMasks:
    """One transform after the other, on images (N, H, W, C) and their masks (N, H, W).

    Raises ValueError for a transform that is known neither to move nor to keep pixels, for a rotation that interpolates say: at once,
    when this is made.
    """

    def __init__(self, transforms: Sequence[Transform]) -> None:
        for transform in transforms:
            if not isinstance(transform, (*MOVES, *STAYS)) or getattr(transform, "bilinear", False):
                raise ValueError(
                    f"transform: got {transform!r} for images whose labels are masks, expected one of "
                    f"{', '.join(kind.__name__ for kind in (*MOVES, *STAYS))}, without interpolation"
                )
        self.transforms = tuple(transforms)

    def __call__(self, images: np.ndarray, masks: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        for transform in self.transforms:
            if isinstance(transform, MOVES):
                together = transform(np.concatenate([images, masks[..., np.newaxis].astype(images.dtype)], axis=3), rng)
                images, masks = together[..., :-1], together[..., -1].astype(masks.dtype)
            else:
                images = transform(np.ascontiguousarray(images), rng)
        return images, masks

    def __repr__(self) -> str:
        return f"ComposeWithMasks({', '.join(map(repr, self.transforms))})"
