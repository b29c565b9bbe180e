"""What a data set is here, the table of all of them, and `load`."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

DATA_FOLDER_VARIABLE = "MINITORCH_CV_DATA"


class DataError(RuntimeError):
    """A data set cannot be had: the message is one sentence that names the file and says what to do."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images and their classes, or the classes of their pixels, all in memory.

    images: uint8 of shape (N, H, W, C), as they lie in image files. labels: int64, each an index into `classes`: of shape (N,), one for
    an image; or of shape (N, H, W), masks, one for each pixel (at most 256 classes).
    note: what a user should know about where the images come from; empty where they are verified to be the official ones.
    """

    images: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    name: str
    note: str = ""

    def __post_init__(self) -> None:
        if self.images.dtype != np.uint8 or self.images.ndim != 4:
            raise ValueError(f"images: got {self.images.dtype} of shape {self.images.shape}, expected uint8 of shape (N, H, W, C)")
        shapes = (self.images.shape[:1], self.images.shape[:3])
        if self.labels.dtype != np.int64 or self.labels.shape not in shapes:
            expected = f"expected int64 of shape {shapes[0]}, or {shapes[1]} for masks"
            raise ValueError(f"labels: got {self.labels.dtype} of shape {self.labels.shape}, {expected}")
        if self.has_masks and len(self.classes) > 256:
            raise ValueError(f"classes: got {len(self.classes)}, expected at most 256 where labels are masks")
        if self.labels.size and not 0 <= self.labels.min() <= self.labels.max() < len(self.classes):
            raise ValueError(
                f"labels: got values from {self.labels.min()} to {self.labels.max()}, expected 0 to {len(self.classes) - 1} "
                f"for {len(self.classes)} classes"
            )

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        return f"Dataset({self.name}: {len(self)} images of {' x '.join(map(str, self.image_shape))}, {len(self.classes)} classes)"

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of one image."""
        _, height, width, channels = self.images.shape
        return channels, height, width

    @property
    def has_masks(self) -> bool:
        """Whether labels are masks (N, H, W): the data set is one for segmentation."""
        return self.labels.ndim > 1

    def subset(self, indices: np.ndarray | slice) -> "Dataset":
        """The images at `indices` only: an array of integers, or a slice (which copies nothing)."""
        return replace(self, images=self.images[indices], labels=self.labels[indices])

    def split(self, fraction: float, seed: int = 0) -> tuple["Dataset", "Dataset"]:
        """(rest, part): a fixed `part` of about `fraction` of the images, every class in proportion, and what is left. Order is kept.

        Images with masks have no class of their own: any of them may be drawn.
        """
        classes = np.zeros(len(self), np.int64) if self.has_masks else self.labels
        rest, part = stratified_split(classes, fraction, seed)
        return self.subset(rest), self.subset(part)


def stratified_split(labels: np.ndarray, fraction: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Indices (rest, part), both ascending: `part` holds ceil(fraction * N) of the N samples, drawn from each class in proportion.

    A function of its arguments alone: NumPy promises that the raw numbers of Philox stay the same in later versions,
    and nothing else is used.
    """
    if not 0 < fraction < 1:
        raise ValueError(f"fraction: got {fraction}, expected a number between 0 and 1")
    _, class_of_sample = np.unique(labels, return_inverse=True)
    sizes = np.bincount(class_of_sample)
    exact = sizes * fraction
    quota = np.floor(exact).astype(np.int64)
    missing = int(np.ceil(round(exact.sum(), 6))) - int(quota.sum())
    remainder = np.where(sizes - quota > 1, exact - quota, -1)  # a class gives its last sample only if no other can
    quota[np.argsort(-remainder, kind="stable")[:missing]] += 1  # the largest remainders are rounded up

    lot = np.random.Philox(key=seed).random_raw(len(labels))
    order = np.lexsort((lot, class_of_sample))  # class by class, shuffled within
    rank = np.empty(len(labels), np.int64)  # the place of a sample among those of its class
    rank[order] = np.arange(len(labels)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    in_part = rank < quota[class_of_sample]
    return np.flatnonzero(~in_part), np.flatnonzero(in_part)


_loaders: dict[str, Callable[..., Dataset]] = {}


def register(name: str) -> Callable[[Callable[..., Dataset]], Callable[..., Dataset]]:
    """A decorator that enters `load_it(root, train, download, **options) -> Dataset` into the table of data sets as `name`."""
    def enter(loader: Callable[..., Dataset]) -> Callable[..., Dataset]:
        if name in _loaders:
            raise ValueError(f"name: a data set {name!r} is registered already")
        _loaders[name] = loader
        return loader
    return enter


def list_datasets() -> list[str]:
    """The names that `load` knows."""
    return sorted(_loaders)


def default_root() -> Path:
    """Where downloads go: $MINITORCH_CV_DATA, or the user's cache folder on this platform."""
    chosen = os.environ.get(DATA_FOLDER_VARIABLE)
    if chosen:
        return Path(chosen).expanduser()
    import pooch  # here, because `import minitorch_cv` must be quick

    return Path(pooch.os_cache("minitorch_cv")) / "data"


def load(
    name: str, root: str | os.PathLike | None = None, train: bool = True, download: bool | None = None, **options: Any
) -> Dataset:
    """The training (or, with train=False, test) images of the data set `name`; `list_datasets()` tells the names.

    root: the folder that holds the data sets, in the layout of torchvision (`MNIST/raw/*.gz`, `FashionMNIST/raw/`,
    `cifar-10-batches-py/`, `cifar-100-python/`; for "folder" the folder of images itself). None means `default_root()`.
    download: whether missing files are fetched; None means yes without a `root`, and no with one.
    options: of that data set ("folder" has `size`, `test_fraction`, `seed`).

    Raises DataError where a file is missing, truncated, corrupt or foreign.
    """
    if name not in _loaders:
        raise ValueError(f"name: got {name!r}, expected one of {', '.join(list_datasets())}")
    if download is None:
        download = root is None
    return _loaders[name](default_root() if root is None else Path(root).expanduser(), train, download, **options)
