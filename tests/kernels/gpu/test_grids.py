"""How matrices are divided among blocks and threads: everything is reached, and nothing is more than CUDA allows."""

import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from kernels.gpu import grids
from kernels.gpu.grids import channel_grid, final_grid, row_grid

MOST_BLOCKS = (2**31 - 1, 65535)
CHANNELS = [1, 2, 3, 7, 16, 21, 64, 1000, 2048, 100_003]


def array(dtype: str, address: int = 4096) -> SimpleNamespace:
    return SimpleNamespace(dtype=np.dtype(dtype), data=SimpleNamespace(ptr=address))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("C", CHANNELS)
@pytest.mark.parametrize(("sheets", "rows"), [(1, 1), (1, 0), (5, 49), (32, 3136), (1, 131072), (1, 2**31 + 5), (0, 9)])
def test_channel_grid(sheets: int, rows: int, C: int, dtype: str) -> None:
    (blocks, beside), (across, down), (_, _, parts, strip, width) = channel_grid(sheets, rows, C, array(dtype), None)
    assert (blocks, across * down) == (sheets * parts, grids.THREADS)
    assert blocks <= MOST_BLOCKS[0]
    assert beside <= MOST_BLOCKS[1]
    assert strip % down == 0
    assert strip // down <= grids.MOST_STEPS
    assert (parts - 1) * strip < max(rows, 1) <= parts * strip  # no strip is empty, and none is missing
    assert (beside - 1) * across * width < C <= beside * across * width
    assert C % width == 0


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("D", [*CHANNELS, 0])
@pytest.mark.parametrize("M", [0, 1, 7, 50_000, 2**31 + 5])
def test_row_grid(M: int, D: int, dtype: str) -> None:
    blocks, (team, down), (_, _, width) = row_grid(M, D, array(dtype))
    assert M <= blocks * down < M + down
    assert blocks <= MOST_BLOCKS[0] or M * D > 2**40  # such a matrix fits into no memory
    assert team * down % 32 == 0
    assert team * down <= grids.ROW_THREADS
    assert team & (team - 1) == 0
    assert down == 1 or team <= 32
    assert team * grids.KEPT * width >= D or team == grids.ROW_THREADS


def test_packs_need_their_place() -> None:
    """Loads of 16 bytes: only where rows and arrays begin at multiples of 16 bytes."""
    assert channel_grid(1, 9, 16, array("float32")).sizes[-1] == 4
    assert channel_grid(1, 9, 16, array("float16")).sizes[-1] == 8
    assert channel_grid(1, 9, 18, array("float32")).sizes[-1] == 1
    assert channel_grid(1, 9, 16, array("float32"), array("float32", 4100)).sizes[-1] == 1
    assert row_grid(9, 16, array("float32", 4100)).sizes[-1] == 1


def test_python_and_cuda_agree() -> None:
    text = "".join((Path(grids.__file__).parent / name).read_text() for name in ("channel_reduce.cuh", "rows.cuh"))
    constants = {name: int(value) for name, value in re.findall(r"^const int (\w+) = (\d+);", text, re.MULTILINE)}
    expected = {"CHANNEL_THREADS": grids.THREADS, **{name: getattr(grids, name) for name in constants if name != "CHANNEL_THREADS"}}
    assert constants == expected
    assert len(constants) == 5
    assert final_grid(17, 2) == ((3, 2), (8, 64))
