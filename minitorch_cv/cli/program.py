"""The program: its commands, in the order in which `--help` lists them."""

from collections.abc import Callable

import typer

from minitorch_cv.cli.compare import compare
from minitorch_cv.cli.devices import devices
from minitorch_cv.cli.evaluate import evaluate
from minitorch_cv.cli.models import list_models
from minitorch_cv.cli.predict import predict
from minitorch_cv.cli.summary import summary
from minitorch_cv.cli.train import train

COMMANDS: dict[str, Callable[..., None]] = {
    "train": train,
    "eval": evaluate,
    "predict": predict,
    "models": list_models,
    "summary": summary,
    "compare": compare,
    "devices": devices,
}

app = typer.Typer(
    add_completion=False, no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False,
    help="Train, evaluate and use image classifiers. Everything about a run lies in its folder.",
)  # fmt: skip

for _name, _command in COMMANDS.items():
    app.command(_name)(_command)


def main() -> None:
    """The program `minitorch-cv`."""
    app()
