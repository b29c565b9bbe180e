"""What happens to a batch of images between the data set and the network, on whole batches, with NumPy alone.

A transform is called with images of shape (N, H, W, C) and a random generator, and returns images of the same form; it
never writes into what it is given. uint8 means pixels from 0 to 255, as in image files; floating point means pixels
from 0 to 1, and the transforms that turn the one into the other divide by 255. The generator is a function of seed,
epoch and step, so that a batch is augmented the same way whichever thread makes it.

Here are cuts, flips and scales; `augment` has the other random changes, `rand_augment` their combinations, `mixing` what mixes images.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from kernels.memory import empty
from minitorch_cv.data.pixels import as_float, image_size
from minitorch_cv.functional.checks import check_probability

Transform = Callable[[np.ndarray, np.random.Generator], np.ndarray]


class Compose:
    """One transform after the other."""

    def __init__(self, transforms: Sequence[Transform]) -> None:
        self.transforms = tuple(transforms)

    def __call__(self, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        for transform in self.transforms:
            images = transform(images, rng)
        return images

    def __repr__(self) -> str:
        return f"Compose({', '.join(map(repr, self.transforms))})"


class RandomCrop:
    """Put a black border of `padding` pixels around each image and cut out a piece of `size` (a number, or (height, width)) at random."""

    def __init__(self, size: int | tuple[int, int], padding: int = 0) -> None:
        self.size = image_size(size)
        if padding < 0:
            raise ValueError(f"padding: got {padding}, expected 0 or more pixels")
        self.padding = padding

    def draw(self, n: int, size: tuple[int, int], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """(top, left) of the pieces of n images of `size` (h, w), in the images themselves: from -padding on."""
        (h, w), (height, width), p = size, self.size, self.padding
        if h + 2 * p < height or w + 2 * p < width:
            raise ValueError(f"size: got {height}x{width}, which does not fit into images of {h}x{w} with a border of {p}")
        top = rng.integers(0, h + 2 * p - height + 1, n)
        left = rng.integers(0, w + 2 * p - width + 1, n)
        return top - p, left - p

    def __call__(self, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        n, h, w, c = images.shape
        (height, width), p = self.size, self.padding
        top, left = self.draw(n, (h, w), rng)
        padded = np.zeros((n, h + 2 * p, w + 2 * p, c), images.dtype)
        padded[:, p : p + h, p : p + w] = images
        # A row of pixels is a row of W*C numbers; all windows of it are views of the same memory, and one gather copies the chosen ones.
        rows = padded.reshape(n, h + 2 * p, (w + 2 * p) * c)
        windows = sliding_window_view(rows, (height, width * c), axis=(1, 2))
        return windows[np.arange(n), top + p, (left + p) * c].reshape(n, height, width, c)

    def __repr__(self) -> str:
        return f"RandomCrop({self.size}, padding={self.padding})"


class RandomHorizontalFlip:
    """Mirror each image, left to right, with probability `p`."""

    def __init__(self, p: float = 0.5) -> None:
        check_probability("p", p)
        self.p = p

    def draw(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """(n,): which images are mirrored."""
        return rng.random(n) < self.p

    def __call__(self, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        n, h, w, c = images.shape
        flipped = self.draw(n, rng)
        result = images.copy()
        # Mirrored, a row of W*C numbers is the same numbers in another order: cheaper than a view that runs backwards pixel by pixel.
        order = np.arange(w * c).reshape(w, c)[::-1].reshape(-1)
        result[flipped] = images[flipped].reshape(-1, h, w * c).take(order, axis=2).reshape(-1, h, w, c)
        return result

    def __repr__(self) -> str:
        return f"RandomHorizontalFlip(p={self.p})"


class RandomVerticalFlip:
    """Turn each image upside down with probability `p`."""

    def __init__(self, p: float = 0.5) -> None:
        check_probability("p", p)
        self.p = p

    def __call__(self, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        result = images.copy()
        flipped = rng.random(len(images)) < self.p
        result[flipped] = images[flipped][:, ::-1]
        return result

    def __repr__(self) -> str:
        return f"RandomVerticalFlip(p={self.p})"


class RandomApply:
    """Apply `transform`, which must keep size and dtype, to each image with probability `p`."""

    def __init__(self, transform: Transform, p: float = 0.5) -> None:
        check_probability("p", p)
        self.transform, self.p = transform, p

    def __call__(self, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        result = images.copy()
        chosen = rng.random(len(images)) < self.p
        if chosen.any():
            result[chosen] = self.transform(images[chosen], rng)
        return result

    def __repr__(self) -> str:
        return f"RandomApply({self.transform!r}, p={self.p})"


class Resize:
    """Enlarge or shrink to `size` (a number, or (height, width)) by bilinear interpolation, without antialiasing, to float32 from 0 to 1.

    Agrees with PyTorch's `interpolate(mode="bilinear", align_corners=False)`.
    """

    def __init__(self, size: int | tuple[int, int]) -> None:
        self.size = image_size(size)

    def __call__(self, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return resize_bilinear(as_float(images), *self.size)

    def __repr__(self) -> str:
        return f"Resize({self.size})"


class ToFloat:
    """uint8 from 0 to 255 -> float32 from 0 to 1; floating point stays as it is."""

    def __call__(self, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return as_float(images)

    def __repr__(self) -> str:
        return "ToFloat()"


class Normalize:
    """(pixel - mean) / std for each channel, `mean` and `std` being those of pixels from 0 to 1; float32."""

    def __init__(self, mean: float | Sequence[float], std: float | Sequence[float]) -> None:
        self.mean = np.atleast_1d(np.asarray(mean, np.float64))
        self.std = np.atleast_1d(np.asarray(std, np.float64))
        if self.mean.shape != self.std.shape or self.mean.ndim != 1:
            raise ValueError(f"std: got {self.std.size} numbers, expected as many as in mean, {self.mean.size}")
        if not (self.std > 0).all():
            raise ValueError(f"std: got {self.std.tolist()}, expected positive numbers")

    def __call__(self, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        n, h, w, c = images.shape
        if self.mean.size not in (1, c):
            raise ValueError(f"mean: got {self.mean.size} numbers for images of {c} channels")
        # One multiplication and one addition for each pixel. The factors are repeated along a whole row: NumPy is slow on rows of 3.
        factor = 1 / (self.std * (255 if images.dtype == np.uint8 else 1))
        scale = np.tile(np.broadcast_to(factor, c), w).astype(np.float32)
        shift = np.tile(np.broadcast_to(-self.mean / self.std, c), w).astype(np.float32)
        result = empty((n * h, w * c), np.float32)
        np.multiply(images.reshape(n * h, w * c), scale, out=result, casting="same_kind")
        result += shift
        return result.reshape(n, h, w, c)

    def __repr__(self) -> str:
        return f"Normalize({self.mean.tolist()}, {self.std.tolist()})"


def resize_bilinear(images: np.ndarray, height: int, width: int) -> np.ndarray:
    """Images (N, H, W, C) of floating point, at (height, width), in the dtype they have.

    The centre of output pixel i lies at (i + 1/2) H / height - 1/2 in the input, clamped at the first row; it is the
    mean of the two rows around it, weighted by nearness (the last row stands in for one beyond it). The same with
    columns.
    """
    for axis, size in ((1, height), (2, width)):
        length = images.shape[axis]
        if length == size:
            continue
        # Places are rounded where PyTorch rounds them, the scale and the result: at pixel 40 a float32 place is off by 2e-6, and so is the
        # image where it is steep. Agreement to 1e-7 asks for the same error.
        number = images.dtype.type
        place = ((np.arange(size) + 0.5) * float(number(length) / number(size)) - 0.5).clip(0).astype(number)
        before = np.minimum(place.astype(np.int64), length - 1)
        after = np.minimum(before + 1, length - 1)
        result, other = images.take(before, axis), images.take(after, axis)
        # One weight for each number of an image: NumPy is fast on long rows that need no broadcasting inside.
        weight = np.empty(result.shape[1:], number)
        weight[...] = (place - before).astype(number).reshape((-1,) + (1,) * (3 - axis))
        result *= 1 - weight
        other *= weight
        result += other
        images = result
    return images
