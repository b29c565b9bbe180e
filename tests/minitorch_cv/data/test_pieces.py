"""Crops, flips and normalisation in one pass: bit for bit what the loader's transforms give, on every backend and on a GPU."""

from contextlib import nullcontext
from typing import Any

import gpu
import numpy as np
import pytest

import kernels
from minitorch_cv.data import Compose, Cutout, Dataset, Loader, Normalize, RandomCrop, RandomHorizontalFlip, Resize, ToFloat
from minitorch_cv.data.pieces import Pieces
from minitorch_cv.random import generator_at

CHAINS: dict[str, list[Any]] = {
    "all": [RandomCrop(8, 4), RandomHorizontalFlip(), Normalize((0.49, 0.48, 0.45), (0.2, 0.21, 0.26))],
    "nested": [Compose([RandomCrop((5, 6)), RandomHorizontalFlip(0.3)]), Normalize(0.5, 0.25)],
    "flip": [RandomHorizontalFlip()],
    "nothing": [],
}
ON_GPU = pytest.param("cuda", marks=pytest.mark.skipif(gpu.REASON is not None, reason=str(gpu.REASON)))


def dataset() -> Dataset:
    images = np.random.default_rng(0).integers(0, 256, (20, 8, 9, 3), dtype=np.uint8)
    return Dataset(images, np.arange(20) % 7, tuple("abcdefg"), "test")


@pytest.mark.parametrize("backend", ["numpy", "numba", ON_GPU])
@pytest.mark.parametrize("name", CHAINS)
def test_batches_of_the_loader(name: str, backend: str) -> None:
    loader = Loader(dataset(), 7, shuffle=True, seed=5, transform=CHAINS[name], prefetch=0)
    pieces = Pieces.of(CHAINS[name])
    assert pieces is not None
    images = dataset().images.transpose(0, 3, 1, 2)
    with kernels.backend(backend), gpu.gpu_here() if backend == "cuda" else nullcontext():
        for step in range(2):
            chosen = loader.order(3)[step * 7 : (step + 1) * 7]
            given = gpu.to_gpu(images) if backend == "cuda" else images
            batch = gpu.to_host(pieces(given, chosen, generator_at(5, "augment", 3, step)))
            expected, _ = loader.batch(3, step)
            assert batch.dtype == expected.dtype
            np.testing.assert_array_equal(batch, expected)


def test_rounded_to_another_type() -> None:
    pieces = Pieces.of(CHAINS["all"])
    assert pieces is not None
    images, chosen = dataset().images.transpose(0, 3, 1, 2), np.arange(4)
    whole, half = (pieces(images, chosen, np.random.default_rng(0), dtype) for dtype in (np.float32, np.float16))
    assert half.dtype == np.float16
    np.testing.assert_array_equal(half, whole.astype(np.float16))


@pytest.mark.parametrize(
    "chain",
    [
        [RandomHorizontalFlip(), RandomCrop(4)],
        [Normalize(0.5, 0.5), RandomCrop(4)],
        [Cutout(3)],
        [RandomCrop(4), RandomCrop(2)],
        [RandomCrop(4), Resize(8), ToFloat()],
    ],
)
def test_chains_of_another_form(chain: list) -> None:
    assert Pieces.of(chain) is None


def test_a_piece_that_does_not_fit() -> None:
    pieces = Pieces.of([RandomCrop(12, 1)])
    assert pieces is not None
    with pytest.raises(ValueError, match="size: got 12x12, which does not fit into images of 8x9 with a border of 1"):
        pieces(dataset().images.transpose(0, 3, 1, 2), np.arange(2), np.random.default_rng(0))
