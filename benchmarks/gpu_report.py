"""What was measured on a GPU, as tables and as a picture. What was not measured is said to be so."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import gpu_training
from rich.table import Table

NOT_MEASURED = "not measured"
COLOURS = {"float32": "#4c72b0", "tf32": "#55a868", "float16": "#dd8452", "bfloat16": "#c44e52"}
COLOURS |= dict(zip(gpu_training.THEIRS, ("#4c72b0", "#dd8452", "#55a868"), strict=True))


def times(ratio: dict[str, float] | None) -> str:
    """A median of ratios, for a cell of a table."""
    return NOT_MEASURED if ratio is None else f"{ratio['median']:.2f}"


def verdict(result: dict[str, Any]) -> str:
    """The goal, and whether it is met."""
    if result["goal"] is None:
        return ""
    return f"{result['goal']}: {NOT_MEASURED if result['met'] is None else 'met' if result['met'] else 'missed'}"


def kernel_table(results: dict[str, Any]) -> Table:
    """A row for every kernel and type, a section for every family."""
    table = Table("kernel, type", title="Kernels: times as fast as ...; 100 % of the limit is the rate of a copy, or of cuBLAS's products")
    for column in ("PyTorch", "of the limit", "goal", "PyTorch, from Python", "Numba CUDA"):
        table.add_column(column, justify="left" if column == "goal" else "right", no_wrap=True)
    family = None
    for name, result in results.items():
        if result["family"] != family:
            table.add_section()
        family = result["family"]
        part = result["of_the_limit"]
        table.add_row(
            name, times(result["speed_ratio"]), NOT_MEASURED if part is None else f"{100 * part:.0f} %",
            verdict(result), times(result["speed_ratio_from_python"]),
            times(result["speed_ratio_numba_cuda"]) if result["numba"] else "",
        )  # fmt: skip
    return table


def training_table(results: dict[str, Any]) -> Table:
    """How many times as fast as each of PyTorch's ways our faster one is."""
    table = Table("network, precision", "ours", title="Training steps: times as fast as ...")
    for side in gpu_training.THEIRS:
        table.add_column(side, justify="right", no_wrap=True)
    table.add_column("goal", no_wrap=True)
    for name, result in results.items():
        cells = (times(result["speed_ratio"].get(side)) for side in gpu_training.THEIRS)
        table.add_row(name, result["ours"] or NOT_MEASURED, *cells, verdict(result))
    return table


def reasons(results: dict[str, Any]) -> Table:
    """Everything that was not measured, and why; the same reason once."""
    table = Table("not measured", "because", title="Not measured")
    found: dict[tuple[str, str], list[str]] = {}
    for name, result in results.items():
        for side, reason in result["not_measured"].items():
            found.setdefault((side, reason), []).append(name)
    for (side, reason), names in found.items():
        where = names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
        table.add_row(f"{side}: {where}", reason)
    return table


def draw(report: dict[str, Any], path: Path) -> None:
    """The kernels, a bar for every type: how many times as fast as PyTorch, and how much of the limit. Below, the training steps."""
    from matplotlib.figure import Figure

    kernels: dict[str, dict[str, Any]] = {}
    for name, result in report.get("kernels", {}).items():
        kernels.setdefault(name.removesuffix(f", {result['dtype']}"), {})[result["dtype"]] = result
    training = report.get("training", {})
    heights = [0.24 * len(kernels) + 0.8, 0.3 * len(training) + 0.8]
    figure = Figure(figsize=(12, 1.6 + sum(heights)), layout="constrained")
    grid = figure.add_gridspec(2, 2, height_ratios=heights)
    left, right = figure.add_subplot(grid[0, 0]), figure.add_subplot(grid[0, 1])
    bottom = figure.add_subplot(grid[1, :])
    fast = {name: {dtype: median(r["speed_ratio"]) for dtype, r in by_type.items()} for name, by_type in kernels.items()}
    full = {name: {dtype: percent(r["of_the_limit"]) for dtype, r in by_type.items()} for name, by_type in kernels.items()}
    steps = {name: {side: median(ratio) for side, ratio in r["speed_ratio"].items() if side in COLOURS} for name, r in training.items()}
    bars(left, fast, "kernel alone: times as fast as PyTorch", line=1)
    bars(right, full, "% of the limit; dashed: 80 %, the goal where memory is the limit", line=80, ratios=False)
    bars(bottom, steps, "training step: times as fast as", line=1)
    lines = [i - 0.5 for i, (a, b) in enumerate(pairwise(kernels.values()), 1) if family(a) != family(b)]
    for axes in (left, right):
        for y in lines:
            axes.axhline(y, color="0.8", linewidth=0.6)
    figure.suptitle(f"{report['device']['gpu']}, {report['device']['date']}; no bar: not measured")
    figure.savefig(path, dpi=110)


def bars(axes: Any, values: dict[str, dict[str, float | None]], title: str, line: float, ratios: bool = True) -> None:
    """A group of horizontal bars for every name, from the top to the bottom, one for each key; of ratios, or of parts of the limit."""
    shown: set[str] = set()
    for place, (_, group) in enumerate(values.items()):
        for number, (key, value) in enumerate(group.items()):
            label = None if key in shown else key
            shown.add(key)
            width = 0.8 / len(group)
            start = 1 if ratios else 0
            axes.barh(place - 0.4 + (number + 0.5) * width, (value or start) - start, width, start, color=COLOURS[key], label=label)
    axes.axvline(line, color="black", linewidth=0.8, linestyle="--")
    if ratios:  # twice as fast is as far to the right as half as fast to the left
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_formatter(lambda x, _: f"{x:g}")
    axes.set_title(title, fontsize=9)
    axes.set_yticks(range(len(values)), list(values) if ratios else [""] * len(values), fontsize=7)
    axes.set_ylim(len(values) - 0.4, -0.6)
    axes.margins(x=0.02)
    if shown and ratios:
        axes.legend(fontsize=7, loc="lower right")


def median(ratio: dict[str, float] | None) -> float | None:
    return None if ratio is None else ratio["median"]


def percent(part: float | None) -> float | None:
    return None if part is None else 100 * part


def family(by_type: dict[str, Any]) -> str:
    return next(iter(by_type.values()))["family"]
