"""Processes that are stopped from outside: by SIGTERM, by Ctrl-C, and by kill -9, after which nobody can clean up."""

import json
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from minitorch_cv.training.checkpoint import load_checkpoint
from minitorch_cv.training.run_folder import RunFolder

# The program as installed, but for a checkpoint after every few steps instead of every few minutes.
PROGRAM = """
import sys
from minitorch_cv.training import loop
loop.CHECKPOINT_SECONDS = float(sys.argv.pop(1))
from minitorch_cv.cli import main
main()
"""
TIMING = ("images_per_second", "seconds")


def start(seconds: float, *arguments: str | Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PROGRAM, str(seconds), "train", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(folder: Path, *arguments: str | Path) -> tuple[dict[str, bytes], list[dict[str, Any]]]:
    """Run to the end; weights and metrics without times."""
    process = start(1e9, *arguments)
    output = process.communicate(timeout=300)
    assert process.returncode == 0, output
    return outcome(folder)


def outcome(folder: Path) -> tuple[dict[str, bytes], list[dict[str, Any]]]:
    weights = {name: array.tobytes() for name, array in load_checkpoint(folder / "checkpoints").model.items()}
    return weights, [{k: v for k, v in line.items() if k not in TIMING} for line in RunFolder(folder).read_metrics()]


def wait_for_step(folder: Path, step: int, process: subprocess.Popen[str]) -> None:
    """Until a checkpoint says that so many steps of an epoch are made."""
    while process.poll() is None:
        path = folder / "checkpoints" / "last.json"
        if path.exists() and json.loads(path.read_text())["progress"]["step"] >= step:
            return
        time.sleep(0.005)
    raise AssertionError(process.communicate())


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> tuple:
    folder = tmp_path_factory.mktemp("unbroken") / "run"
    return finish(folder, *OPTIONS, "--out", folder)


OPTIONS = ("--limit", "600", "--batch-size", "4", "--epochs", "2", "--augment")  # 150 steps in an epoch


@pytest.mark.parametrize(("number", "status"), [(signal.SIGKILL, -9), (signal.SIGTERM, 143)])
def test_stopped_in_the_middle_of_an_epoch(tmp_path: Path, unbroken: tuple, number: int, status: int) -> None:
    folder = tmp_path / "run"
    process = start(0.0, *OPTIONS, "--out", folder)
    wait_for_step(folder, 5, process)
    process.send_signal(number)
    errors = process.communicate(timeout=60)[1]
    assert process.returncode == status, errors
    if number == signal.SIGTERM:
        assert f"minitorch-cv train --resume --out {folder}" in errors
        assert re.search(r"stopped in epoch \d after \d+ of its steps, and a checkpoint is written", errors)
    assert load_checkpoint(folder / "checkpoints").progress["step"] > 0
    assert finish(folder, "--resume", "--out", folder) == unbroken


@pytest.mark.full
@pytest.mark.parametrize("seconds", [0.1, 1e9], ids=["checkpoints in the epoch", "checkpoints between epochs"])
def test_killed_at_ten_random_moments(tmp_path: Path, seconds: float) -> None:
    options = ("--limit", "1000", "--batch-size", "4", "--epochs", "12", "--augment")
    began = time.monotonic()
    unbroken = finish(tmp_path / "unbroken", *options, "--out", tmp_path / "unbroken")
    whole = time.monotonic() - began
    folder = tmp_path / "run"
    moments = random.Random(1)
    kills = 0
    while kills < 10:
        arguments = ("--resume", "--out", folder) if (folder / "config.json").exists() else (*options, "--out", folder)
        process = start(seconds, *arguments)
        try:
            process.wait(moments.uniform(0.2, 0.4) * whole)
        except subprocess.TimeoutExpired:
            process.kill()
            kills += 1
        process.communicate()
        if process.returncode == 0:
            break
    assert kills >= 3
    assert finish(folder, "--resume", "--out", folder) == unbroken
