"""How long a user waits: `python benchmarks/startup.py [--json FILE]`.

Three times, each of fresh processes: `import minitorch_cv`; `minitorch-cv train` to the end of its first update with compiled code
on disk; and the same with nothing compiled yet.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from turns import machine

IMPORT = "import time; begin = time.perf_counter(); import minitorch_cv; print(time.perf_counter() - begin)"

# The command line as a user starts it, except that the process ends after the first update of the parameters, and says when that was.
FIRST_UPDATE = """
import os, sys, time
from minitorch_cv import optim

update = optim.SGD.step

def step(*arguments, **options):
    update(*arguments, **options)
    print("first update at", time.time(), flush=True)
    os._exit(0)

optim.SGD.step = step
from minitorch_cv.cli import main
sys.argv = ["minitorch-cv", *sys.argv[1:]]
main()
"""


def import_seconds() -> float:
    """One import of minitorch_cv in a fresh process, without the start of Python itself."""
    return float(_run([sys.executable, "-c", IMPORT], dict(os.environ)))


def first_update_seconds(cache: Path, arguments: list[str]) -> float:
    """From the start of the process to the end of the first update, compiled code being kept in the folder `cache`."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache)}
        begin = time.time()
        told = _run([sys.executable, "-c", FIRST_UPDATE, "train", *arguments, "--out", f"{folder}/run"], environment)
    return float(told.split("first update at")[1].split()[0]) - begin


def _run(command: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[:1] + command[3:])}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def measure(rounds: int, arguments: list[str]) -> dict[str, list[float]]:
    """All seconds, by what was measured. One process goes first, so that Python's own caches are warm for all that count."""
    import_seconds()
    seconds = {"import minitorch_cv": [import_seconds() for _ in range(rounds)]}
    with tempfile.TemporaryDirectory() as cache:
        seconds["first update, nothing compiled"] = [first_update_seconds(Path(cache), arguments)]
        seconds["first update, compiled before"] = [first_update_seconds(Path(cache), arguments) for _ in range(rounds)]
    return seconds


def main(
    arguments: Annotated[list[str] | None, typer.Argument(help="For `minitorch-cv train`, after --: resnet20, say.")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Processes for each time but the cold one.")] = 5,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write all numbers to this file.")] = None,
) -> None:
    """Import time, and the time to the first update of `minitorch-cv train` with and without compiled code on disk."""
    console = Console()
    with console.status("starting processes"):
        seconds = measure(rounds, arguments or [])
    shown = Table(title=" ".join(["minitorch-cv train", *(arguments or [])]))
    shown.add_column("until")
    shown.add_column("median s", justify="right")
    shown.add_column("least, largest", justify="right")
    for what, values in seconds.items():
        shown.add_row(what, f"{statistics.median(values):.2f}", f"{min(values):.2f}, {max(values):.2f}")
    console.print(shown)
    if json_file:
        json_file.write_text(json.dumps({"machine": machine(), "arguments": arguments or [], "seconds": seconds}, indent=1) + "\n")


if __name__ == "__main__":
    typer.run(main)
