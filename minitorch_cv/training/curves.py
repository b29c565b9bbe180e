"""The course of a training as a picture."""

import io
from pathlib import Path
from typing import Any

from minitorch_cv.files import write_atomically

COLOURS = {"train": "tab:blue", "validation": "tab:green", "test": "tab:orange"}


def draw_curves(lines: list[dict[str, Any]], path: Path) -> None:
    """Draw loss and top-1 accuracy over the epochs, as `metrics.jsonl` has them, into the PNG file `path`.

    Of segmentations the mean intersection over union is drawn, too.
    """
    # Figures without pyplot: no window system is asked for, and no global state is left.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(10, 4), layout="constrained")
    loss, accuracy = figure.subplots(1, 2)
    epochs = [line["epoch"] for line in lines]
    for name, colour in COLOURS.items():
        if not lines or f"{name}_loss" not in lines[0]:
            continue
        style = {"label": name, "color": colour, "marker": "o", "markersize": 3}
        loss.plot(epochs, [line[f"{name}_loss"] for line in lines], **style)
        accuracy.plot(epochs, [100 * line[f"{name}_top1"] for line in lines], **style)
        if f"{name}_mean_iou" in lines[0]:
            style.update(label=f"{name}, mean IoU", linestyle="dashed")
            accuracy.plot(epochs, [100 * line[f"{name}_mean_iou"] for line in lines], **style)
    loss.set(xlabel="epoch", ylabel="cross-entropy", title="Loss")
    accuracy.set(xlabel="epoch", ylabel="%", title="Top-1 accuracy")
    for axes in (loss, accuracy):
        axes.grid(alpha=0.3)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        if axes.lines:
            axes.legend()
    picture = io.BytesIO()
    FigureCanvasAgg(figure).print_png(picture)
    write_atomically(path, picture.getvalue())
