"""Pooling: windows of all kinds, channels that fill whole packs and others, ties, NaN, planes in one strip and in several."""

from typing import Any

import numpy as np

import kernels
from cases import Case


def images(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """With few different values, so that windows have ties."""
    return np.round(2 * rng.standard_normal(shape)) / 2


def special(rng: np.random.Generator, *shape: int) -> np.ndarray:
    x = images(rng, *shape)
    where = rng.random(shape)
    x[where < 0.1], x[where > 0.8], x[(where > 0.3) & (where < 0.4)] = np.nan, -np.inf, np.inf
    return x


def won(rng: np.random.Generator, shape: tuple[int, ...], pool: Any, **window: Any) -> tuple:
    """(gy, indices, input_size) of a pooling."""
    y, indices = pool(images(rng, *shape), **window)
    return images(rng, *y.shape), indices, shape[2:]


def backward(name: str, shape: tuple[int, ...], pool: Any = kernels.max_pool2d, **window: Any) -> Case:
    return Case(kernels.max_pool2d_backward, lambda rng: won(rng, shape, pool, **window), window, launches="max_pool2d_backward",
                numba_cuda="winners_gradients", name=f"max_backward_{name}")  # fmt: skip


HANGING = {"kernel_size": (3, 2), "stride": (2, 1), "padding": (1, 1), "ceil_mode": True}
DILATED = {"kernel_size": 2, "stride": 1, "padding": 1, "dilation": (3, 2)}
MAX = {"launches": "max_pool2d", "numba_cuda": "max_of_windows"}
MEAN = {"launches": "avg_pool2d", "numba_cuda": "mean_of_windows"}
CASES = [
    Case(kernels.max_pool2d, lambda rng: (images(rng, 2, 8, 7, 9), 3, 2, 1), **MAX),
    Case(kernels.max_pool2d, lambda rng: (special(rng, 3, 5, 8, 6),), HANGING, **MAX, name="max_hanging"),
    Case(kernels.max_pool2d, lambda rng: (special(rng, 2, 4, 5, 6),), DILATED, **MAX, name="max_dilated"),
    Case(kernels.max_pool2d, lambda rng: (images(rng, 1, 300, 4, 4), 2), **MAX, name="max_many_channels"),
    Case(kernels.max_pool2d, lambda rng: (images(rng, 1, 1, 1, 1), 2, 1, 1, 2), **MAX, name="max_of_padding"),
    Case(kernels.adaptive_max_pool2d, lambda rng: (images(rng, 2, 3, 7, 5), (3, 4)), **MAX),
    backward("overlapping", (2, 8, 9, 7), kernel_size=3, stride=2, padding=1),
    backward("hanging", (2, 3, 6, 8), **HANGING),
    backward("dilated", (2, 4, 6, 7), **DILATED),
    backward("gaps", (1, 5, 9, 9), kernel_size=2, stride=4),
    backward("adaptive", (2, 3, 7, 5), kernels.adaptive_max_pool2d, output_size=(5, 4)),
    Case(kernels.max_pool2d_backward, lambda rng: won(rng, (2, 3, 6, 8), kernels.max_pool2d, **HANGING), launches="max_pool2d_scatter",
         name="max_backward_unknown_windows"),
    Case(kernels.max_pool2d_gather, lambda rng: (images(rng, 2, 6, 3, 4), rng.integers(-1, 12, (2, 6, 2, 3))),
         launches="max_pool2d_gather"),
    Case(kernels.avg_pool2d, lambda rng: (images(rng, 2, 8, 7, 9), 3, 2, 1), **MEAN),
    Case(kernels.avg_pool2d, lambda rng: (images(rng, 3, 5, 8, 6), (3, 2), (2, 1), 1, True, False), **MEAN, name="avg_hanging"),
    Case(kernels.avg_pool2d, lambda rng: (images(rng, 1, 6, 4, 4), 3, 1, 0, False, True, -5), **MEAN, name="avg_divisor"),
    Case(kernels.adaptive_avg_pool2d, lambda rng: (images(rng, 2, 3, 7, 5), (3, 4)), **MEAN),
    Case(kernels.avg_pool2d_backward, lambda rng: (images(rng, 2, 4, 4, 5), (7, 9), 3, 2, 1), launches="resample2d"),
    Case(kernels.adaptive_avg_pool2d_backward, lambda rng: (images(rng, 2, 3, 3, 4), (7, 5)), launches="resample2d"),
    Case(kernels.global_avg_pool2d, lambda rng: (images(rng, 3, 8, 5, 7),), launches="plane_partial_sums", numba_cuda="mean_of_plane"),
    Case(kernels.global_avg_pool2d, lambda rng: (images(rng, 2, 5, 41, 30),), launches="plane_partial_sums plane_means",
         numba_cuda="mean_of_plane", name="global_avg_in_strips"),
    Case(kernels.global_avg_pool2d_backward, lambda rng: (images(rng, 3, 8, 1, 1), (5, 7)), launches="plane_means_backward",
         numba_cuda="spread_over_plane"),
    Case(kernels.global_avg_pool2d_backward, lambda rng: (images(rng, 2, 3, 1, 1), (41, 30)), launches="plane_means_backward",
         numba_cuda="spread_over_plane", name="global_avg_backward_in_strips"),
    Case(kernels.max_pool2d, lambda rng: (images(rng, 0, 3, 4, 4), 2), name="max_empty"),
    Case(kernels.global_avg_pool2d, lambda rng: (images(rng, 0, 3, 4, 4),), name="global_avg_empty"),
]  # fmt: skip
