"""What each augmentation does to images: draws `augmentations.png`, one row of examples for each.

    python examples/augmentations.py [FILE]

The images are handwritten digits of the embedded data set, coloured, on coloured ground: nothing is downloaded.
"""

import sys
from io import BytesIO

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

from minitorch_cv.data import (
    ColorJitter,
    CutMix,
    Cutout,
    Mixup,
    PCANoise,
    RandAugment,
    RandomCrop,
    RandomErasing,
    RandomHorizontalFlip,
    RandomResizedCrop,
    RandomRotation,
    ToFloat,
    TrivialAugment,
    load,
)
from minitorch_cv.data.mixing import one_hot
from minitorch_cv.data.transforms import resize_bilinear

COLUMNS = 10
SIDE = 64


def coloured_digits(rng: np.random.Generator) -> np.ndarray:
    """uint8 (COLUMNS, SIDE, SIDE, 3): the digits 0 to 9, each in a colour of its own, on ground that changes from corner to corner."""
    digits = load("digits")
    first = [int(np.flatnonzero(digits.labels == digit)[digit]) for digit in range(COLUMNS)]
    ink = ((resize_bilinear(digits.images[first] / 255, SIDE, SIDE) - 0.5) * 5).clip(0, 1)  # (10, SIDE, SIDE, 1), with sharp edges
    y, x = np.mgrid[:SIDE, :SIDE][..., np.newaxis] / (SIDE - 1)
    corners = rng.uniform(0.05, 0.55, (4, COLUMNS, 1, 1, 3))
    ground = (corners[0] * (1 - x) + corners[1] * x) * (1 - y) + (corners[2] * (1 - x) + corners[3] * x) * y
    colours = plt.get_cmap("tab10")(np.arange(COLUMNS))[:, :3].reshape(COLUMNS, 1, 1, 3)
    return np.rint(255 * (ink * (0.35 + 0.65 * colours) + (1 - ink) * ground)).astype(np.uint8)


def main(file: str) -> None:
    rng = np.random.default_rng(5)
    images = coloured_digits(rng)
    targets = one_hot(np.arange(COLUMNS), COLUMNS)
    rows = {"original": images}
    for name, transform in {
        "RandomCrop(64, 8)": RandomCrop(SIDE, padding=8),
        "RandomHorizontalFlip()": RandomHorizontalFlip(),
        "RandomResizedCrop(64)": RandomResizedCrop(SIDE),
        "RandomRotation(30)": RandomRotation(30, bilinear=True),
        "ColorJitter(.5, .5, .5, .2)": ColorJitter(0.5, 0.5, 0.5, 0.2),
        "PCANoise(sigma=2)": PCANoise.of(images, sigma=2.0),
        "Cutout(24)": Cutout(24),
        "RandomErasing(p=1)": RandomErasing(p=1, value="random"),
        "RandAugment(2, 15)": RandAugment(2, 15),
        "TrivialAugment()": TrivialAugment(),
    }.items():
        rows[name] = transform(images, rng)
    captions = {}
    for name, mix in {"Mixup(alpha=1)": Mixup(1.0), "CutMix(alpha=1)": CutMix(1.0)}.items():
        rows[name], shares = mix(ToFloat()(images, rng), targets, rng)
        captions[name] = [", ".join(f"{c}: {share:.2f}" for c, share in enumerate(target) if share > 0.005) for target in shares]

    figure, axes = plt.subplots(len(rows), COLUMNS, figsize=(COLUMNS * 0.9 + 2.4, len(rows) * 1.02), layout="constrained")
    for row, (name, pictures) in zip(axes, rows.items(), strict=True):
        for i, (place, picture) in enumerate(zip(row, pictures, strict=True)):
            place.imshow(picture)
            place.set(xticks=[], yticks=[])
            place.set_xlabel(captions[name][i] if name in captions else "", fontsize=6.5, labelpad=2)
        row[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=9)
    drawn = BytesIO()
    figure.savefig(drawn, dpi=80)
    Image.open(drawn).convert("RGB").quantize(256).save(file, optimize=True)  # a third of the size


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "augmentations.png")
