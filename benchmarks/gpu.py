"""Kernels and training on an NVIDIA GPU: `python benchmarks/gpu.py [kernels|training] [--out FOLDER]`, or `make bench-gpu`.

Prints tables, and writes gpu.json (every number, with date, device and versions) and gpu.png into the folder. Nothing is reported that was
not measured: where PyTorch with CUDA is not installed, its column says so.
"""

import json
import statistics
from pathlib import Path
from typing import Annotated, Any

import gpu_kernels
import gpu_timing
import gpu_training
import typer
from gpu_kernels import WORKS, Work
from rich.console import Console
from rich.progress import track
from rich.table import Table
from turns import Worker, ratios, take_turns

from kernels.gpu import problem

NOT_MEASURED = "not measured"
AGREEMENT = {"float32": 1e-4, "tf32": 1e-2, "float16": 1e-2, "bfloat16": 5e-2}  # of results, relative to the largest


def measure_kernels(works: dict[str, Work], rounds: int, rates: dict[str, float]) -> dict[str, Any]:
    """For every kernel and type: seconds of ours and theirs, their ratio, and how far from the limit that `rates` set."""
    results: dict[str, Any] = {}
    for name, work in track(works.items(), "kernels", console=Console(stderr=True)):
        for dtype in work.dtypes:
            given = gpu_kernels.arrays(work, dtype)
            tasks = {"ours": gpu_kernels.our_task(work, dtype, given)}
            theirs = gpu_kernels.their_task(work, dtype, given)
            if theirs is not None:
                check(name, dtype, tasks["ours"](), theirs())
                tasks["theirs"] = theirs
            seconds = gpu_timing.take_turns(tasks, rounds)
            ours = statistics.median(seconds["ours"])
            limit = gpu_kernels.limit_seconds(work, dtype, rates) if not work.operations or dtype in rates else None
            results[f"{name}, {dtype}"] = {
                "seconds": seconds,
                "speed_ratio": ratios(seconds["theirs"], seconds["ours"]) if theirs is not None else None,
                "of_the_limit": None if limit is None else limit / ours,
            }
    return {"rates": rates, "kernels": results}


def check(name: str, dtype: str, ours: Any, theirs: Any) -> None:
    """Raise RuntimeError unless both sides computed the same."""
    import cupy
    import torch

    mine, other = ours.astype("float32"), cupy.from_dlpack(theirs.to(torch.float32))
    if float(abs(mine - other).max()) > AGREEMENT[dtype] * max(1.0, float(abs(other).max())):
        raise RuntimeError(f"{name}, {dtype}: PyTorch and minitorch_cv do not compute the same")


def measure_training(names: list[str], rounds: int) -> dict[str, Any]:
    """For every network and precision: seconds of a step of each side, and how many times as fast as it we are."""
    results: dict[str, Any] = {}
    for name in names:
        for precision in gpu_training.PRECISIONS:
            workers = [Worker(side, gpu_training.build_ours, name, precision, "graph" in side) for side in gpu_training.OURS]
            problems = {}
            for side in gpu_training.THEIRS:
                try:
                    workers.append(Worker(side, gpu_training.build_theirs, name, precision, side))
                except RuntimeError as error:  # PyTorch is not there, or cannot do it
                    problems[side] = str(error).splitlines()[-1]
            seconds = take_turns(workers, "step", rounds, 20)
            best = min(gpu_training.OURS, key=lambda side: statistics.median(seconds[side]))
            speed = {side: ratios(seconds[side], seconds[best]) for side in seconds}
            results[f"{name}, {precision}"] = {"seconds": seconds, "ours": best, "speed_ratio": speed, "not_measured": problems}
            for worker in workers:
                worker.close()
    return results


def kernel_table(results: dict[str, Any]) -> Table:
    """How many times as fast as PyTorch, and how much of what the GPU can do."""
    table = Table("kernel", title="Kernels: above 1, minitorch_cv is the faster; 100 % is the rate of a copy, or of a large matrix product")
    for column in ("times as fast as PyTorch", "of the limit"):
        table.add_column(column, justify="right")
    for name, result in results.items():
        ratio, part = result["speed_ratio"], result["of_the_limit"]
        cells = (None if ratio is None else f"{ratio['median']:.2f}", None if part is None else f"{100 * part:.0f} %")
        table.add_row(name, *(cell or NOT_MEASURED for cell in cells))
    return table


def training_table(results: dict[str, Any]) -> Table:
    """How many times as fast as each of PyTorch's ways our faster one is."""
    table = Table("network", "ours", title="Training steps: times as fast as ...")
    for side in gpu_training.THEIRS:
        table.add_column(side, justify="right")
    for name, result in results.items():
        speed = result["speed_ratio"]
        cells = (f"{speed[side]['median']:.2f}" if side in speed else NOT_MEASURED for side in gpu_training.THEIRS)
        table.add_row(name, result["ours"], *cells)
    return table


def draw(report: dict[str, Any], path: Path) -> None:
    """A bar for every kernel: how many times as fast as PyTorch, and how much of the limit."""
    from matplotlib.figure import Figure

    results = report["kernels"]
    names = list(results)[::-1]
    figure = Figure(figsize=(10, 1 + 0.2 * len(names)), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    left.barh(names, [result["speed_ratio"]["median"] if result["speed_ratio"] else 0 for result in map(results.get, names)])
    left.axvline(1, color="black", linewidth=0.8)
    left.set_xlabel("times as fast as PyTorch")
    right.barh(names, [100 * (result["of_the_limit"] or 0) for result in map(results.get, names)])
    right.set_xlabel("% of the limit")
    left.tick_params(axis="y", labelsize=6)
    figure.suptitle(f"{report['device']['gpu']}, {report['device']['date']}")
    figure.savefig(path, dpi=120)


def main(
    what: Annotated[str, typer.Argument(help="kernels, training or all.")] = "all",
    names: Annotated[list[str] | None, typer.Option("--only", help="Kernels or networks by name; several times for several.")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Turns of each side.")] = 7,
    out: Annotated[Path, typer.Option(help="Folder for gpu.json and gpu.png.")] = Path("benchmarks/results"),
) -> None:
    """Kernels and training steps on an NVIDIA GPU."""
    if (sentence := problem()) is not None:
        print(f"{sentence}. Nothing was measured.")
        raise typer.Exit(1)
    known = [*WORKS, *gpu_training.SETTINGS]
    if unknown := set(names or ()) - set(known):
        raise typer.BadParameter(f"--only: got {', '.join(sorted(unknown))}, expected some of {'; '.join(known)}")
    chosen = set(names or known)
    console = Console()
    report: dict[str, Any] = {"device": gpu_timing.device()}
    out.mkdir(parents=True, exist_ok=True)
    if what in ("kernels", "all"):
        report |= measure_kernels({name: work for name, work in WORKS.items() if name in chosen}, rounds, gpu_timing.rates())
        console.print(kernel_table(report["kernels"]))
        draw(report, out / "gpu.png")
    if what in ("training", "all"):
        report["training"] = measure_training([name for name in gpu_training.SETTINGS if name in chosen], rounds)
        console.print(training_table(report["training"]))
    (out / "gpu.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
