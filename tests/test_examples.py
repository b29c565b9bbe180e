"""The examples do what they say: a function and kernels of one's own, a segmentation."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from minitorch_cv.testing import emulation

EXAMPLES = Path(__file__).parent.parent / "examples"


def told_by(example: str, folder: Path, *arguments: str) -> str:
    done = subprocess.run([sys.executable, str(EXAMPLES / example), *arguments], cwd=folder, capture_output=True, text=True, check=False)
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


@pytest.mark.skipif(emulation.missing() is not None, reason=str(emulation.missing()))
def test_own_cuda_kernel(tmp_path: Path) -> None:
    told = told_by("own_cuda_kernel.py", tmp_path)
    if told.startswith("blur_pool on a GPU: both versions are the definition"):
        return  # where the mistake is not made: it would damage something else
    assert "blur_pool on an emulated GPU: both versions are the definition, gradients and their gradients too" in told
    assert "executed on the CPU: blur_pool, blur_pool_adjoint, blur_pool_threads" in told
    assert "with a row too many: blur_pool: something wrote after an array of 32 bytes" in told, "the planted mistake is found"


@pytest.mark.full
def test_segment_digits(tmp_path: Path) -> None:
    """A U-Net that has hardly learnt anything segments and is drawn like any other."""
    command = ["train", "unet", "--out", "run", "--limit", "32", "--epochs", "1", "--option", "width=0.03125", "--option", "depth=0.5"]
    subprocess.run([sys.executable, "-m", "minitorch_cv.cli", *command], cwd=tmp_path, check=True, capture_output=True)
    told = told_by("segment_digits.py", tmp_path, "run")
    assert re.search(r"300 test images: mean IoU [\d.]+ %", told)
    difference = re.search(r"logits differ by at most (\S+), of", told)
    assert difference is not None
    assert float(difference[1]) < 1e-4
    assert (tmp_path / "segmentation.png").stat().st_size > 10_000
