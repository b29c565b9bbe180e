"""Random numbers by NumPy's own generator: the definition."""

import numpy as np


def philox(seed: int, stream: int, epoch: int, step: int, draw: int) -> np.random.Generator:
    """The generator of one draw; see `kernels.random`. It counts up the lowest word of the counter as it goes."""
    counter, key = np.array([0, draw, step, epoch], np.uint64), np.array([seed, stream], np.uint64)
    return np.random.Generator(np.random.Philox(counter=counter, key=key))


def uniform(place: np.ndarray, stream: int, draw: int, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """See `kernels.random`."""
    seed, epoch, step = place.tolist()
    return philox(seed, stream, epoch, step, draw).random(shape, dtype)


def set_place(place: np.ndarray, seed: int, epoch: int, step: int) -> None:
    """See `kernels.random`."""
    place[:] = [seed, epoch, step]
