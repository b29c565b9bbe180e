"""Whole trainings reach the accuracy that is promised."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent.parent


def run(folder: Path, *arguments: str) -> str:
    return subprocess.run([sys.executable, *arguments], cwd=folder, capture_output=True, text=True, check=True).stdout


@pytest.mark.full
def test_train_without_arguments(tmp_path: Path) -> None:
    """LeNet-5 on the digits: at least 97 % of the test images, and a complete run folder."""
    output = run(tmp_path, "-m", "minitorch_cv.cli", "train")
    (folder,) = (tmp_path / "runs").iterdir()
    assert folder.name.startswith("lenet5-digits-")
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert lines[-1]["test_top1"] >= 0.97
    assert len(re.findall(r"^epoch ", output, re.MULTILINE)) == len(lines)
    assert (folder / "curves.png").exists()
    assert (folder / "checkpoints" / "last.json").exists()


@pytest.mark.full
def test_train_by_hand(tmp_path: Path) -> None:
    output = run(tmp_path, str(ROOT / "examples" / "train_by_hand.py"))
    accuracies = [float(number) for number in re.findall(r"test accuracy ([\d.]+)%", output)]
    assert len(accuracies) == 10
    assert accuracies[-1] >= 95


def test_the_example_is_short() -> None:
    assert len((ROOT / "examples" / "train_by_hand.py").read_text().splitlines()) <= 30


@pytest.mark.full
def test_augmentations_are_drawn(tmp_path: Path) -> None:
    run(tmp_path, str(ROOT / "examples" / "augmentations.py"), "gallery.png")
    assert (tmp_path / "gallery.png").stat().st_size > 50_000
