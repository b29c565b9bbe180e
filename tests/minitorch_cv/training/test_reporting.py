"""What a user sees: a bar on a terminal, plain lines elsewhere."""

import io
from typing import Any

from rich.console import Console

from minitorch_cv.training.metrics import Metrics, Pace
from minitorch_cv.training.reporting import ConsoleReporter

LINE: dict[str, Any] = {
    "epoch": 3, "train_loss": 0.51234, "train_top1": 0.8, "test_loss": 0.4, "test_top1": 0.875, "test_top5": 1.0,
    "lr": 0.1, "images_per_second": 12345.6,
}  # fmt: skip


def report(terminal: bool) -> str:
    output = io.StringIO()
    reporter = ConsoleReporter(Console(file=output, force_terminal=terminal, width=120))
    running = Metrics(loss_sum=10.0, top1_sum=5, top5_sum=9, images=10)
    reporter.compiling("conv2d.forward")
    with reporter.epoch(2, 10, 100, 40):
        reporter.compiling("pool2d.forward")
        reporter.step(41, running, Pace(rated_images=10, rated_seconds=0.5))
    reporter.epoch_finished(LINE, 10)
    reporter.warn("careful [bold]")
    return output.getvalue()


def test_plain_lines() -> None:
    assert report(terminal=False).splitlines() == [
        "compiling kernels for this CPU; they are kept for the next time",
        "  compiling conv2d.forward",
        "  compiling pool2d.forward",
        "epoch  3/10  train loss 0.5123, top-1 80.00 %  test loss 0.4000, top-1 87.50 %  12,346 images/s",
        "warning: careful [bold]",
    ]


def test_on_a_terminal() -> None:
    text = report(terminal=True)
    assert "epoch 3/10" in text
    assert "41/100" in text
    assert "loss 1.0000  top-1 50.0 %" in text
    assert "20 images/s" in text
    assert "test loss 0.4000, top-1 87.50 %" in text
