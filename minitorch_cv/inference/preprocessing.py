"""From an image file to what a classifier of photographs wants: resized, cut out of the middle, normalised."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from minitorch_cv.data.dataset import DataError
from minitorch_cv.data.folder import upright_image

if TYPE_CHECKING:
    from PIL.Image import Image

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Preprocessing:
    """The shorter side to `resize` pixels, a square of `crop` from the middle, pixels between 0 and 1 as (pixel - mean) / std.

    interpolation: "bilinear" or "bicubic", with antialiasing: Pillow's, as torchvision's weights were measured with.
    mean, std: of red, green, blue.
    """

    resize: int
    crop: int
    interpolation: str = "bilinear"
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD

    def __post_init__(self) -> None:
        if not 1 <= self.crop <= self.resize:
            raise ValueError(f"crop: got {self.crop} with resize {self.resize}, expected 1 to {self.resize} pixels")
        if self.interpolation not in ("bilinear", "bicubic"):
            raise ValueError(f"interpolation: got {self.interpolation!r}, expected bilinear or bicubic")
        if len(self.mean) != 3 or len(self.std) != 3 or not min(self.std) > 0:
            raise ValueError(f"mean and std: got {self.mean} and {self.std}, expected three numbers each, and positive ones in std")

    @classmethod
    def usual(cls, size: int) -> "Preprocessing":
        """What most models are evaluated with that take images of `size` pixels: the middle 7/8 of the image, ImageNet's mean and std."""
        return cls(round(size * 8 / 7), size)

    def __call__(self, image: "Image") -> np.ndarray:
        """float32 (1, 3, crop, crop) of an RGB image."""
        pixels = self._resized(image)  # (H, W, 3)
        return self._prepared([self._cut(pixels, *self._middle(pixels))])

    def ten_crops(self, image: "Image") -> np.ndarray:
        """float32 (10, 3, crop, crop): the four corners and the middle, of the image and of its reflection.

        A. Krizhevsky, I. Sutskever, G. Hinton: ImageNet Classification with Deep Convolutional Neural Networks. NIPS 2012, section 4.1.
        """
        pixels = self._resized(image)
        bottom, right = (length - self.crop for length in pixels.shape[:2])
        places = [(0, 0), (0, right), (bottom, 0), (bottom, right), self._middle(pixels)]
        return self._prepared([self._cut(side, *place) for side in (pixels, pixels[:, ::-1]) for place in places])

    def _resized(self, image: "Image") -> np.ndarray:
        from PIL import Image  # here, because `import minitorch_cv` must be quick

        if image.mode != "RGB":
            raise ValueError(f"image: got mode {image.mode!r}, expected 'RGB'")
        width, height = image.size
        longer = int(self.resize * max(width, height) / min(width, height))
        size = (self.resize, longer) if width <= height else (longer, self.resize)
        if size != image.size:
            image = image.resize(size, Image.Resampling[self.interpolation.upper()])
        return np.asarray(image)

    def _middle(self, pixels: np.ndarray) -> tuple[int, int]:
        height, width = pixels.shape[:2]
        return round((height - self.crop) / 2), round((width - self.crop) / 2)

    def _cut(self, pixels: np.ndarray, top: int, left: int) -> np.ndarray:
        return pixels[top : top + self.crop, left : left + self.crop]

    def _prepared(self, crops: Sequence[np.ndarray]) -> np.ndarray:
        images = np.stack(crops).astype(np.float32) / np.float32(255)  # (N, crop, crop, 3)
        mean, std = np.array(self.mean, np.float32), np.array(self.std, np.float32)
        return ((images - mean) / std).transpose(0, 3, 1, 2)


def open_image(path: str | os.PathLike[str], mode: str = "RGB") -> "Image":
    """An image file, upright, in a mode of Pillow's. Raises DataError, naming the file, where it is missing or no image."""
    from PIL import Image

    path = Path(path)
    try:
        with Image.open(path) as file:
            return upright_image(file, path).convert(mode)
    except FileNotFoundError as error:
        raise DataError(f"{path}: there is no such file") from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"{path} cannot be read as an image: {error}") from error
