"""Every function of the table on a GPU, real or emulated: values, gradients and gradients of gradients are those of the CPU."""

from collections.abc import Iterator
from typing import Any

import pytest
from gpu import REASON, gpu_here
from table import ROWS
from table.row import Row

from minitorch_cv.device import as_dtype
from minitorch_cv.testing import check_device

SEEDS = [0, *[pytest.param(seed, marks=pytest.mark.full) for seed in range(1, 4)]]

pytestmark = pytest.mark.skipif(REASON is not None, reason=str(REASON))


@pytest.fixture(scope="module", autouse=True)
def gpu() -> Iterator[None]:
    with gpu_here():
        yield


def rows(*without: str) -> Any:
    return pytest.mark.parametrize("row", [pytest.param(row, id=str(row)) for row in ROWS if row.name not in without])


@rows()
@pytest.mark.parametrize("seed", SEEDS)
def test_function_on_gpu(row: Row, seed: int) -> None:
    args, options = row.drawn(seed)
    check_device(row.function(), args, options, second_order=row.differentiable and row.second_order, seed=seed)


@rows("to")  # whose results have the dtype that they are asked for
@pytest.mark.parametrize("dtype", ["bfloat16", pytest.param("float16", marks=pytest.mark.full)])
def test_function_in_16_bits(row: Row, dtype: str) -> None:
    """Values and gradients, which keep the dtype: CuPy's functions do not where they have none for bfloat16."""
    pytest.importorskip("ml_dtypes")
    args, options = row.drawn(0)
    check_device(row.function(), args, options, dtype=as_dtype(dtype), second_order=False, tolerance=0.05)
