"""Published weights: which files there are for which model, what comes with them, and how they get here.

    published("resnet50")                 the file that weights="imagenet" names, its accuracies and preprocessing
    published("resnet50", "IMAGENET1K_V2")
    imagenet_classes()                    the 1,000 names

The files are torchvision's. `published.json` lists them: for one model often several, of which "imagenet" is the first
one, IMAGENET1K_V1, trained by a recipe near the paper's; IMAGENET1K_V2 are the same networks after a longer training
with newer tricks; SWAG stands for weights that began with billions of tagged photographs, whose licence, CC BY-NC 4.0,
forbids commercial use. A file's name ends in the first digits of its SHA-256, by which a download is verified.
"""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from minitorch_cv.data.download import fetch
from minitorch_cv.inference import Preprocessing
from minitorch_cv.training.choices import check_choice
from minitorch_cv.weights import load

ADDRESS = "https://download.pytorch.org/models"
FOLDER_VARIABLE = "MINITORCH_CV_WEIGHTS"
IMAGENET = "imagenet"


@dataclass(frozen=True)
class Published:
    """A file of weights, trained on ImageNet.

    model, version: the model's name here and the version's name in torchvision. file: its name at `ADDRESS`.
    acc1, acc5: top-1 and top-5 accuracy on ImageNet's validation images, in percent, with `preprocessing`.
    options: of the model, which the weights were trained with.
    """

    model: str
    version: str
    file: str
    acc1: float
    acc5: float
    preprocessing: Preprocessing
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def address(self) -> str:
        return f"{ADDRESS}/{self.file}"

    @property
    def checksum(self) -> str:
        """The beginning of the file's SHA-256, as its name has it, for `fetch`."""
        found = re.search(r"-([0-9a-f]{8,64})\.pth$", self.file)
        if found is None:
            raise ValueError(f"file: got {self.file!r}, expected a name that ends in the first digits of its SHA-256")
        return f"sha256:{found[1]}"

    def download(self) -> Path:
        """The file, in `cache_folder()`; fetched once, with resume, its checksum verified each time. Raises DataError."""
        path = cache_folder() / self.file
        fetch([self.address], path, self.checksum)
        return path


@dataclass(frozen=True)
class Initial:
    """Weights that a model is to begin with: the file, and where it is a published one what it brings along."""

    path: Path
    published: Published | None = None

    def read(self) -> dict[str, np.ndarray]:
        """Name -> array. Raises WeightsError."""
        return load(self.path)


def published(name: str, version: str = IMAGENET) -> Published:
    """The published weights of the model `name`.

    version: "imagenet", or one of `versions(name)`, torchvision's names. Raises ValueError where there is none.
    """
    known = versions(name)
    if not known:
        others = ", ".join(list(_table())[:3])
        raise ValueError(f"weights: there are no published weights of {name}; there are some of {len(_table())} others: {others}, ...")
    if version == IMAGENET:
        return next(iter(_table()[name].values()))
    check_choice("weights", version, [*known, IMAGENET])
    return _table()[name][version]


def versions(name: str) -> list[str]:
    """The names of the published weights of the model `name`, the first of which "imagenet" stands for; empty where there are none."""
    return list(_table().get(name, ()))


def initial(name: str, weights: str | os.PathLike[str]) -> Initial:
    """What `weights` means for the model `name`: "imagenet" or a version is downloaded unless it is there; anything else is a path.

    Raises ValueError where nothing is published, DataError where a download fails.
    """
    if weights == IMAGENET or weights in versions(name):
        found = published(name, str(weights))
        return Initial(found.download(), found)
    path = Path(weights).expanduser()
    if not path.suffix and not path.exists():  # rather a misspelt version
        raise ValueError(f"weights: got {str(weights)!r}, which is neither a file nor one of {', '.join([*versions(name), IMAGENET])}")
    return Initial(path)


def imagenet_classes() -> tuple[str, ...]:
    """The names of ImageNet's 1,000 classes, in the order of the outputs of published weights."""
    return tuple(json.loads(_beside("imagenet_classes.json")))


def cache_folder() -> Path:
    """Where published weights are kept: $MINITORCH_CV_WEIGHTS, or the user's cache folder on this platform."""
    chosen = os.environ.get(FOLDER_VARIABLE)
    if chosen:
        return Path(chosen).expanduser()
    import pooch  # here, because `import models` must be quick

    return Path(pooch.os_cache("minitorch_cv")) / "weights"


@cache
def _table() -> dict[str, dict[str, Published]]:
    table: dict[str, dict[str, Published]] = {}
    for row in json.loads(_beside("published.json")):
        colours = {name: tuple(row.pop(name)) for name in ("mean", "std") if name in row}  # ImageNet's where there are none
        preprocessing = Preprocessing(row.pop("resize"), row.pop("crop"), row.pop("interpolation"), **colours)
        table.setdefault(row["model"], {})[row["version"]] = Published(**row, preprocessing=preprocessing)
    return table


def _beside(name: str) -> str:
    return (Path(__file__).parent / name).read_text(encoding="utf-8")
