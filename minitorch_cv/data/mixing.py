"""Images made of two: mixup and CutMix. Their labels are probabilities of classes.

A mixing is called with images (N, H, W, C), targets (N, classes) of floating point, each row with the sum 1, and a random generator; it
returns both mixed, and never writes into what it is given. `Loader(..., mix=Mixup())` makes the targets of the labels.
`functional.cross_entropy` takes them as they are.
"""

from collections.abc import Callable, Sequence

import numpy as np

from minitorch_cv.data.augment import rectangles

Mixing = Callable[[np.ndarray, np.ndarray, np.random.Generator], tuple[np.ndarray, np.ndarray]]


class Mixup:
    """lambda * image + (1 - lambda) * another image of the batch, and the same of their targets; lambda ~ Beta(alpha, alpha).

    Zhang et al. 2018, "mixup: beyond empirical risk minimization". NOTE: lambda is drawn for each image; the authors' program draws one
    for the batch.
    """

    def __init__(self, alpha: float = 0.2) -> None:
        _check_alpha(alpha)
        self.alpha = alpha

    def __call__(self, images: np.ndarray, targets: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        n = len(images)
        if images.dtype.kind != "f":
            raise TypeError(f"images: got {images.dtype}, expected floating point")
        own = rng.beta(self.alpha, self.alpha, n)
        partner = rng.permutation(n)
        return _mean(images, images[partner], own), _mean(targets, targets[partner], own)

    def __repr__(self) -> str:
        return f"Mixup(alpha={self.alpha})"


class CutMix:
    """A rectangle of each image is replaced by that of another image of the batch, and its share of the target with it.

    The rectangle has a part 1 - lambda of the area, lambda ~ Beta(alpha, alpha), the ratio of the image, and its centre anywhere; what
    lies outside of the image is cut off, and does not count for the targets. (Yun et al. 2019, "CutMix: regularization strategy to train
    strong classifiers with localizable features".) NOTE: a rectangle is drawn for each image; the authors' program draws one for the batch.
    """

    def __init__(self, alpha: float = 1.0) -> None:
        _check_alpha(alpha)
        self.alpha = alpha

    def __call__(self, images: np.ndarray, targets: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        n, h, w, _ = images.shape
        side = np.sqrt(1 - rng.beta(self.alpha, self.alpha, n))
        height, width = (h * side).astype(np.int64), (w * side).astype(np.int64)
        top, left = rng.integers(0, h, n) - height // 2, rng.integers(0, w, n) - width // 2
        partner = rng.permutation(n)
        inside = rectangles(images, top, left, height, width)
        result = images.copy()
        result[inside] = images[partner][inside]
        return result, _mean(targets, targets[partner], 1 - inside.mean((1, 2)))

    def __repr__(self) -> str:
        return f"CutMix(alpha={self.alpha})"


class RandomMix:
    """One of several mixings for each batch, drawn with equal probability."""

    def __init__(self, mixings: Sequence[Mixing]) -> None:
        if not mixings:
            raise ValueError("mixings: got none, expected at least one")
        self.mixings = tuple(mixings)

    def __call__(self, images: np.ndarray, targets: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        return self.mixings[rng.integers(len(self.mixings))](images, targets, rng)

    def __repr__(self) -> str:
        return f"RandomMix({', '.join(map(repr, self.mixings))})"


def one_hot(labels: np.ndarray, classes: int) -> np.ndarray:
    """Labels (N,) as probabilities, float32 (N, classes): 1 for the class, 0 for the others."""
    return np.eye(classes, dtype=np.float32)[labels]


def _mean(first: np.ndarray, second: np.ndarray, share: np.ndarray) -> np.ndarray:
    """share * first + (1 - share) * second, with one share (N,) for all of an image or a target."""
    share = share.astype(first.dtype).reshape(-1, *[1] * (first.ndim - 1))
    result = first - second
    result *= share
    result += second
    return result


def _check_alpha(alpha: float) -> None:
    if not 0 < alpha < np.inf:
        raise ValueError(f"alpha: got {alpha}, expected a positive number")
