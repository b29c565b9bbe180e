"""How a product by tiles is launched: see gemm.cuh."""

from dataclasses import dataclass
from typing import Any

from kernels.gpu.precision import on_tensor_cores

SLICE_BYTES = 80  # of shared memory, for one row of A or one column of B in a slice
ENOUGH_BLOCKS = 128  # about one for each multiprocessor of a large GPU
MOST_PART_BYTES = 1 << 28  # of partial sums


@dataclass(frozen=True)
class Tiles:
    """The size of a block's tile of results; `tensor`: whether it is computed by tensor cores."""

    M: int
    N: int
    tensor: bool

    @property
    def threads(self) -> int:
        """Of a block."""
        return 128 if self.tensor else 256

    @property
    def shared_memory(self) -> int:
        """Bytes for the slices of A and B that are on their way or in use."""
        return (3 if self.tensor else 2) * (self.M + self.N) * SLICE_BYTES

    def count(self, M: int, N: int) -> int:
        """How many tiles cover M x N results."""
        return -(-M // self.M) * -(-N // self.N)

    def macros(self, aligned: bool) -> dict[str, int]:
        """What gemm.cuh is compiled with. aligned: whether 16 bytes may be copied at once."""
        return {"TENSOR": int(self.tensor), "TILE_M": self.M, "TILE_N": self.N, "ALIGNED": int(aligned)}


def tiles_for(M: int, N: int, array: Any, aligned: bool) -> Tiles:
    """The tiles for M x N results made of arrays like `array`; aligned: whether 16 bytes may be copied at once.

    A large tile uses every copied number more often, but there must be enough tiles to keep the GPU busy, and enough registers: sums of
    float64 take twice as many, and to copy number by number takes some, too.
    """
    tensor = on_tensor_cores(array)
    if N <= 32 and M > N:
        return Tiles(128, 32, tensor)
    large = Tiles(128, 128, tensor)
    if aligned and N > 64 and M > 64 and large.count(M, N) >= ENOUGH_BLOCKS and array.dtype.itemsize < 8:
        return large
    return Tiles(64, 64, tensor)


def parts_for(tiles: int, depth: int, result_bytes: int) -> tuple[int, int]:
    """Into how many parts to cut sums of `depth` products, and how long each is: few `tiles` must become enough blocks.

    A part has at least 256 products, and all parts of the result together stay within MOST_PART_BYTES. All but the last are a multiple
    of 64 products long: each begins where a pack does.
    """
    parts = max(1, min(2 * ENOUGH_BLOCKS // max(tiles, 1), depth // 256, MOST_PART_BYTES // max(result_bytes, 1)))
    stretch = max(64, -(-depth // (parts * 64)) * 64)
    return max(1, -(-depth // stretch)), stretch


def is_aligned(array: Any, *lengths: int) -> bool:
    """Whether `array` may be copied 16 bytes at a time where its lines have such lengths and distances, in elements."""
    pack = 16 // array.dtype.itemsize
    return array.data.ptr % 16 == 0 and all(length % pack == 0 for length in lengths)
