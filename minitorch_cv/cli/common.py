"""What all commands share: arguments, where they print, and how they fail."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Column, Table

RunDir = Annotated[Path, typer.Argument(metavar="RUN_DIR", help="The folder of a training run.")]
Checkpoint = Annotated[str, typer.Option(help="Which checkpoint: last, or best (of a run with --validation).")]
OnDevice = Annotated[str, typer.Option("--device", help="What computes: cpu, cuda (the first GPU), cuda:1, ... or auto.")]
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


def show(table: Table, optional: Sequence[str] = ()) -> None:
    """Print a table. In a narrow window the columns named in `optional` are left out, the first ones first, until no number is cut off."""
    out, columns, left_out = console(), list(table.columns), []
    for name in optional:
        if sum(_narrowest(column) + 2 for column in columns) <= out.width:
            break
        columns = [column for column in columns if column.header != name]
        left_out.append(name)
    out.print(_of_columns(columns) if left_out else table)
    if left_out:
        print(f"\nnot shown in a window of {out.width} columns: {', '.join(left_out)}")


def _of_columns(columns: Sequence[Column]) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for c in columns:
        table.add_column(c.header, justify=c.justify, no_wrap=c.no_wrap, overflow=c.overflow, min_width=c.min_width)
    for cells in zip(*(c.cells for c in columns), strict=True):
        table.add_row(*cells)
    return table


def _narrowest(column: Column) -> int:
    """Characters that a column needs: for its whole cells, or for their longest word where they may be wrapped."""
    texts = [str(column.header), *map(str, column.cells)]
    words = texts if column.no_wrap else [word for text in texts for word in text.split()]
    return max([column.min_width or 0, *map(len, words)])


@contextmanager
def errors_as_sentences() -> Iterator[None]:
    """Turn what the user can put right into one sentence and exit status 1; MINITORCH_CV_TRACEBACK=1 shows where it came from as well."""
    from kernels.gpu import GpuUnavailableError
    from minitorch_cv.data import DataError
    from minitorch_cv.training.errors import NotFiniteError, RunError

    try:
        yield
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        raise typer.Exit(128 + signal.SIGINT) from None
    except BrokenPipeError:  # who read the output has seen enough, as in `minitorch-cv models | head`
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 (for what is still to be flushed at exit)
        raise typer.Exit(128 + signal.SIGPIPE) from None
    except (RunError, NotFiniteError, DataError, GpuUnavailableError, ValueError, OSError, ImportError) as error:
        if os.environ.get("MINITORCH_CV_TRACEBACK"):
            raise
        text = str(error)
        if isinstance(error, OSError) and error.filename is not None and error.strerror:  # "[Errno 2] ...: 'FILE'", of the system
            text = f"{error.filename}: {error.strerror}"
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        print(f"error: {'; '.join(lines)}".replace(":; ", ": "), file=sys.stderr)
        raise typer.Exit(1) from None
