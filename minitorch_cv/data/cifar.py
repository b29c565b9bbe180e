"""CIFAR-10 and CIFAR-100 (Krizhevsky, 2009, "Learning Multiple Layers of Features from Tiny Images"): 32x32 colour images.

A batch is a pickled dictionary: `data`, uint8 of shape (N, 3072), each row the red, then the green, then the blue plane
of an image; and a list of labels. Pickles can carry programs, so the batches are read by `unpickle`, which executes
nothing.
"""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from minitorch_cv.data.dataset import DataError, Dataset, register
from minitorch_cv.data.download import extract, fetch
from minitorch_cv.data.unpickle import loads


@dataclass(frozen=True)
class _Source:
    """Where a CIFAR data set comes from and how its files look."""

    name: str
    folder: str
    archive: str
    archive_md5: str
    train: dict[str, str]  # file name -> MD5 of the official file
    test: dict[str, str]
    meta: str
    labels_key: str
    classes_key: str
    classes: int
    train_images: int = 50_000
    test_images: int = 10_000


ADDRESSES = ("https://www.cs.toronto.edu/~kriz/", "https://dataset.bj.bcebos.com/cifar/")  # the author's page, and PaddlePaddle's copy

CIFAR10 = _Source(
    name="cifar10",
    folder="cifar-10-batches-py",
    archive="cifar-10-python.tar.gz",
    archive_md5="c58f30108f718f92721af3b95e74349a",
    train={
        "data_batch_1": "c99cafc152244af753f735de768cd75f",
        "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
        "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
        "data_batch_4": "634d18415352ddfa80567beed471001a",
        "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    },
    test={"test_batch": "40351d587109b95175f43aff81a1287e"},
    meta="batches.meta",
    labels_key="labels",
    classes_key="label_names",
    classes=10,
)

CIFAR100 = _Source(
    name="cifar100",
    folder="cifar-100-python",
    archive="cifar-100-python.tar.gz",
    archive_md5="eb9058c3a382ffc7106e4002c42a8d85",
    train={"train": "16019d7e3df5f24257cddd939b257f8d"},
    test={"test": "f0ef6b0ae62326f3e7ffdfab6717acfc"},
    meta="meta",
    labels_key="fine_labels",
    classes_key="fine_label_names",
    classes=100,
)


@register("cifar10")
def load_cifar10(root: Path, train: bool, download: bool) -> Dataset:
    """50,000 training and 10,000 test images of ten kinds of things."""
    return _load(CIFAR10, root, train, download)


@register("cifar100")
def load_cifar100(root: Path, train: bool, download: bool) -> Dataset:
    """50,000 training and 10,000 test images of a hundred kinds of things."""
    return _load(CIFAR100, root, train, download)


def _load(source: _Source, root: Path, train: bool, download: bool) -> Dataset:
    folder = root / source.folder
    files = source.train if train else source.test
    missing = [name for name in (*files, source.meta) if not (folder / name).is_file()]
    if missing:
        if not download:
            advice = f"unpack {source.archive} in {root}, or leave the data folder out so that it is downloaded"
            raise DataError(f"{folder / missing[0]} is missing: {advice}")
        archive = root / source.archive
        fetch([address + source.archive for address in ADDRESSES], archive, f"md5:{source.archive_md5}")
        extract(archive, root)

    total = source.train_images if train else source.test_images
    images = np.empty((total, 32, 32, 3), np.uint8)
    labels = np.empty(total, np.int64)
    size = total // len(files)

    def read(place: int, name: str, md5: str) -> bool:
        """Fill in one batch; True if the file is the official one."""
        content = (folder / name).read_bytes()
        rows = slice(place * size, (place + 1) * size)
        data, labels[rows] = _batch(content, folder / name, source, size)
        images[rows] = data.reshape(size, 3, 32, 32).transpose(0, 2, 3, 1)
        return hashlib.md5(content).hexdigest() == md5

    with ThreadPoolExecutor(2) as threads:  # reading, hashing and copying let other threads run
        official = list(threads.map(read, range(len(files)), files.keys(), files.values()))
    different = ", ".join(name for name, same in zip(files, official, strict=True) if not same)
    note = f"{different} in {folder} differ from the official files (the images may be a re-encoded copy); only their form was checked"
    return Dataset(images, labels, _class_names(folder / source.meta, source), source.name, note if different else "")


def _entries(content: bytes, path: Path) -> dict[str, Any]:
    """The dictionary in a batch, with keys of type str whichever Python wrote it."""
    try:
        found = loads(content)
    except DataError as error:
        raise DataError(f"{path} is damaged or is not a CIFAR file: {error}; delete it and unpack the official archive again") from error
    if not isinstance(found, dict):
        raise DataError(f"{path} is not a CIFAR file: it holds a {type(found).__name__}; unpack the official archive again")
    return {key.decode("latin-1") if isinstance(key, bytes) else str(key): value for key, value in found.items()}


def _batch(content: bytes, path: Path, source: _Source, size: int) -> tuple[np.ndarray, np.ndarray]:
    """(data, labels) of a batch of `size` images, checked."""
    entries = _entries(content, path)
    data = entries.get("data")
    if not isinstance(data, np.ndarray) or data.dtype != np.uint8 or data.shape != (size, 3072):
        what = f"{data.dtype} of shape {data.shape}" if isinstance(data, np.ndarray) else "nothing of the kind"
        raise DataError(f"{path} is not a batch of {source.name}: under 'data' it has {what}, expected uint8 of shape ({size}, 3072)")
    labels = entries.get(source.labels_key)
    if not isinstance(labels, list | np.ndarray) or len(labels) != size or not all(isinstance(label, int | np.integer) for label in labels):
        raise DataError(f"{path} is not a batch of {source.name}: under {source.labels_key!r} it has no list of {size} whole numbers")
    if not 0 <= min(labels) <= max(labels) < source.classes:
        raise DataError(
            f"{path} is not a batch of {source.name}: its labels go from {min(labels)} to {max(labels)}, expected 0 to {source.classes - 1}"
        )
    return data, np.array(labels, np.int64)


def _class_names(path: Path, source: _Source) -> tuple[str, ...]:
    names = _entries(path.read_bytes(), path).get(source.classes_key)
    if not isinstance(names, list) or len(names) != source.classes or not all(isinstance(name, bytes | str) for name in names):
        raise DataError(f"{path} has no list of {source.classes} names under {source.classes_key!r}: unpack the official archive again")
    return tuple(name.decode("latin-1") if isinstance(name, bytes) else name for name in names)
