"""What all transforms need: the two kinds of pixels, and checks of their arguments.

uint8 means pixels from 0 to 255, floating point pixels from 0 to 1. A transform of brightness or colour computes in float32, in the
units of what it was given, and `restored` brings the result back.
"""

from collections.abc import Iterator, Sequence
from numbers import Integral
from typing import Any

import numpy as np

from kernels.memory import empty


def highest(images: np.ndarray) -> float:
    """The value of white: 255 for uint8, else 1."""
    return 255.0 if images.dtype == np.uint8 else 1.0


def as_float(images: np.ndarray) -> np.ndarray:
    """uint8 from 0 to 255 -> float32 from 0 to 1; floating point stays as it is."""
    if images.dtype != np.uint8:
        return images
    return np.divide(images, np.float32(255), out=empty(images.shape, np.float32))


def as_bytes(images: np.ndarray) -> np.ndarray:
    """Floating point from 0 to 1 -> uint8 from 0 to 255, rounded; uint8 stays as it is."""
    return images if images.dtype == np.uint8 else restored(images * np.float32(255), np.dtype(np.uint8))


def restored(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Computed pixels in the dtype of the original ones: cut off at black and white, and for uint8 rounded. Overwrites `values`."""
    if dtype != np.uint8:
        return np.clip(values, 0, 1, out=values).astype(dtype, copy=False)
    np.rint(values, out=values)
    return np.clip(values, 0, 255, out=values).astype(np.uint8)


def per_image(numbers: np.ndarray) -> np.ndarray:
    """(N,) -> float32 (N, 1, 1, 1): one number for all pixels of an image."""
    return np.asarray(numbers, np.float32).reshape(-1, 1, 1, 1)


def blocks(images: np.ndarray) -> Iterator[slice]:
    """Parts of a batch that are small enough to stay in the processor's cache through a chain of NumPy functions."""
    _, H, W, _ = images.shape
    count = max(1, 2**15 // max(1, H * W))
    return (slice(first, first + count) for first in range(0, len(images), count))


# --- checks of arguments


def image_size(size: int | Sequence[int], name: str = "size") -> tuple[int, int]:
    """(height, width) from that, or from one number for both. Raises ValueError, which names the argument, for anything else."""
    sides: list[Any] = [size, size] if isinstance(size, Integral) else list(size) if isinstance(size, Sequence) else []
    if len(sides) != 2 or not all(isinstance(side, Integral) and int(side) >= 1 for side in sides):
        raise ValueError(f"{name}: got {size!r}, expected a positive number of pixels, or (height, width)")
    return int(sides[0]), int(sides[1])


def check_range(name: str, numbers: Sequence[float], lowest: float, highest: float) -> tuple[float, float]:
    """The two numbers (low, high), or ValueError unless lowest <= low <= high <= highest."""
    low, high = (float(number) for number in numbers)
    if not lowest <= low <= high <= highest:
        raise ValueError(f"{name}: got {tuple(numbers)}, expected two ascending numbers from {lowest:g} to {highest:g}")
    return low, high
