"""How many blocks of how many threads: for kernels on windows of channels-last images (see windows.cuh)."""

from typing import Any

THREADS = 256  # of a block, or somewhat fewer
WARP = 32  # threads side by side along the channels
ROWS = 8  # of an image, in a block: the windows of neighbouring rows overlap, and find the pixels in the cache
LONGEST_SUM = 1024  # products that one float32 adds up; sums of these are added in float64
FILLED = 1024  # blocks that keep a large GPU busy

Sizes = tuple[int, ...]


def image_grid(vectors: int, strips: int, rows: int, images: int) -> tuple[Sizes, Sizes]:
    """(blocks, threads) for `images` images of `rows` rows, cut into `strips` strips, of `vectors` vectors of channels.

    Threads: x for vectors, y for strips, z for rows. Blocks: x for tiles of vectors and strips (vectors first), y for rows, z for images.
    """
    x, z = _shares(vectors, WARP), _shares(rows, ROWS)
    y = _shares(strips, THREADS // (x * z))
    return (-(-vectors // x) * -(-strips // y), min(-(-rows // z), 65535), min(images, 65535)), (x, y, z)


def weight_grid(vectors: int, others: int, lines: int, length: int) -> tuple[Sizes, Sizes]:
    """(blocks, threads) for a weight's gradient: `vectors` vectors of channels, `others` times, summed over `lines` lines of `length`.

    Threads: x for vectors, y for lines, of which each takes one in turn. Blocks: x for tiles of vectors (fastest) and the others, y for
    parts of the lines: so many that no float32 adds up more than LONGEST_SUM products, and that a GPU is filled.
    """
    x = _shares(vectors, WARP)
    y = THREADS // x
    blocks = -(-vectors // x) * others
    parts = max(-(-lines * length // (y * LONGEST_SUM)), -(-FILLED // blocks))
    return (blocks, max(1, min(parts, -(-lines // y), 65535))), (x, y)


def _shares(count: int, most: int) -> int:
    """The size of equal shares of `count`, as few as there can be of at most `most`: 36 in shares of up to 32 are two of 18."""
    return -(-count // -(-count // most)) if count else 1


def channel_vector(channels: int, *arrays: Any) -> int:
    """How many neighbouring channels a thread takes: 4 (of float64 2, for which registers suffice) where all arrays allow it, else 1."""
    vector = 2 if arrays[0].dtype.itemsize == 8 else 4
    aligned = all(a.data.ptr % (vector * a.dtype.itemsize) == 0 for a in arrays if a is not None)
    return vector if channels % vector == 0 and aligned else 1


def next_power_of_2(number: int) -> int:
    """The smallest that is at least `number`, and 1 at least."""
    return 1 << (max(number, 1) - 1).bit_length()
