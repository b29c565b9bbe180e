"""A small real task of segmentation that needs no download: handwritten digits on photographs, both from scikit-learn.

An image of 64x64 pixels shows one, two or three of the digits of `digits` in bright colours of their own, at several sizes, on a
darkened piece of one of the two photographs that scikit-learn ships; what belongs to which digit is known. Test images have other
digits, written by the same people, and pieces of the photographs' right quarter, which no training image has.
"""

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from minitorch_cv.data.dataset import DataError, Dataset, register
from minitorch_cv.data.digits import load_digits
from minitorch_cv.data.transforms import resize_bilinear

SIDE = 64  # pixels
COUNTS = {True: 1500, False: 300}  # training and test images
CLASSES = ("background", *"0123456789")
PHOTOGRAPHS = ("china.jpg", "flower.jpg")
TRIES = 20  # to find a place for a digit
TEST_PART = 0.25  # of the width of the photographs


@register("digit_scenes")
def load_digit_scenes(root: Path, train: bool, download: bool) -> Dataset:
    """1,500 training and 300 test images, uint8 (N, 64, 64, 3), with the class of each pixel, int64 (N, 64, 64): 0 for the
    background, 1 + d for the digit d.

    They are drawn by a fixed seed. `root` and `download` have no meaning here.
    """
    digits = load_digits(root, train, download)
    grounds = [_part(photograph(name), train) for name in PHOTOGRAPHS]
    rng = np.random.default_rng(0 if train else 1)
    images = np.empty((COUNTS[train], SIDE, SIDE, 3), np.uint8)
    masks = np.empty((COUNTS[train], SIDE, SIDE), np.int64)
    for image, mask in zip(images, masks, strict=True):
        ground = _piece(grounds[rng.integers(len(grounds))], rng)
        image[...], mask[...] = draw_scene(ground, digits, int(rng.integers(1, 4)), rng)
    return Dataset(images, masks, CLASSES, "digit_scenes")


def draw_scene(ground: np.ndarray, digits: Dataset, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """An image, uint8 (H, W, 3), of at most `count` of the digits on a photograph of its size, darkened, and its mask (H, W)."""
    canvas = ground * np.float32(0.6 / 255)  # darkened: digits are brighter
    mask = np.zeros(ground.shape[:2], np.int64)
    for _ in range(count):
        chosen = rng.integers(len(digits))
        _write(canvas, mask, digits.images[chosen] / np.float32(255), 1 + digits.labels[chosen], rng)
    return np.rint(255 * canvas).astype(np.uint8), mask


def _write(canvas: np.ndarray, mask: np.ndarray, digit: np.ndarray, label: int, rng: np.random.Generator) -> None:
    """Draw a digit (h, w, 1) from 0 to 1 on the canvas (H, W, 3), and its class into the mask; nothing where no place is found."""
    size = int(rng.integers(20, 31))
    ink = ((resize_bilinear(digit[np.newaxis], size, size)[0] - 0.5) * 4 + 0.5).clip(0, 1)  # (size, size, 1), with sharp edges
    for top, left in rng.integers(0, np.array(mask.shape) - size + 1, (TRIES, 2)):
        place = np.s_[top : top + size, left : left + size]
        if not mask[place][ink[..., 0] > 0].any():
            break
    else:
        return  # other digits are everywhere
    canvas[place] += 0.9 * ink * (rng.uniform(0.6, 1, 3) - canvas[place])
    mask[place][ink[..., 0] > 0.5] = label


def _piece(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A piece of a photograph, uint8 (SIDE, SIDE, 3), mirrored or not."""
    top, left = (rng.integers(0, length - SIDE + 1) for length in image.shape[:2])
    piece = image[top : top + SIDE, left : left + SIDE]
    return piece[:, ::-1] if rng.random() < 0.5 else piece


def _part(image: np.ndarray, train: bool) -> np.ndarray:
    """What training or test images may show of a photograph."""
    border = round(image.shape[1] * (1 - TEST_PART))
    return image[:, :border] if train else image[:, border:]


def photograph(name: str) -> np.ndarray:
    """One of scikit-learn's photographs at half its size, uint8 (H, W, 3); read from its file, because `import sklearn` takes a second."""
    from PIL import Image  # here, because `import minitorch_cv` must be quick

    package = find_spec("sklearn")
    if package is None or not package.submodule_search_locations:
        raise DataError("the data set digit_scenes comes from scikit-learn, which is not installed: pip install scikit-learn")
    path = Path(package.submodule_search_locations[0]) / "datasets" / "images" / name
    try:
        with Image.open(path) as file:
            return np.asarray(file.convert("RGB").reduce(2))
    except (OSError, SyntaxError, ValueError) as error:
        raise DataError(f"{path} cannot be read as an image ({error}): reinstall scikit-learn") from error
