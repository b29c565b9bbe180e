"""Networks side by side: what they cost, and how well they recognise ImageNet's photographs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Any

from minitorch_cv.study.summary import Summary, in_bytes

if TYPE_CHECKING:
    from rich.table import Table

AREA = 120_000  # parameters to a square point of the picture
FONT = 7  # points
SIDES = ((0, 1), (1, 0), (0, -1), (-1, 0), (0, 0))  # of a circle, where its name may stand: above, right, below, left, inside

COLUMNS = ("model", "year", "input", "parameters", "multiply-adds", "memory", "top-1", "top-1 per GMAC", "published by")


@dataclass(frozen=True)
class Candidate:
    """A network in a comparison.

    input_shape: (C, H, W), at which the costs hold and the accuracy was measured. macs: multiply-adds. activation_bytes: of all outputs in
        float32.
    accuracy: top-1 on ImageNet in percent, None where none is known; source: who published it. year: of the paper.
    """

    name: str
    input_shape: tuple[int, int, int]
    parameters: int
    macs: int
    activation_bytes: int
    accuracy: float | None = None
    source: str = ""
    year: int | None = None

    @property
    def accuracy_per_gmac(self) -> float | None:
        """Percent for a thousand million multiply-adds."""
        return None if self.accuracy is None or self.macs == 0 else self.accuracy / (self.macs / 1e9)

    def as_data(self) -> dict[str, Any]:
        """What becomes JSON."""
        return {
            "name": self.name, "year": self.year, "input": list(self.input_shape), "parameters": self.parameters, "macs": self.macs,
            "activation_bytes": self.activation_bytes, "top1": self.accuracy, "top1_per_gmac": self.accuracy_per_gmac,
            "source": self.source,
        }  # fmt: skip


def candidate(name: str, costs: Summary, accuracy: float | None = None, source: str = "", year: int | None = None) -> Candidate:
    """The network whose summary is `costs`, for one image."""
    _, C, H, W = costs.input_shape
    totals = costs.totals
    return Candidate(name, (C, H, W), totals.parameters, totals.macs, totals.activation_bytes, accuracy, source, year)


def comparison_table(candidates: Sequence[Candidate]) -> "Table":
    """For Rich to print; one row for each."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for name in COLUMNS:
        table.add_column(name, justify="left" if name in ("model", "published by") else "right", no_wrap=name != "published by")
    for c in candidates:
        accuracies = ["-", "-"] if c.accuracy is None else [f"{c.accuracy:.2f} %", f"{c.accuracy_per_gmac:.1f}"]
        table.add_row(
            c.name, str(c.year or "-"), " x ".join(map(str, c.input_shape)), f"{c.parameters:,}", f"{c.macs:,}",
            in_bytes(c.activation_bytes), *accuracies, c.source,
        )  # fmt: skip
    return table


def draw_comparison(candidates: Sequence[Candidate], path: str | PathLike[str]) -> None:
    """A picture of accuracy against multiply-adds (logarithmic); a circle's area is the number of parameters, its colour the year.

    path: the file; its ending says the format. Candidates without a known accuracy are left out.
    Raises ValueError where none has one, or for an ending that names no format.
    """
    shown = sorted((c for c in candidates if c.accuracy is not None), key=lambda c: -c.parameters)  # small circles lie on large ones
    if not shown:
        raise ValueError("candidates: got none with a published accuracy, expected at least one")
    # Not pyplot: a figure of one's own leaves other figures and settings alone.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 8), layout="constrained")
    axes = figure.add_subplot()
    circles = axes.scatter(
        [c.macs / 1e9 for c in shown], [float(c.accuracy or 0) for c in shown], s=[c.parameters / AREA for c in shown],
        c=[float(c.year) if c.year else float("nan") for c in shown], cmap="viridis", alpha=0.55, edgecolors="black", linewidths=0.5,
        plotnonfinite=True,
    )  # fmt: skip
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_xlabel("multiply-adds for one image, thousand millions")
    axes.set_ylabel("top-1 accuracy on ImageNet, percent (published)")
    axes.grid(alpha=0.3, which="both", linewidth=0.4)
    axes.margins(0.06)
    if len({c.year for c in shown if c.year}) > 1:
        figure.colorbar(circles, ax=axes, label="year of the paper", ticks=range(min(c.year for c in shown if c.year), 2100, 2))
    for millions in (5, 25, 100):
        axes.scatter([], [], s=millions * 1e6 / AREA, c="none", edgecolors="black", label=f"{millions} million parameters")
    axes.legend(loc="lower right", labelspacing=1.6, borderpad=1.2, frameon=False)
    _label(axes, shown)
    figure.savefig(path, dpi=120)


def _label(axes: Any, shown: Sequence[Candidate]) -> None:
    """A name beside every circle, where there is room on one of its sides: the most accurate ones choose first."""
    points = axes.figure.dpi / 72
    taken: list[tuple[float, float, float, float]] = []  # left, bottom, right, top of the names so far, in pixels of the paper
    axes.figure.canvas.draw()  # so that places on the paper are known
    for c in sorted(shown, key=lambda c: -(c.accuracy or 0)):
        x, y = axes.transData.transform((c.macs / 1e9, c.accuracy))
        width, height = len(c.name) * 0.58 * FONT * points, 1.1 * FONT * points
        radius = math.sqrt(c.parameters / AREA / math.pi) * points + 2
        for side_x, side_y in SIDES:
            middle = x + side_x * (radius + width / 2), y + side_y * (radius + height / 2)
            box = middle[0] - width / 2, middle[1] - height / 2, middle[0] + width / 2, middle[1] + height / 2
            if all(box[0] > b[2] or box[2] < b[0] or box[1] > b[3] or box[3] < b[1] for b in taken):
                taken.append(box)
                offset = (middle[0] - x) / points, (middle[1] - y) / points
                at = c.macs / 1e9, c.accuracy
                axes.annotate(c.name, at, offset, textcoords="offset points", fontsize=FONT, ha="center", va="center")
                break
