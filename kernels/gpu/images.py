"""How many blocks of how many threads: for kernels on windows of channels-last images (see windows.cuh)."""

from typing import Any

THREADS = 256
ROWS = 8  # of an image, in a block: the windows of neighbouring rows overlap, and find the pixels in the cache
LONGEST_SUM = 1024  # products that one float32 adds up; sums of these are added in float64
FILLED = 1024  # blocks that keep a large GPU busy

Sizes = tuple[int, ...]


def image_grid(vectors: int, strips: int, rows: int, images: int) -> tuple[Sizes, Sizes]:
    """(blocks, threads) for `images` images of `rows` rows, cut into `strips` strips, of `vectors` vectors of channels.

    Threads: x for vectors, y for strips, z for rows. Blocks: x for tiles of vectors and strips (vectors first), y for rows, z for images.
    """
    x = min(32, next_power_of_2(vectors))
    z = min(ROWS, next_power_of_2(rows), THREADS // x)
    y = min(next_power_of_2(strips), THREADS // (x * z))
    return (-(-vectors // x) * -(-strips // y), min(-(-rows // z), 65535), min(images, 65535)), (x, y, z)


def channel_vector(channels: int, *arrays: Any) -> int:
    """How many neighbouring channels a thread takes: 4 (of float64 2, for which registers suffice) where all arrays allow it, else 1."""
    vector = 2 if arrays[0].dtype.itemsize == 8 else 4
    aligned = all(a.data.ptr % (vector * a.dtype.itemsize) == 0 for a in arrays if a is not None)
    return vector if channels % vector == 0 and aligned else 1


def weight_parts(lines: int, length: int, blocks: int) -> int:
    """Into how many parts `lines` lines of output of `length` are cut, where the 8 rows of threads of a block take a line each in turn.

    So many that no float32 adds up more than LONGEST_SUM products, and that a part for each of `blocks` blocks fills a GPU.
    """
    most = max(1, -(-lines // 8))
    return min(most, max(-(-lines * length // (8 * LONGEST_SUM)), -(-FILLED // max(blocks, 1))), 65535)


def next_power_of_2(number: int) -> int:
    """The smallest that is at least `number`, and 1 at least."""
    return 1 << (max(number, 1) - 1).bit_length()
