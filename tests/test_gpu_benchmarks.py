"""The benchmarks for GPUs run through on the emulated one, on small problems: what they time is what they say, and reports can be drawn."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gpu
import numpy as np
import pytest

import minitorch_cv as mt
import models

pytestmark = [
    pytest.mark.full,
    pytest.mark.skipif(gpu.GPU == "real", reason="there is a GPU: run the benchmarks themselves"),
    pytest.mark.skipif(gpu.REASON is not None, reason=str(gpu.REASON)),
]
ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "benchmarks"
RATES = {"copy": 1e12, "float32": 1e13, "tf32": 1e14, "float16": 1e14}  # of no GPU: bfloat16 stays unmeasured
SHRINK = 64
CONVOLUTION = "conv 3x3, 16 at 32"
IN_NUMBA = ("average pooling 2x2",)  # of the simulator, which is slow, one example
MODULES = ("gpu_kernels", "gpu_report", "gpu_timing", "gpu_training", "gpu_works", "torch_models", "turns")


@pytest.fixture
def benchmarks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The modules of the benchmarks can be imported, there is a GPU, and a turn is one call."""
    monkeypatch.syspath_prepend(str(FOLDER))
    import gpu_timing

    monkeypatch.setattr(gpu_timing, "TURN", 0.0)
    monkeypatch.setattr(gpu_timing, "IN_A_GRAPH", 1)
    with gpu.gpu_here(), gpu_timing.one_stream():
        yield
    for name in MODULES:
        sys.modules.pop(name, None)


def flat(result: Any) -> list[Any]:
    return [r for r in (result if isinstance(result, tuple | list) else (result,)) if r is not None]


# --- kernels


def measured() -> dict[str, Any]:
    """The first row of every family, and one more convolution: all other rows differ in nothing but their functions."""
    import gpu_kernels
    import gpu_works

    works = gpu_works.works(SHRINK)
    first = {work.family: name for name, work in reversed(works.items())}
    chosen = {
        name: works[name]._replace(dtypes=("float32", "bfloat16") if name == CONVOLUTION else ("float32",), numba=name in IN_NUMBA)
        for name in [*first.values(), CONVOLUTION, *IN_NUMBA]
    }
    found: dict[str, Any] = {}
    gpu_kernels.measure_all(chosen, 1, RATES, found.__setitem__)
    return found


@pytest.mark.usefixtures("benchmarks")
def test_kernels_are_measured(tmp_path: Path) -> None:
    import gpu_report
    import gpu_works

    report = {"device": {"gpu": "none", "date": "-"}, "kernels": measured()}
    works = gpu_works.works(SHRINK)
    assert list(works) == list(gpu_works.works())
    assert len(report["kernels"]) >= 22
    for name, result in report["kernels"].items():
        work = works[name.rsplit(", ", 1)[0]]
        assert set(result["not_measured"]) == {"theirs"}, result["not_measured"]  # there is no PyTorch with CUDA, and all else works
        assert result["seconds"]["ours"][0] > 0
        assert result["speed_ratio"] is None
        tensor_cores = work.operations and not work.plain
        assert (result["of_the_limit"] is None) == (result["dtype"] == "bfloat16" and bool(tensor_cores))
        assert (result["met"] is None) == (work.goal != "copy")
        assert ("Numba CUDA" in result["seconds"]) == result["numba"]
    table = gpu_report.kernel_table(report["kernels"])
    assert table.row_count == len(report["kernels"])
    assert {"not measured"} == set(table.columns[1]._cells)
    assert gpu_report.reasons(report["kernels"]).row_count == 2  # no CUDA in PyTorch, and what it has no function for
    gpu_report.draw(report, tmp_path / "gpu.png")
    assert (tmp_path / "gpu.png").stat().st_size > 10_000
    json.dumps(report)


@pytest.mark.usefixtures("benchmarks")
def test_every_family_is_measured() -> None:
    import gpu_works

    families = {path.parent.name for path in (ROOT / "kernels").glob("*/cuda_*.py")}
    assert {work.family for work in gpu_works.works(SHRINK).values()} == families


