"""Random numbers on a GPU: see philox.cu."""

from math import prod
from typing import Any

from kernels import gpu

SOURCE = gpu.CudaSource("philox.cu")
BLOCK_BYTES = 32  # of the numbers that one thread makes


def uniform(place: Any, stream: int, draw: int, shape: tuple[int, ...], dtype: Any) -> Any:
    """See `kernels.random`."""
    y, count = gpu.empty(shape, dtype), prod(shape)
    blocks = gpu.blocks_for(-(-count * dtype.itemsize // BLOCK_BYTES))
    SOURCE.launch("philox_uniform", dtype, blocks, gpu.THREADS, place, y, count, _signed(stream), _signed(draw))
    return y


def set_place(place: Any, seed: int, epoch: int, step: int) -> None:
    """See `kernels.random`. A launch like any other: it waits for nobody, and what was launched before has the old place."""
    SOURCE.launch("philox_place", "float32", 1, 1, place, _signed(seed), _signed(epoch), _signed(step))


def _signed(word: int) -> int:
    """The 64 bits of `word` as a kernel takes them, which counts the highest as a sign."""
    return word - (1 << 64) if word >> 63 else word
