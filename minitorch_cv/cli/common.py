"""What all commands share: arguments, where they print, and how they fail."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

RunDir = Annotated[Path, typer.Argument(metavar="RUN_DIR", help="The folder of a training run.")]
Checkpoint = Annotated[str, typer.Option(help="Which checkpoint: last, or best (of a run with --validation).")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def our_models() -> Any:
    """The package `models`, once it is known to be ours."""
    import models
    from minitorch_cv.packages import require_ours

    require_ours(models)
    return models


def console() -> Console:
    """Where results and progress are shown: the standard output."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else 160)


@contextmanager
def errors_as_sentences() -> Iterator[None]:
    """Turn what the user can put right into one sentence and exit status 1; MINITORCH_CV_TRACEBACK=1 shows where it came from as well."""
    from minitorch_cv.data import DataError
    from minitorch_cv.training.errors import NotFiniteError, RunError

    try:
        yield
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        raise typer.Exit(128 + signal.SIGINT) from None
    except (RunError, NotFiniteError, DataError, ValueError, OSError, ImportError) as error:
        if os.environ.get("MINITORCH_CV_TRACEBACK"):
            raise
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        print(f"error: {'; '.join(lines)}".replace(":; ", ": "), file=sys.stderr)
        raise typer.Exit(1) from None
