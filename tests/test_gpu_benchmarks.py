"""The benchmarks for GPUs run through on the emulated one, on small problems: what they time is what they say, and reports can be drawn."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import gpu
import numpy as np
import pytest

import kernels

pytestmark = [
    pytest.mark.full,
    pytest.mark.skipif(gpu.REASON is not None, reason=str(gpu.REASON)),
]
FOLDER = Path(__file__).parents[1] / "benchmarks"
RATES = {"copy": 1e12, "float32": 1e13, "tf32": 1e14, "float16": 1e14}  # of no GPU: bfloat16 stays unmeasured


@pytest.fixture
def gpu_benchmark(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(str(FOLDER))
    import importlib.util

    import gpu_timing

    specification = importlib.util.spec_from_file_location("gpu_benchmark", FOLDER / "gpu.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    monkeypatch.setitem(sys.modules, "gpu_benchmark", module)
    specification.loader.exec_module(module)
    monkeypatch.setattr(gpu_timing, "TURN", 0.0)
    with gpu.gpu_here():
        yield module


def test_every_kernel_is_measured(gpu_benchmark: ModuleType, tmp_path: Path) -> None:
    import gpu_kernels

    works = gpu_kernels.works(shrink=32)
    assert list(works) == list(gpu_kernels.WORKS)
    report = gpu_benchmark.measure_kernels(works, 1, RATES)
    assert len(report["kernels"]) == sum(len(work.dtypes) for work in works.values())
    for name, result in report["kernels"].items():
        assert result["seconds"]["ours"][0] > 0
        assert result["speed_ratio"] is None  # there is no PyTorch with CUDA
        bound_by_memory = not works[name.rsplit(", ", 1)[0]].operations
        assert (result["of_the_limit"] is None) == (name.endswith("bfloat16") and not bound_by_memory)
    table = gpu_benchmark.kernel_table(report["kernels"])
    assert table.row_count == len(report["kernels"])
    assert "not measured" in table.columns[1]._cells
    gpu_benchmark.draw({"device": {"gpu": "none", "date": "-"}, **report}, tmp_path / "gpu.png")
    assert (tmp_path / "gpu.png").stat().st_size > 10_000


def test_what_is_timed_is_what_the_definition_computes(gpu_benchmark: ModuleType) -> None:
    import gpu_kernels

    for name, work in gpu_kernels.works(shrink=32).items():
        given = gpu_kernels.arrays(work, "float32")
        result = gpu.to_host(gpu_kernels.our_task(work, "float32", given)())
        with kernels.backend("numpy"):
            expected = work.ours(*[gpu.to_host(array) for array in given])
        assert np.abs(result - expected).max() <= 1e-4 * max(1, np.abs(expected).max()), name


def test_without_a_gpu_nothing_is_measured() -> None:
    import subprocess

    result = subprocess.run([sys.executable, FOLDER / "gpu.py"], capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "device 'cuda' needs" in result.stdout
    assert "Nothing was measured." in result.stdout
