"""How many blocks of how many threads, for kernels on channels-last matrices (channel_reduce.cuh) and on rows (rows.cuh)."""

from typing import Any, NamedTuple

from kernels.gpu.images import next_power_of_2

THREADS = 256
BYTES = 16  # what one load moves at most
BUSY = 1056  # blocks that keep a large GPU busy: 8 on each of 132 multiprocessors
FEWEST_STEPS, MOST_STEPS = 4, 32  # rows for one thread; that many terms are added up in the type of the arithmetic
FINAL_COLUMNS, FINAL_ROWS = 8, 64
KEPT = 4  # loads of a row whose results a thread keeps in registers
WARP, ROW_THREADS = 32, 512


class ChannelGrid(NamedTuple):
    """blocks and threads of a launch, and the kernels' last arguments: sizes = (rows of a sheet, C, parts, strip, width)."""

    blocks: tuple[int, int]
    threads: tuple[int, int]
    sizes: tuple[int, int, int, int, int]

    @property
    def parts(self) -> int:
        """The number of strips of all sheets: of the rows of partial sums."""
        return self.blocks[0]


def channel_grid(sheets: int, rows: int, C: int, *arrays: Any) -> ChannelGrid:
    """For a stack of `sheets` matrices of `rows` rows by C channels each. arrays: all that are read or written by packs; None counts not.

    Threads are given few rows while that makes more blocks, since many blocks hide that memory takes its time, and then more of them.
    """
    width = _width(C, arrays)
    columns = C // width
    across = min(WARP, next_power_of_2(columns))
    down = THREADS // across
    beside = -(-columns // across)
    steps = min(max(-(-sheets * rows * beside // (down * BUSY)), FEWEST_STEPS), MOST_STEPS)
    strip = steps * down
    parts = max(1, -(-rows // strip))
    return ChannelGrid((sheets * parts, beside), (across, down), (rows, C, parts, strip, width))


def final_grid(C: int, sums: int = 1) -> tuple[tuple[int, int], tuple[int, int]]:
    """(blocks, threads) of the kernel that adds up partial sums (`sums`, parts, C)."""
    return (-(-C // FINAL_COLUMNS), sums), (FINAL_COLUMNS, FINAL_ROWS)


class RowGrid(NamedTuple):
    """blocks and threads of a launch; sizes = (M, D, width), the kernels' last arguments."""

    blocks: int
    threads: tuple[int, int]
    sizes: tuple[int, int, int]


def row_grid(M: int, D: int, *arrays: Any) -> RowGrid:
    """For M rows of D numbers: to a row the fewest threads that keep it in registers, and to a block several rows if they are few."""
    width = _width(D, arrays)
    team = min(next_power_of_2(-(-D // (width * KEPT))), ROW_THREADS)
    down = 1 if team > WARP else THREADS // 2 // team
    return RowGrid(-(-M // down), (team, down), (M, D, width))


def _width(columns: int, arrays: tuple[Any, ...]) -> int:
    """How many numbers a thread moves at once: a full load's where rows and arrays begin at multiples of that, else 1."""
    given = [a for a in arrays if a is not None]
    pack = BYTES // given[0].dtype.itemsize
    return pack if columns % pack == 0 and all(a.data.ptr % BYTES == 0 for a in given) else 1
