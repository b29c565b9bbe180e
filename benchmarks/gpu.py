"""Kernels and training on an NVIDIA GPU: `python benchmarks/gpu.py [kernels|training] [--json FILE] [--picture FILE]`, or `make bench-gpu`.

Prints tables; every number goes to the JSON file, with date, device and versions. Nothing is reported that was not measured: where
PyTorch with CUDA is not installed, for instance, its columns say so. How it is measured: benchmarks/README.md.
"""

import json
from pathlib import Path
from typing import Annotated, Any

import gpu_kernels
import gpu_report
import gpu_timing
import gpu_training
import typer
from gpu_works import works
from rich.console import Console

from kernels.gpu import problem
from minitorch_cv.training.precision import PRECISIONS

PARTS = ("kernels", "training")


def measure_kernels(report: dict[str, Any], names: list[str], rounds: int, console: Console) -> None:
    """Add the rates of this GPU and all numbers of the kernels named to the report."""
    chosen = {name: work for name, work in works().items() if name in names}
    with console.status("rates of this GPU") as status, gpu_timing.one_stream():
        report["rates"] = gpu_timing.rates()

        def done(name: str, result: dict[str, Any]) -> None:
            report["kernels"][name] = result
            status.update(name)

        report["kernels"] = {}
        gpu_kernels.measure_all(chosen, rounds, report["rates"], done)


def measure_training(report: dict[str, Any], names: list[str], rounds: int, console: Console) -> None:
    """Add all numbers of the networks named, in all precisions, to the report."""
    report["training"] = {}
    with console.status("training") as status:
        for name in names:
            for precision in PRECISIONS:
                status.update(f"{name}, {precision}")
                report["training"][f"{name}, {precision}"] = gpu_training.measure(name, precision, rounds)


def show(report: dict[str, Any], console: Console) -> None:
    """The tables."""
    everything = {**report.get("kernels", {}), **report.get("training", {})}
    for part, table in (("kernels", gpu_report.kernel_table), ("training", gpu_report.training_table)):
        if report.get(part):
            console.print(table(report[part]))
    if any(result["not_measured"] for result in everything.values()):
        console.print(gpu_report.reasons(everything))


def main(
    what: Annotated[str, typer.Argument(help="kernels, training or all.")] = "all",
    only: Annotated[list[str] | None, typer.Option(help="Kernels and networks with this in their name; may be repeated.")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Turns of each side.")] = 7,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write all numbers to this file.")] = None,
    picture: Annotated[Path | None, typer.Option(help="Draw them into this file (PNG, SVG, ...).")] = None,
) -> None:
    """Kernels and training steps on an NVIDIA GPU, against PyTorch and against what the GPU could do."""
    if what not in (*PARTS, "all"):
        raise typer.BadParameter(f"what: got {what!r}, expected kernels, training or all")
    if (sentence := problem()) is not None:
        print(f"{sentence}. Nothing was measured.")
        raise typer.Exit(1)
    chosen = PARTS if what == "all" else (what,)
    known = {"kernels": [*works()], "training": [*gpu_training.SETTINGS]}
    names = {part: [n for n in known[part] if only is None or any(o in n for o in only)] if part in chosen else [] for part in PARTS}
    if not any(names.values()):
        expected = "; ".join(name for part in chosen for name in known[part])
        raise typer.BadParameter(f"--only: got {', '.join(only or ())}, expected parts of {expected}")
    console = Console(width=None if Console().is_terminal else 150)  # in a file, rows stay lines
    report: dict[str, Any] = {"device": gpu_timing.device(), "rounds": rounds}
    try:
        for part, measure in (("kernels", measure_kernels), ("training", measure_training)):
            if names[part]:
                measure(report, names[part], rounds, console)
    finally:  # what was measured before something went wrong is worth keeping
        show(report, console)
        if json_file is not None:
            json_file.parent.mkdir(parents=True, exist_ok=True)
            json_file.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    if picture is not None:
        picture.parent.mkdir(parents=True, exist_ok=True)
        gpu_report.draw(report, picture)


if __name__ == "__main__":
    typer.run(main)
