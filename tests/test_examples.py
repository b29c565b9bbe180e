"""The examples of a function and a kernel of one's own do what they say."""

import re
import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).parent.parent / "examples"


def told_by(example: str, folder: Path) -> str:
    done = subprocess.run([sys.executable, str(EXAMPLES / example)], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_own_function(tmp_path: Path) -> None:
    told = told_by("own_function.py", tmp_path)
    assert "squareplus: gradients, their gradients, memory orders, float32 and shapes are right" in told
    assert "Forgetful: " in told, "the planted mistake is found"
    losses = [float(loss) for loss in re.findall(r"loss ([\d.]+)", told)]
    assert len(losses) == 4
    assert losses[-1] < losses[0] / 20


def test_own_kernel(tmp_path: Path) -> None:
    told = told_by("own_kernel.py", tmp_path)
    assert "blur_pool: the fast kernel is the definition" in told
    assert re.search(r"without the last column: .*shape \(1, 2, 2, 2\), expected \(1, 2, 2, 3\)", told), "the planted mistake is found"
