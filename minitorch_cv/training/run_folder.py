"""The folder of a run: what lies where.

    config.json       what was asked for and where it ran: enough to repeat the run
    metrics.jsonl     one JSON object for each finished epoch
    curves.png        the same as a picture
    checkpoints/      `last`, and `best` where the run has validation images; see checkpoint.py
    lock              held by the process that trains, empty
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from minitorch_cv.files import append_durably, write_atomically
from minitorch_cv.training.config import Config
from minitorch_cv.training.errors import RunError


class RunFolder:
    """One run's files. Making the object touches nothing on the disk."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    @property
    def config_file(self) -> Path:
        return self.path / "config.json"

    @property
    def metrics_file(self) -> Path:
        return self.path / "metrics.jsonl"

    @property
    def curves_file(self) -> Path:
        return self.path / "curves.png"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    def has_checkpoint(self) -> bool:
        return (self.checkpoints / "last.json").is_file()

    def require_no_run(self) -> None:
        """Raise RunError where the folder holds a run already, or is none."""
        if self.path.exists() and not self.path.is_dir():
            raise RunError(f"--out: {self.path} is a file, a folder is expected")
        for file in (self.config_file, self.metrics_file, self.checkpoints):
            if file.exists():
                raise RunError(f"--out: {self.path} already holds a run ({file.name}); continue it with --resume, or choose another folder")

    def create(self, config: Config) -> None:
        """Make the folder and write its `config.json`. Raises RunError where it holds a run already."""
        self.require_no_run()
        self.path.mkdir(parents=True, exist_ok=True)
        write_atomically(self.config_file, (json.dumps(config.as_data(), indent=1) + "\n").encode())

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the run for this process; the system lets go of it when the process ends, however it ends.

        Raises RunError where another one holds it.
        """
        import fcntl  # here, because only training needs it, and not every system has it

        with open(self.path / "lock", "ab") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise RunError(f"another process is training in {self.path}") from error
            yield

    def read_config(self) -> Config:
        """The run's configuration. Raises RunError where there is none or it cannot be understood."""
        try:
            data = json.loads(self.config_file.read_bytes())
        except FileNotFoundError as error:
            raise RunError(f"{self.path} holds no run: it has no config.json") from error
        except (OSError, ValueError) as error:
            raise RunError(f"{self.config_file} cannot be read: {error}") from error
        return Config.from_data(data, str(self.config_file))

    def append_metrics(self, line: dict[str, Any]) -> None:
        """Add one epoch to `metrics.jsonl`; it is on the disk when this returns."""
        self.path.mkdir(parents=True, exist_ok=True)
        append_durably(self.metrics_file, (json.dumps(line) + "\n").encode())

    def read_metrics(self) -> list[dict[str, Any]]:
        """The epochs of `metrics.jsonl`; an incomplete last line, as a crash can leave one, does not count."""
        try:
            lines = self.metrics_file.read_bytes().split(b"\n")[:-1]  # what follows the last newline is empty or incomplete
        except FileNotFoundError:
            return []
        try:
            epochs = [json.loads(line) for line in lines]
        except ValueError as error:
            raise RunError(f"{self.metrics_file} is damaged: a line of it is not JSON ({error})") from error
        if not all(isinstance(epoch, dict) and type(epoch.get("epoch")) is int for epoch in epochs):
            raise RunError(f"{self.metrics_file} is damaged: a line of it is not an object with the number of an epoch")
        return epochs

    def cut_metrics(self, epochs: int) -> None:
        """Keep the lines of the first `epochs` epochs only. Raises RunError where there are fewer."""
        lines = [line for line in self.read_metrics() if line["epoch"] <= epochs]
        if len(lines) != epochs:
            raise RunError(f"{self.metrics_file} is damaged: {len(lines)} epochs in it, {epochs} expected by the checkpoint")
        content = "".join(json.dumps(line) + "\n" for line in lines).encode()
        if self.metrics_file.exists() and self.metrics_file.read_bytes() != content:
            write_atomically(self.metrics_file, content)
