"""Shuffles: numbers of every size that a GPU moves, and of one byte, which CuPy copies."""

import numpy as np

import kernels
from cases import Case


def numbered(*shape: int) -> np.ndarray:
    return np.arange(np.prod(shape)).reshape(shape) % 251


def images(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.standard_normal(shape)


MOVED = {"launches": "gather_pieces"}
CASES = [
    Case(kernels.channel_shuffle, lambda rng: (images(rng, 2, 12, 3, 5), 3), **MOVED),
    Case(kernels.pixel_shuffle, lambda rng: (images(rng, 2, 27, 3, 5), 3), **MOVED),
    Case(kernels.pixel_unshuffle, lambda rng: (images(rng, 2, 3, 8, 6), 2), **MOVED),
    Case(kernels.pixel_shuffle, lambda rng: (images(rng, 1, 4, 1, 300), 2), **MOVED, name="long rows"),
    Case(kernels.channel_shuffle, lambda rng: (numbered(1, 6, 2, 2).astype(np.int64), 2), **MOVED, dtypes=("float32",), name="int64"),
    Case(kernels.channel_shuffle, lambda rng: (numbered(1, 6, 2, 2).astype(np.uint8), 2), dtypes=("float32",), name="bytes"),
    Case(kernels.pixel_shuffle, lambda rng: (numbered(1, 8, 2, 2).astype(np.uint8), 2), dtypes=("float32",), name="bytes up"),
    Case(kernels.pixel_unshuffle, lambda rng: (numbered(1, 2, 4, 2).astype(np.uint8), 2), dtypes=("float32",), name="bytes down"),
    Case(kernels.pixel_shuffle, lambda rng: (images(rng, 0, 4, 2, 2), 2), name="no images"),
]
