"""What a training says while it runs."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from minitorch_cv.training.metrics import Metrics, Pace

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

REFRESH_SECONDS = 0.2  # between two updates of the progress bar


class Reporter:
    """Says nothing: for training from Python, and the base of what says more."""

    def say(self, text: str) -> None:
        """One line that stays."""

    def warn(self, text: str) -> None:
        """One line that should be noticed."""

    def compiling(self, kernel: str) -> None:
        """The compilation of a kernel begins."""

    @contextmanager
    def epoch(self, epoch: int, epochs: int, steps: int, done: int) -> Iterator[None]:
        """Around the steps of an epoch (from 0), of which `done` were made before an interruption."""
        yield

    def step(self, step: int, running: Metrics, pace: Pace) -> None:
        """After a step; `running` and `pace` are the sums of the epoch."""

    def epoch_finished(self, line: dict[str, Any], epochs: int) -> None:
        """After an epoch, with its line of the metrics."""


class ConsoleReporter(Reporter):
    """A progress bar for each epoch on a terminal; one line for each epoch everywhere."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._progress: Progress | None = None
        self._task: Any = None
        self._shown_at = 0.0
        self._told_of_compiling = False

    def say(self, text: str) -> None:
        self.console.print(text, highlight=False, markup=False, soft_wrap=True)

    def warn(self, text: str) -> None:
        self.console.print(f"warning: {text}", style="yellow", highlight=False, markup=False, soft_wrap=True)

    def compiling(self, kernel: str) -> None:
        if not self._told_of_compiling:
            self.say("compiling kernels for this CPU; they are kept for the next time")
            self._told_of_compiling = True
        if self._progress is not None and self.console.is_terminal:
            self._progress.update(self._task, speed=f"compiling {kernel}")
        else:
            self.say(f"  compiling {kernel}")

    @contextmanager
    def epoch(self, epoch: int, epochs: int, steps: int, done: int) -> Iterator[None]:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("epoch {task.fields[epoch]}/{task.fields[epochs]}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
            TextColumn("{task.fields[loss]}"), TextColumn("{task.fields[speed]}"),
        )  # fmt: skip
        # Four pictures a second: the thread that draws takes time from the training.
        progress = Progress(*columns, console=self.console, transient=True, disable=not self.console.is_terminal, refresh_per_second=4)
        with progress:
            self._task = progress.add_task("", total=steps, completed=done, epoch=epoch + 1, epochs=epochs, loss="", speed="")
            self._progress = progress
            try:
                yield
            finally:
                self._progress = None

    def step(self, step: int, running: Metrics, pace: Pace) -> None:
        now = time.monotonic()
        if self._progress is None or now - self._shown_at < REFRESH_SECONDS:
            return
        self._shown_at = now
        self._progress.update(
            self._task, completed=step, loss=f"loss {running.loss:.4f}  top-1 {100 * running.top1:.1f} %",
            speed=f"{pace.images_per_second:,.0f} images/s" if pace.rated_images else "",
        )  # fmt: skip

    def epoch_finished(self, line: dict[str, Any], epochs: int) -> None:
        parts = [f"epoch {line['epoch']:>{len(str(epochs))}}/{epochs}"]
        for name in ("train", "validation", "test"):
            if f"{name}_loss" in line:
                parts.append(f"{name} loss {line[f'{name}_loss']:.4f}, {accuracies(line, name)}")
        parts.append(f"{line['images_per_second']:,.0f} images/s")
        self.say("  ".join(parts))


def accuracies(line: Mapping[str, Any], name: str) -> str:
    """What a line of the metrics says of one kind of images beside the loss, in words: "top-1 93.21 %", and more for segmentations."""
    if f"{name}_mean_iou" in line:
        return f"pixels {100 * line[f'{name}_top1']:.2f} %, mean IoU {100 * line[f'{name}_mean_iou']:.2f} %"
    return f"top-1 {100 * line[f'{name}_top1']:.2f} %"
