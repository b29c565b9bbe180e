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
SIDES = ((0, 1), (-1, 0), (1, 0), (0, -1))  # of a circle, where its name may stand: above, left, right, below

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
    axes.margins(0.06, 0.09)
    if len({c.year for c in shown if c.year}) > 1:
        figure.colorbar(circles, ax=axes, label="year of the paper", ticks=range(min(c.year for c in shown if c.year), 2100, 2))
    for millions in (5, 25, 100):
        axes.scatter([], [], s=millions * 1e6 / AREA, c="none", edgecolors="black", label=f"{millions} million parameters")
    axes.legend(loc="lower right", labelspacing=1.6, borderpad=1.2, frameon=False)
    _label(axes, shown)
    figure.savefig(path, dpi=120)


Box = tuple[float, float, float, float]  # left, bottom, right, top, in pixels of the picture


def _label(axes: Any, shown: Sequence[Candidate]) -> None:
    """A name beside every circle, or in it where it is large: on a side where no other name and no other circle's middle is.

    The most accurate ones choose first; a name for which there is no room is left out.
    """
    axes.figure.canvas.draw()  # so that places in the picture are known
    points = axes.figure.dpi / 72
    middles = {c.name: axes.transData.transform((c.macs / 1e9, c.accuracy)) for c in shown}
    taken: list[Box] = []
    for c in sorted(shown, key=lambda c: -(c.accuracy or 0)):
        x, y = middles[c.name]
        width, height = len(c.name) * 0.58 * FONT * points, 1.2 * FONT * points
        radius = math.sqrt(c.parameters / AREA / math.pi) * points + 1
        sides = ((0, 0), *SIDES) if 2 * radius > width else SIDES
        others = [(*middle, *middle) for name, middle in middles.items() if name != c.name]
        for side_x, side_y in sides:
            left, bottom = x + side_x * (radius + width / 2) - width / 2, y + side_y * (radius + height / 2) - height / 2
            box = left, bottom, left + width, bottom + height
            if not any(_overlap(box, other) for other in (*taken, *others)):
                taken.append(box)
                offset = (left + width / 2 - x) / points, (bottom + height / 2 - y) / points
                at = c.macs / 1e9, c.accuracy
                axes.annotate(c.name, at, offset, textcoords="offset points", fontsize=FONT, ha="center", va="center")
                break


def _overlap(a: Box, b: Box) -> bool:
    return a[0] <= b[2] and b[0] <= a[2] and a[1] <= b[3] and b[1] <= a[3]
