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


def wait_for_step(folder: Path, epoch: int, step: int, process: subprocess.Popen[str]) -> None:
    """Until a checkpoint says that so many steps of an epoch, or more, are made."""
    while process.poll() is None:
        path = folder / "checkpoints" / "last.json"
        if path.exists():
            progress = json.loads(path.read_text())["progress"]
            if (progress["epoch"], progress["step"]) >= (epoch, step):
                return
        time.sleep(0.005)
    raise AssertionError(process.communicate())


OPTIONS = ("--limit", "240", "--batch-size", "4", "--epochs", "2", "--augment")  # 60 steps in an epoch


def test_stopped_in_the_middle_of_an_epoch(tmp_path: Path) -> None:
    """One run that is killed, then terminated, then left to finish, against one that nobody disturbs."""
    unbroken = finish(tmp_path / "unbroken", *OPTIONS, "--out", tmp_path / "unbroken")
    folder = tmp_path / "run"
    process = start(0.0, *OPTIONS, "--out", folder)
    wait_for_step(folder, 0, 5, process)
    process.kill()
    process.communicate()
    assert load_checkpoint(folder / "checkpoints").progress["step"] > 0

    process = start(0.0, "--resume", "--out", folder)
    wait_for_step(folder, 1, 5, process)
    process.send_signal(signal.SIGTERM)
    errors = process.communicate(timeout=60)[1]
    assert process.returncode == 143
    assert re.search(r"stopped in epoch 2 after \d+ of its steps, and a checkpoint is written", errors)
    assert f"minitorch-cv train --resume --out {folder}" in errors

    assert finish(folder, "--resume", "--out", folder) == unbroken


@pytest.mark.full
@pytest.mark.parametrize("seconds", [0.1, 1e9], ids=["checkpoints in the epoch", "checkpoints between epochs"])
def test_killed_at_ten_random_moments(tmp_path: Path, seconds: float) -> None:
    """Moments in the start of the process, in the middle of epochs, in evaluations, and while files are written."""
    options = ("--limit", "1000", "--batch-size", "4", "--epochs", "12", "--augment")
    unbroken = finish(tmp_path / "unbroken", *options, "--out", tmp_path / "unbroken")
    folder = tmp_path / "run"
    moments = random.Random(1)
    for kill in range(10):
        process = start(seconds, *(("--resume",) if kill else options), "--out", folder)
        if kill:
            wait_for_step(folder, kill, 0, process)
        while not (folder / "config.json").exists():
            time.sleep(0.01)
        time.sleep(moments.uniform(0, 1.0 if kill % 2 else 0.3))
        assert process.poll() is None, "it was finished before it could be killed"
        process.kill()
        process.communicate()
    assert finish(folder, "--resume", "--out", folder) == unbroken