@pytest.mark.usefixtures("benchmarks")
def test_what_is_timed_is_what_pytorch_computes() -> None:
    """Every row's two functions, of the same numbers: ours on the GPU, PyTorch's on the CPU."""
    torch = pytest.importorskip("torch")
    import gpu_kernels
    import gpu_works

    compared = 0
    for name, work in gpu_works.works(SHRINK).items():
        if work.theirs is None or not work.same:
            continue
        given = gpu_kernels.arrays(work, "float32")
        tensors = [torch.from_numpy(np.array(gpu.to_host(array))) for array in given]
        results, expected = flat(work.ours(*given)()), flat(work.theirs(torch, *tensors)())
        for a, b in zip(results, expected, strict=True):
            mine, other = gpu.to_host(a), b.detach().numpy()
            assert mine.shape == other.shape, name
            assert np.abs(mine - other).max() <= 1e-4 * max(1, np.abs(other).max()), name
        compared += 1
    assert compared > 70


@pytest.mark.usefixtures("benchmarks")
def test_disagreement_is_found() -> None:
    import cupy
    import gpu_kernels
    from gpu_timing import Side

    def side(*values: float) -> Side:
        return Side([lambda: cupy.asarray(values)])

    gpu_kernels.check(side(1.0, 2.0), side(1.0, 2.0001), 1e-3)
    for other in (side(1.0, 2.1), side(1.0, np.nan), side(np.nan, 2.0), side(1.0)):
        with pytest.raises(RuntimeError, match=r"not the same numbers|shapes"):
            gpu_kernels.check(side(1.0, 2.0), other, 1e-3)
    with pytest.raises(RuntimeError, match="not the same numbers"):
        gpu_kernels.check(side(np.nan, 2.0), side(1.0, 2.0), 1e-3)


@pytest.mark.usefixtures("benchmarks")
def test_calls_use_more_memory_than_the_cache_has(monkeypatch: pytest.MonkeyPatch) -> None:
    import gpu_kernels
    import gpu_timing
    import gpu_works

    work = gpu_works.works(SHRINK)["relu"]
    given = gpu_kernels.arrays(work, "float32")
    monkeypatch.setattr(gpu_timing, "cache_bytes", lambda: 2 * given[0].nbytes)
    sides, _ = gpu_kernels.sides(work, "float32")
    assert len(sides["ours"].calls) == 5
    sides["ours"].run()
    addresses = {array.data.ptr for array in sides["ours"].results}
    assert len(addresses) == 5
    run = gpu_timing.graph_by_cupy(sides["ours"])
    assert run.calls == 5
    run.work()
    for result in sides["ours"].results:
        np.testing.assert_array_equal(gpu.to_host(result), np.maximum(gpu.to_host(given[0]), 0))


# --- training


@pytest.mark.usefixtures("benchmarks")
@pytest.mark.parametrize("recorded", [False, True])
def test_both_sides_train_alike(recorded: bool) -> None:
    """The steps that are timed: ours on the GPU, recorded or not, and PyTorch's on the CPU, have the same losses."""
    pytest.importorskip("torch")
    import gpu_training

    setting = gpu_training.SETTINGS["lenet5"]._replace(batch=4)
    ours = gpu_training.build_ours("lenet5", setting, "float32", recorded)
    parameters = ours["parameters"]()
    theirs = gpu_training.build_theirs("lenet5", setting, "float32", gpu_training.EAGER, parameters, device="cpu")
    steps, agreement = gpu_training.CHECKED["float32"]
    losses = [ours["step"]() for _ in range(steps)]
    np.testing.assert_allclose([theirs["step"]() for _ in range(steps)], losses, rtol=agreement / 10)
    assert len(set(losses)) == steps


