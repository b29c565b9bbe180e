"""Random numbers by the counter-based generator Philox: functions of the place where they are used, and of nothing else.

A place is (seed, epoch, step). At each place there are streams ("dropout", say, as a number), and draws of a stream, one after another.
The key of Philox is (seed, stream), the counter (0, draw, step, epoch), whose first word counts the blocks of four words within a draw.
It is the same on all devices: these are the numbers of NumPy's `Generator(Philox(counter, key)).random(shape, dtype)`.

The place is an array, and the one thing that lies in the memory where the numbers are wanted. On a GPU it is read when the kernel
runs: a recorded CUDA graph draws other numbers at each replay, if `set_place` is called before.

Salmon, Moraes, Dror, Shaw: Parallel Random Numbers: As Easy as 1, 2, 3 (SC 2011).
"""

from typing import Any

import numpy as np

from kernels.backend import implementation
from kernels.checks import check_shape

DTYPES = (np.dtype(np.float32), np.dtype(np.float64))


def uniform(place: np.ndarray, stream: int, draw: int, shape: tuple[int, ...], dtype: Any = np.float32) -> np.ndarray:
    """Numbers evenly from [0, 1) of `shape`, float32 (24 random bits) or float64 (53), C-contiguous.

    place: seed, epoch and step, uint64 of shape (3,). stream, draw: from 0 to 2^64 - 1.
    """
    _check(place, stream=stream, draw=draw)
    dtype = np.dtype(dtype)
    if dtype not in DTYPES:
        raise TypeError(f"dtype: got {dtype}, expected float32 or float64")
    return implementation("random", "uniform", place)(place, stream, draw, shape, dtype)


def set_place(place: np.ndarray, seed: int, epoch: int, step: int) -> None:
    """Write another place into `place`."""
    _check(place, seed=seed, epoch=epoch, step=step)
    implementation("random", "set_place", place)(place, seed, epoch, step)


def _check(place: np.ndarray, **words: int) -> None:
    if place.dtype != np.uint64:
        raise TypeError(f"place: got {place.dtype}, expected uint64")
    check_shape("place", place, (3,))
    for name, word in words.items():
        if not 0 <= word < 1 << 64:
            raise ValueError(f"{name}: got {word}, expected 0 to 2**64 - 1")
