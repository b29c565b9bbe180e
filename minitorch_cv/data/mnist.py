"""MNIST (LeCun, Cortes, Burges) and Fashion-MNIST (Xiao, Rasul, Vollgraf, 2017): 28x28 grey images in the idx format.

An idx file is a header of big-endian 32-bit numbers, `0, 0, type, dimensions` in the first four bytes and then one
length per dimension, followed by the bytes of the array. Four files make a data set: images and labels, for training
and for testing.
"""

import gzip
import hashlib
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from minitorch_cv.data.dataset import DataError, Dataset, register
from minitorch_cv.data.download import fetch

UINT8 = 8  # the type code of idx files
KINDS = ("images-idx3-ubyte", "labels-idx1-ubyte")


@dataclass(frozen=True)
class _Source:
    """Where a data set of four idx files comes from, and how its files are recognised."""

    name: str
    folder: str
    classes: tuple[str, ...]
    addresses: tuple[str, ...]
    archive_md5: dict[str, str]  # of the official .gz files
    content_sha256: dict[str, str]  # of what is inside, so that another compression is as good; empty where it is not known
    train_images: int = 60_000
    test_images: int = 10_000


MNIST = _Source(
    name="mnist",
    folder="MNIST/raw",
    classes=tuple("0123456789"),
    # The original site, the last, mostly refuses downloads now; PyTorch and TensorFlow keep copies of its files.
    addresses=(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "http://yann.lecun.com/exdb/mnist/",
    ),
    archive_md5={
        "train-images-idx3-ubyte": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "train-labels-idx1-ubyte": "d53e105ee54ea40749a09fcbcd1e9432",
        "t10k-images-idx3-ubyte": "9fb629c4189551a2d022fa330f9573f3",
        "t10k-labels-idx1-ubyte": "ec29112dd5afa0611ce80d1b7f02629c",
    },
    content_sha256={
        "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    },
)

FASHION_MNIST = _Source(
    name="fashion_mnist",
    folder="FashionMNIST/raw",
    classes=("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    addresses=(
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    ),
    archive_md5={
        "train-images-idx3-ubyte": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "train-labels-idx1-ubyte": "25c81989df183df01b3e8a0aad5dffbe",
        "t10k-images-idx3-ubyte": "bef4ecab320f06d8554ea6380940ec79",
        "t10k-labels-idx1-ubyte": "bb300cfdad3c16e7a12a480ee83cd310",
    },
    content_sha256={},
)


@register("mnist")
def load_mnist(root: Path, train: bool, download: bool) -> Dataset:
    """Handwritten digits: 60,000 training and 10,000 test images, verified by the hash of their content."""
    return _load(MNIST, root, train, download)


@register("fashion_mnist")
def load_fashion_mnist(root: Path, train: bool, download: bool) -> Dataset:
    """Pictures of clothes in the same form as MNIST."""
    return _load(FASHION_MNIST, root, train, download)


def _load(source: _Source, root: Path, train: bool, download: bool) -> Dataset:
    part, count = ("train", source.train_images) if train else ("t10k", source.test_images)
    arrays, verified = [], True
    for kind in KINDS:
        file_name = f"{part}-{kind}"
        path = _find(source, root / source.folder, file_name, download)
        content, official = _read(source, path, file_name)
        shape = (count, 28, 28) if kind == KINDS[0] else (count,)
        arrays.append(parse_idx(content, path, shape))
        verified = verified and official
    images, labels = arrays
    if labels.max() >= len(source.classes):
        raise DataError(f"{path} holds the label {labels.max()}, expected 0 to {len(source.classes) - 1}: replace it by the official file")
    note = "" if verified else f"the files in {root / source.folder} are not byte for byte the official ones; only their form was checked"
    return Dataset(images[..., None], labels.astype(np.int64), source.classes, source.name, note)


def _find(source: _Source, folder: Path, file_name: str, download: bool) -> Path:
    """The file itself or, compressed, with .gz."""
    for path in (folder / file_name, folder / f"{file_name}.gz"):
        if path.is_file():
            return path
    if not download:
        raise DataError(f"{folder / file_name}.gz is missing: put it there, or leave the data folder out so that it is downloaded")
    path = folder / f"{file_name}.gz"
    fetch([f"{address}{path.name}" for address in source.addresses], path, f"md5:{source.archive_md5[file_name]}")
    return path


def _read(source: _Source, path: Path, file_name: str) -> tuple[bytes, bool]:
    """The uncompressed content of an idx file, and whether it is proved to be the official one."""
    longest = 16 + source.train_images * 28 * 28 + 1  # no more is read, whatever a compressed file holds
    try:
        if path.suffix == ".gz":
            with gzip.open(path) as file:
                content = file.read(longest)
        else:
            with open(path, "rb") as file:
                content = file.read(longest)
    except (EOFError, zlib.error, OSError) as error:
        raise DataError(f"{path} cannot be read ({error}): delete it and get it again") from error
    digest = hashlib.sha256(content).hexdigest()
    for other in (MNIST, FASHION_MNIST):
        if other is not source and digest in other.content_sha256.values():
            raise DataError(f"{path} belongs to {other.name}, not to {source.name}: put the right file in its place")
    if source.content_sha256:
        if digest != source.content_sha256[file_name]:
            parse_idx(content, path, None)  # says it more clearly where the form is wrong already
            raise DataError(f"{path} does not hold the {file_name} of {source.name} (its content hashes to {digest[:12]}...): replace it")
        return content, True
    return content, path.suffix == ".gz" and hashlib.md5(path.read_bytes()).hexdigest() == source.archive_md5[file_name]


def parse_idx(content: bytes, path: Path, shape: tuple[int, ...] | None) -> np.ndarray:
    """The uint8 array in the bytes of an idx file; `shape`, if given, is what it must have. `path` is for the messages."""
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] != UINT8 or not 1 <= content[3] <= 4:
        raise DataError(f"{path} is not an idx file of bytes (it begins with {content[:4].hex()!r}): replace it by the official file")
    dimensions = content[3]
    start = 4 + 4 * dimensions
    if len(content) < start:
        raise DataError(f"{path} is cut off in its header: delete it and get it again")
    found = struct.unpack(f">{dimensions}I", content[4:start])
    if shape is not None and found != shape:
        raise DataError(f"{path} holds an array of shape {found}, expected {shape}: replace it by the official file")
    expected = start + int(np.prod(found, dtype=object))
    if len(content) != expected:
        raise DataError(f"{path} has {len(content)} bytes of content, its header announces {expected}: delete it and get it again")
    return np.frombuffer(content, np.uint8, offset=start).reshape(found)
