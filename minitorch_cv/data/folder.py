"""Images of one's own, sorted into one folder for each class.

Either DIR/train/CLASS/* and DIR/test/CLASS/*, or DIR/CLASS/*, of which a fixed part, drawn from each class in
proportion, is kept for testing.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from minitorch_cv.data.dataset import DataError, Dataset, default_root, register, stratified_split

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")

Sample = tuple[Path, int]  # a file and its class


@register("folder")
def load_folder(
    root: Path, train: bool, download: bool, size: int | tuple[int, int] | None = None, test_fraction: float = 0.2, seed: int = 0
) -> Dataset:
    """The images below `root` by class; classes are numbered in the order of their names.

    size: the common size of all images, a number or (height, width); None means that of the first training image. All
    become grey (C = 1) if the first training image is, else RGB. test_fraction, seed: for a folder without train/ and
    test/, which part is kept for testing.
    """
    if root == default_root():
        raise DataError("the data set folder needs to know where your images are: name their folder (root=..., or --data-dir DIR)")
    if not root.is_dir():
        raise DataError(f"{root} is not a folder: name the one that holds DIR/train/CLASS/* and DIR/test/CLASS/*, or DIR/CLASS/*")
    classes, training, testing = _layout(root, test_fraction, seed)
    first = _open(training[0][0], None, None)
    height, width = first.shape[:2] if size is None else (size, size) if isinstance(size, int) else size
    if height < 1 or width < 1:
        raise ValueError(f"size: got {size}, expected positive numbers of pixels")
    samples = training if train else testing
    images = np.empty((len(samples), height, width, first.shape[2]), np.uint8)

    def read(place: int) -> None:
        images[place] = _open(samples[place][0], (height, width), first.shape[2])

    with ThreadPoolExecutor(os.cpu_count()) as threads:  # decoding lets other threads run
        list(threads.map(read, range(len(samples))))
    labels = np.array([label for _, label in samples], np.int64)
    return Dataset(images, labels, classes, root.resolve().name)


def _layout(root: Path, test_fraction: float, seed: int) -> tuple[tuple[str, ...], list[Sample], list[Sample]]:
    """(class names, training samples, test samples)."""
    if (root / "train").is_dir():
        if not (root / "test").is_dir():
            raise DataError(f"{root} has a folder train but none called test: add {root / 'test'}, or put the classes directly into {root}")
        classes = _class_names(root / "train")
        unknown = set(_class_names(root / "test")) - set(classes)
        if unknown:
            raise DataError(f"{root / 'test' / min(unknown)} is a class without training images: add {root / 'train' / min(unknown)}")
        return classes, _samples(root / "train", classes), _samples(root / "test", classes, may_lack=True)
    classes = _class_names(root)
    samples = _samples(root, classes)
    rest, part = stratified_split(np.array([label for _, label in samples]), test_fraction, seed)
    if not len(rest) or not len(part):
        raise DataError(
            f"{root} holds too few images ({len(samples)}) to keep {test_fraction:g} of them for testing and train on the others: "
            "add images, or sort them into train/CLASS and test/CLASS yourself"
        )
    return classes, [samples[i] for i in rest], [samples[i] for i in part]


def _class_names(folder: Path) -> tuple[str, ...]:
    names = sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    if not names:
        raise DataError(f"{folder} holds no folders: make one for each class and put its images there")
    return tuple(names)


def _samples(folder: Path, classes: tuple[str, ...], may_lack: bool = False) -> list[Sample]:
    samples = []
    for label, name in enumerate(classes):
        inside = (folder / name).iterdir() if (folder / name).is_dir() else ()
        found = sorted(path for path in inside if path.suffix.lower() in SUFFIXES and not path.name.startswith("."))
        if not found and not may_lack:
            raise DataError(f"{folder / name} holds no images ({', '.join(SUFFIXES)}): put some there or remove the folder")
        samples += [(path, label) for path in found]
    if not samples:
        raise DataError(f"{folder} holds no images ({', '.join(SUFFIXES)}): put some into the folders of the classes")
    return samples


def upright_image(image: "Image", path: Path) -> "Image":
    """An open image turned as its EXIF data say, 16 bits per pixel reduced to 8. Raises DataError, naming `path`, where it has more."""
    from PIL import Image, ImageOps  # here, because `import minitorch_cv` must be quick

    upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith("I;16"):  # Pillow would cut off what is above 255
        upright = Image.fromarray((np.asarray(upright) >> 8).astype(np.uint8))
    if upright.mode in ("I", "F"):
        raise DataError(f"{path} has more than 16 bits per channel: convert it to 8 bits")
    return upright


def _open(path: Path, size: tuple[int, int] | None, channels: int | None) -> np.ndarray:
    """The image as uint8 (H, W, C): at (height, width) `size` and with 1 or 3 `channels`, or as it is."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            upright = upright_image(image, path)
            grey = upright.mode in ("1", "L", "LA") if channels is None else channels == 1
            upright = upright.convert("L" if grey else "RGB")
            if size is not None and upright.size != (size[1], size[0]):
                upright = upright.resize((size[1], size[0]), Image.Resampling.BILINEAR)
            pixels = np.asarray(upright)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"{path} cannot be read as an image ({error}): replace or remove it") from error
    return pixels[..., None] if pixels.ndim == 2 else pixels
