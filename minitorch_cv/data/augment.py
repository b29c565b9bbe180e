"""Random changes of images beside cuts and flips: parts taken out, colours changed, pieces resized, images turned.

Transforms of whole batches, as `transforms` describes them. Every image has draws of its own.
"""

import math
from collections.abc import Sequence

import numpy as np

from minitorch_cv.data import colour, geometry
from minitorch_cv.data.pixels import check_range, highest, image_size, restored
from minitorch_cv.functional.checks import check_probability

NO_CHANGE = {"brightness": 1, "contrast": 1, "saturation": 1, "hue": 0}
TRIES = 10  # for a piece of the wanted area and ratio that fits into the image


class Cutout:
    """Set a square of `size` pixels to `value`, its centre anywhere in the image: at the border, less of it is inside.

    After `Normalize`, the `value` 0 is the mean colour, as in the paper: DeVries, Taylor 2017, "Improved regularization of
    convolutional neural networks with cutout".
    """

    def __init__(self, size: int, value: float = 0) -> None:
        if size < 1:
            raise ValueError(f"size: got {size}, expected at least 1 pixel")
        self.size, self.value = size, value

    def __call__(self, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        n, h, w, _ = images.shape
        top, left = rng.integers(0, [[h], [w]], (2, n)) - self.size // 2
        sides = np.full(n, self.size)
        result = images.copy()
        result[rectangles(images, top, left, sides, sides)] = self.value
        return result

    def __repr__(self) -> str:
        return f"Cutout({self.size}, value={self.value})"


class RandomErasing:
    """With probability `p`, set a rectangle to `value`, or to noise where that is "random".

    The rectangle has a part `scale` (low, high) of the image's area and `ratio` (low, high), height by width, evenly drawn in its
    logarithm; it lies inside the image. One that does not fit is drawn again, ten times in all. Noise is standard normal for floating
    point, which should be normalised, and even for uint8. (Zhong et al. 2020, "Random erasing data augmentation".)
    """

    def __init__(
        self, p: float = 0.5, scale: Sequence[float] = (0.02, 0.33), ratio: Sequence[float] = (0.3, 3.3), value: float | str = 0
    ) -> None:
        check_probability("p", p)
        if isinstance(value, str) and value != "random":
            raise ValueError(f"value: got {value!r}, expected a number, or 'random'")
        self.p, self.value = p, value
        self.scale, self.ratio = check_range("scale", scale, 0, 1), check_range("ratio", ratio, 1e-6, 1e6)

    def __call__(self, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        n, h, w, _ = images.shape
        height, width, fits = random_pieces(rng, n, (h, w), self.scale, (1 / self.ratio[1], 1 / self.ratio[0]), inside=True)
        top, left = random_places(rng, (h, w), height, width)
        chosen = fits & (rng.random(n) < self.p)
        mask = rectangles(images, top, left, height * chosen, width)
        result = images.copy()
        if self.value != "random":
            result[mask] = self.value
        elif images.dtype == np.uint8:
            result[mask] = rng.integers(0, 256, images.shape, np.uint8)[mask]
        else:
            result[mask] = rng.standard_normal(images.shape, np.float32)[mask]
        return result

    def __repr__(self) -> str:
        return f"RandomErasing(p={self.p}, scale={self.scale}, ratio={self.ratio}, value={self.value!r})"


class RandomResizedCrop:
    """A piece of each image, of a random size and ratio, at `size` (a number, or (height, width)): float32 from 0 to 1.

    The piece has a part `scale` (low, high) of the image's area and `ratio` (low, high), width by height, evenly drawn in its
    logarithm. One that does not fit is drawn again, ten times in all; then it is the largest piece in the middle with a ratio in the
    range. Resizing is bilinear and antialiased. (Szegedy et al. 2015, "Going deeper with convolutions", as torchvision has it.)
    """

    def __init__(
        self, size: int | tuple[int, int], scale: Sequence[float] = (0.08, 1.0), ratio: Sequence[float] = (3 / 4, 4 / 3)
    ) -> None:
        self.size = image_size(size)
        self.scale, self.ratio = check_range("scale", scale, 1e-6, 1), check_range("ratio", ratio, 1e-6, 1e6)

    def __call__(self, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        n, h, w, _ = images.shape
        height, width, fits = random_pieces(rng, n, (h, w), self.scale, self.ratio)
        top, left = random_places(rng, (h, w), height, width)
        in_ratio = min(max(w / h, self.ratio[0]), self.ratio[1])
        tallest, widest = (min(h, max(1, round(w / in_ratio))), min(w, max(1, round(h * in_ratio))))
        height, width = np.where(fits, height, tallest), np.where(fits, width, widest)
        top, left = np.where(fits, top, (h - tallest) // 2), np.where(fits, left, (w - widest) // 2)
        return geometry.resized_crops(images, top, left, height, width, self.size)

    def __repr__(self) -> str:
        return f"RandomResizedCrop({self.size}, scale={self.scale}, ratio={self.ratio})"


class ColorJitter:
    """Change brightness, contrast, saturation and hue, for each image by random amounts and in a random order.

    brightness, contrast, saturation: the factor is drawn from 1 - x to 1 + x (from 0, for x above 1), or from a given (low, high).
    hue: the shift is drawn from -x to x, at most 0.5, or from a given (low, high), in turns of the circle of colours. 0 means no change.
    """

    def __init__(
        self,
        brightness: float | Sequence[float] = 0,
        contrast: float | Sequence[float] = 0,
        saturation: float | Sequence[float] = 0,
        hue: float | Sequence[float] = 0,
    ) -> None:
        self.ranges = {
            "brightness": _factor_range("brightness", brightness),
            "contrast": _factor_range("contrast", contrast),
            "saturation": _factor_range("saturation", saturation),
            "hue": check_range("hue", hue if isinstance(hue, Sequence) else (-hue, hue), -0.5, 0.5),
        }

    def __call__(self, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        n = len(images)
        order = rng.permuted(np.tile(np.arange(4), (n, 1)), axis=1)  # (N, 4): for each image, which change comes when
        amounts = {name: rng.uniform(low, high, n) for name, (low, high) in self.ranges.items()}
        result = images.copy()
        for turn in range(4):
            for number, (name, (low, high)) in enumerate(self.ranges.items()):
                chosen = np.flatnonzero(order[:, turn] == number)
                if chosen.size and not low == high == NO_CHANGE[name]:
                    result[chosen] = getattr(colour, name)(result[chosen], amounts[name][chosen])
        return result

    def __repr__(self) -> str:
        return f"ColorJitter({', '.join(f'{name}={drawn}' for name, drawn in self.ranges.items())})"


class PCANoise:
    """AlexNet's colours: add to all pixels of an image the same multiple of each principal component of colour.

        image + sum_i a_i lambda_i p_i,    a_i ~ Normal(0, sigma), drawn anew for each image

    eigenvalues (C,), eigenvectors (C, C), one in each column: lambda_i and p_i, those of the covariance of the colours of all pixels of
    the data set, from 0 to 1 (to 255, the formula would add noise far beyond white); `PCANoise.of(images)` computes them.
    (Krizhevsky et al. 2012, "ImageNet classification with deep convolutional neural networks", section 4.1.)
    """

    def __init__(self, eigenvalues: Sequence[float] | np.ndarray, eigenvectors: Sequence | np.ndarray, sigma: float = 0.1) -> None:
        self.eigenvalues, self.eigenvectors = np.asarray(eigenvalues, np.float64), np.asarray(eigenvectors, np.float64)
        if self.eigenvalues.ndim != 1 or self.eigenvectors.shape != self.eigenvalues.shape * 2:
            raise ValueError(f"eigenvectors: got shape {self.eigenvectors.shape} for eigenvalues of shape {self.eigenvalues.shape}")
        if sigma < 0:
            raise ValueError(f"sigma: got {sigma}, expected a standard deviation")
        self.sigma = sigma

    @classmethod
    def of(cls, images: np.ndarray, sigma: float = 0.1) -> "PCANoise":
        """With the principal components of uint8 images (N, H, W, C): exact sums, so that the order of images does not matter."""
        if images.dtype != np.uint8 or not images.size:
            raise ValueError(f"images: got {images.dtype} of shape {images.shape}, expected pixels of uint8")
        C = images.shape[3]
        total, products = np.zeros(C), np.zeros((C, C))
        for first in range(0, len(images), 256):
            pixels = images[first : first + 256].reshape(-1, C).astype(np.float64)
            total += pixels.sum(0)
            products += pixels.T @ pixels  # sums of integers below 2**53: no rounding
        count = images.size // C
        mean = total / count
        eigenvalues, eigenvectors = np.linalg.eigh((products / count - np.outer(mean, mean)) / 255**2)
        return cls(eigenvalues.clip(0), eigenvectors, sigma)

    def __call__(self, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        n, _, _, c = images.shape
        if c != self.eigenvalues.size:
            raise ValueError(f"images: got {c} channels, expected {self.eigenvalues.size}, as many as eigenvalues")
        amounts = rng.normal(0, self.sigma, (n, c)) * self.eigenvalues
        noise = (amounts @ self.eigenvectors.T * highest(images)).astype(np.float32)
        return restored(images + noise.reshape(n, 1, 1, c), images.dtype)

    def __repr__(self) -> str:
        return f"PCANoise({self.eigenvalues.round(4).tolist()}, sigma={self.sigma})"


class RandomRotation:
    """Turn each image about its centre by an angle from -degrees to degrees, or from a given (low, high), against the clock.

    bilinear: interpolate, which makes float32 from 0 to 1 of uint8; else the nearest pixel is taken. fill: what comes in at the corners.
    """

    def __init__(self, degrees: float | Sequence[float], bilinear: bool = False, fill: float = 0) -> None:
        self.degrees = check_range("degrees", degrees if isinstance(degrees, Sequence) else (-degrees, degrees), -360, 360)
        self.bilinear, self.fill = bilinear, fill

    def __call__(self, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return geometry.warp(images, geometry.rotation(rng.uniform(*self.degrees, len(images))), self.fill, self.bilinear)

    def __repr__(self) -> str:
        return f"RandomRotation({self.degrees}, bilinear={self.bilinear}, fill={self.fill})"


def random_pieces(
    rng: np.random.Generator, n: int, size: tuple[int, int], scale: tuple[float, float], ratio: tuple[float, float], inside: bool = False
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(heights, widths, whether they fit into `size`), each (N,): the first of TRIES draws that fits.

    The area is a part `scale` of the image's, the ratio is width by height. inside: smaller than the image both ways.
    """
    h, w = size
    area = rng.uniform(*scale, (n, TRIES)) * (h * w)
    drawn_ratio = np.exp(rng.uniform(math.log(ratio[0]), math.log(ratio[1]), (n, TRIES)))
    width, height = np.rint(np.sqrt(area * drawn_ratio)).astype(np.int64), np.rint(np.sqrt(area / drawn_ratio)).astype(np.int64)
    good = (width > 0) & (height > 0) & (width <= w - inside) & (height <= h - inside)
    first = (np.arange(n), good.argmax(1))
    return height[first], width[first], good[first]


def random_places(rng: np.random.Generator, size: tuple[int, int], height: np.ndarray, width: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(top, left), each (N,): where pieces of these heights and widths may lie in images of `size`; 0 for those that do not fit."""
    return rng.integers(0, (size[0] - height).clip(0) + 1), rng.integers(0, (size[1] - width).clip(0) + 1)


def rectangles(images: np.ndarray, top: np.ndarray, left: np.ndarray, height: np.ndarray, width: np.ndarray) -> np.ndarray:
    """Booleans (N, H, W): inside the rectangle of each image, whose corner may be outside of the image."""
    _, h, w, _ = images.shape
    rows, columns = np.arange(h), np.arange(w)
    vertically = (rows >= top[:, np.newaxis]) & (rows < (top + height)[:, np.newaxis])  # (N, H)
    horizontally = (columns >= left[:, np.newaxis]) & (columns < (left + width)[:, np.newaxis])  # (N, W)
    return vertically[:, :, np.newaxis] & horizontally[:, np.newaxis]


def _factor_range(name: str, amount: float | Sequence[float]) -> tuple[float, float]:
    if isinstance(amount, Sequence):
        return check_range(name, amount, 0, math.inf)
    if amount < 0:
        raise ValueError(f"{name}: got {amount}, expected a number that is not negative")
    return max(0.0, 1.0 - amount), 1.0 + amount
