"""Images to train on: `load` a data set by name, cut it into batches with a `Loader`, augment them with `transforms`,
`augment`, `rand_augment` and `mixing`.

    train = load("cifar10")
    loader = Loader(train, 128, shuffle=True, transform=[RandomCrop(32, padding=4), RandomHorizontalFlip(), Normalize(mean, std)])
    for images, labels in loader.epoch(0):  # float32 (N, C, H, W), int64 (N,)

A new data set is one file with a function under `@register("name")`, imported below.
"""

from minitorch_cv.data import cifar, digits, folder, mnist, segmentation  # noqa: F401  (each enters its data sets into the table)
from minitorch_cv.data.augment import ColorJitter, Cutout, PCANoise, RandomErasing, RandomResizedCrop, RandomRotation
from minitorch_cv.data.dataset import DataError, Dataset, default_root, list_datasets, load, register, stratified_split
from minitorch_cv.data.loader import Loader
from minitorch_cv.data.mixing import CutMix, Mixup, RandomMix
from minitorch_cv.data.rand_augment import RandAugment, TrivialAugment
from minitorch_cv.data.transforms import (
    Compose,
    Normalize,
    RandomApply,
    RandomCrop,
    RandomHorizontalFlip,
    RandomVerticalFlip,
    Resize,
    ToFloat,
    Transform,
)

__all__ = [
    "ColorJitter",
    "Compose",
    "CutMix",
    "Cutout",
    "DataError",
    "Dataset",
    "Loader",
    "Mixup",
    "Normalize",
    "PCANoise",
    "RandAugment",
    "RandomApply",
    "RandomCrop",
    "RandomErasing",
    "RandomHorizontalFlip",
    "RandomMix",
    "RandomResizedCrop",
    "RandomRotation",
    "RandomVerticalFlip",
    "Resize",
    "ToFloat",
    "Transform",
    "TrivialAugment",
    "default_root",
    "list_datasets",
    "load",
    "register",
    "stratified_split",
]
