"""Chains of random operations on images, without a search for the best ones: RandAugment and TrivialAugment.

Both draw from the same fourteen operations and differ in how strong they may be. A strength is drawn or given as a level from 0 to 1,
which a table turns into what the operation is told: a slope, a part of the image, an angle, a change of a factor. Half of those that
have a direction go the other way. (Names and ranges as torchvision has them; Cubuk et al. 2019, "AutoAugment", is where they come from.)
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from minitorch_cv.data import colour
from minitorch_cv.data.geometry import rotation, shear, shift, warp
from minitorch_cv.data.pixels import as_bytes, as_float

LEVELS = 31  # of strength, 0 to 30


class Strongest(NamedTuple):
    """What the highest level means; the lowest means (nearly) no change."""

    shear: float  # columns for each row, or rows for each column
    degrees: float
    factor: float  # of brightness, colour, contrast, sharpness: how far from 1
    lost_bits: int  # of 8
    shift: Callable[[int], float]  # pixels, from the size of the image in that direction


RAND_AUGMENT = Strongest(shear=0.3, degrees=30.0, factor=0.9, lost_bits=4, shift=lambda size: 150 / 331 * size)
TRIVIAL_AUGMENT = Strongest(shear=0.99, degrees=135.0, factor=0.99, lost_bits=6, shift=lambda size: 32.0)

class Setting(NamedTuple):
    """How strong an operation is for each of N images.

    level: (N,), 0 to 1. signed: (N,), the same with a random sign, -1 to 1. strongest: what 1 means. fill: what comes in at the border.
    """

    level: np.ndarray
    signed: np.ndarray
    strongest: Strongest
    fill: float

    def factor(self) -> np.ndarray:
        return 1 + self.signed * self.strongest.factor

    def shift(self, size: int) -> np.ndarray:
        return np.trunc(self.signed * self.strongest.shift(size))


OPERATIONS: Mapping[str, Callable[[np.ndarray, Setting], np.ndarray]] = {  # of bytes (N, H, W, C)
    "Identity": lambda images, s: images,
    "ShearX": lambda images, s: warp(images, shear(s.signed * s.strongest.shear, 0, images), s.fill),
    "ShearY": lambda images, s: warp(images, shear(0, s.signed * s.strongest.shear, images), s.fill),
    "TranslateX": lambda images, s: warp(images, shift(s.shift(images.shape[2]), 0, images), s.fill),
    "TranslateY": lambda images, s: warp(images, shift(0, s.shift(images.shape[1]), images), s.fill),
    "Rotate": lambda images, s: warp(images, rotation(s.signed * s.strongest.degrees), s.fill),
    "Brightness": lambda images, s: colour.brightness(images, s.factor()),
    "Color": lambda images, s: colour.saturation(images, s.factor()),
    "Contrast": lambda images, s: colour.contrast(images, s.factor()),
    "Sharpness": lambda images, s: colour.sharpness(images, s.factor()),
    "Posterize": lambda images, s: colour.posterize(images, 8 - np.rint(s.level * s.strongest.lost_bits)),
    "Solarize": lambda images, s: colour.solarize(images, 255 * (1 - s.level)),
    "AutoContrast": lambda images, s: colour.autocontrast(images),
    "Equalize": lambda images, s: colour.equalize(images),
}


class RandAugment:
    """`num_ops` operations in turn, each drawn from all fourteen, all at the strength `magnitude` (0 to 30).

    fill: the value of what comes in from outside of the image, from 0 to 255. Floating-point images become bytes meanwhile.
    (Cubuk et al. 2020, "RandAugment: practical automated data augmentation with a reduced search space".)
    """

    def __init__(self, num_ops: int = 2, magnitude: int = 9, fill: float = 0) -> None:
        if num_ops < 0:
            raise ValueError(f"num_ops: got {num_ops}, expected 0 or more operations")
        if not 0 <= magnitude < LEVELS:
            raise ValueError(f"magnitude: got {magnitude}, expected 0 to {LEVELS - 1}")
        self.num_ops, self.magnitude, self.fill = num_ops, magnitude, fill

    def __call__(self, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        level = np.full(len(images), self.magnitude / (LEVELS - 1))
        pixels = as_bytes(images)
        for _ in range(self.num_ops):
            pixels = apply_random_operations(pixels, level, RAND_AUGMENT, self.fill, rng)
        return _like(pixels, images)

    def __repr__(self) -> str:
        return f"RandAugment(num_ops={self.num_ops}, magnitude={self.magnitude}, fill={self.fill})"


class TrivialAugment:
    """One operation, drawn from all fourteen, at a strength drawn from a wide range.

    fill: as in `RandAugment`. (Müller, Hutter 2021, "TrivialAugment: tuning-free yet state-of-the-art data augmentation"; the wide one.)
    """

    def __init__(self, fill: float = 0) -> None:
        self.fill = fill

    def __call__(self, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        level = rng.integers(0, LEVELS, len(images)) / (LEVELS - 1)
        return _like(apply_random_operations(as_bytes(images), level, TRIVIAL_AUGMENT, self.fill, rng), images)

    def __repr__(self) -> str:
        return f"TrivialAugment(fill={self.fill})"


def apply_random_operations(
    images: np.ndarray, level: np.ndarray, strongest: Strongest, fill: float, rng: np.random.Generator
) -> np.ndarray:
    """One random operation for each image, each with all of its images at once."""
    n = len(images)
    drawn = rng.integers(0, len(OPERATIONS), n)
    signed = np.where(rng.random(n) < 0.5, -level, level)
    result = images.copy()
    for number, operation in enumerate(OPERATIONS.values()):
        chosen = np.flatnonzero(drawn == number)
        if chosen.size:
            result[chosen] = operation(images[chosen], Setting(level[chosen], signed[chosen], strongest, fill))
    return result


def _like(pixels: np.ndarray, images: np.ndarray) -> np.ndarray:
    return pixels if images.dtype == np.uint8 else as_float(pixels).astype(images.dtype, copy=False)