@pytest.mark.usefixtures("benchmarks")
@pytest.mark.parametrize("precision", ["tf32", "bfloat16", "float16"])
def test_precisions_can_be_compared(precision: str) -> None:
    pytest.importorskip("torch")
    import gpu_training

    setting = gpu_training.SETTINGS["lenet5"]._replace(batch=4)
    ours = gpu_training.build_ours("lenet5", setting, precision, False)
    parameters = ours["parameters"]()
    theirs = gpu_training.build_theirs("lenet5", setting, precision, gpu_training.EAGER, parameters, device="cpu")
    assert ours["step"]() == pytest.approx(theirs["step"](), rel=gpu_training.CHECKED[precision][1])


@pytest.mark.usefixtures("benchmarks")
@pytest.mark.parametrize("name", ["resnet20", "resnet50"])
def test_networks_of_both_sides_are_the_same(name: str) -> None:
    """The same parameters give the same logits."""
    torch = pytest.importorskip("torch")
    from torch_models import MODELS, set_parameters

    mt.manual_seed(0)
    mine, other = models.create(name), MODELS[name]()
    set_parameters(other, [p.numpy() for p in mine.parameters()])
    images = np.random.default_rng(0).standard_normal((2, 3, 64, 64) if name == "resnet50" else (2, 3, 32, 32), np.float32)
    with torch.no_grad(), mt.no_grad():
        expected, logits = other(torch.from_numpy(images)).numpy(), mine(mt.tensor(images)).numpy()
    np.testing.assert_allclose(logits, expected, atol=1e-3 * np.abs(expected).max())


# --- reports


@pytest.mark.usefixtures("benchmarks")
def test_why_a_side_takes_no_part() -> None:
    import gpu_training

    first = "torch.AcceleratorError: CUDA error: operation not permitted when stream is capturing"
    lines = ["PyTorch, eager:", "Traceback (most recent call last):", "  File 'x.py', line 1", "KeyError: 'a'", first, "For debugging ..."]
    assert gpu_training.reason("\n".join(lines)) == first
    assert gpu_training.reason("its process ended\n") == "its process ended"


@pytest.mark.usefixtures("benchmarks")
def test_training_is_reported(tmp_path: Path) -> None:
    import gpu_report
    import gpu_training

    seconds = {gpu_training.OURS[0]: [2e-3, 2e-3], gpu_training.OURS[1]: [1e-3, 1e-3], gpu_training.EAGER: [4e-3, 3e-3]}
    result = {**gpu_training.derived("resnet20", seconds), "not_measured": {gpu_training.THEIRS[2]: "no compiler"}}
    assert result["ours"] == gpu_training.OURS[1]
    assert result["speed_ratio"][gpu_training.EAGER]["median"] == 3.5
    assert result["met"] is True
    assert result["images_per_second"][gpu_training.OURS[1]] == pytest.approx(128_000)
    nothing = {**gpu_training.derived("resnet20", {}), "not_measured": dict.fromkeys(gpu_training.OURS, "-")}
    assert nothing["met"] is None
    results = {"resnet20, float32": result, "resnet20, tf32": nothing}
    table = gpu_report.training_table(results)
    assert [column._cells[0] for column in table.columns][1:] == [
        gpu_training.OURS[1], "3.50", "not measured", "not measured", "ahead of PyTorch eager: met"
    ]  # fmt: skip
    assert [column._cells[1] for column in table.columns][-1] == "ahead of PyTorch eager: not measured"
    assert gpu_report.reasons(results).row_count == 3
    gpu_report.draw({"device": {"gpu": "none", "date": "-"}, "training": results}, tmp_path / "gpu.png")
    assert (tmp_path / "gpu.png").stat().st_size > 5_000


def test_without_a_gpu_nothing_is_measured(tmp_path: Path) -> None:
    command = [sys.executable, FOLDER / "gpu.py", "--json", tmp_path / "gpu.json", "--picture", tmp_path / "gpu.png"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "device 'cuda' needs" in result.stdout
    assert "Nothing was measured." in result.stdout
    assert not list(tmp_path.iterdir())


