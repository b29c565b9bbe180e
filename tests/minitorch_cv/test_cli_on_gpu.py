"""The command line on a GPU, real or emulated: train, go on elsewhere, evaluate, predict."""

import json
from collections.abc import Iterator
from pathlib import Path

import gpu
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from minitorch_cv.cli import app

pytestmark = pytest.mark.skipif(gpu.REASON is not None, reason=str(gpu.REASON))


@pytest.fixture(autouse=True)
def _gpu() -> Iterator[None]:
    with gpu.gpu_here():
        yield


def run(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)


@pytest.mark.full
def test_a_run_from_beginning_to_end(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    trained = run(
        "train", "lenet5", "--data", "digits", "--limit", 48, "--batch-size", 16, "--epochs", 2, "--device", "auto",
        "--precision", "float16", "--cuda-graph", "--out", folder,
    )  # fmt: skip
    assert trained.exit_code == 0, trained.output
    assert "cuda:0, float16, steps recorded as a CUDA graph" in trained.output
    assert "cannot be recorded" not in trained.output
    config = json.loads((folder / "config.json").read_text())
    assert (config["device"], config["precision"], config["cuda_graph"]) == ("cuda:0", "float16", True)
    assert config["environment"]["gpu"]
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    here = json.loads(run("eval", folder, "--json").stdout)
    there = json.loads(run("eval", folder, "--device", "cuda", "--json").stdout)
    assert there["test_loss"] == pytest.approx(here["test_loss"], rel=1e-5)
    assert lines[-1]["test_loss"] == pytest.approx(here["test_loss"], rel=1e-2)  # measured in float16
    image = tmp_path / "digit.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 32), np.uint8)).save(image)
    guesses = [json.loads(run("predict", folder, image, "--device", device, "--json").stdout) for device in ("cpu", "cuda")]
    for ours, theirs in zip(*[guess[0]["predictions"] for guess in guesses], strict=True):
        assert ours["class"] == theirs["class"]
        assert ours["probability"] == pytest.approx(theirs["probability"], rel=1e-4)


def test_options_that_do_not_go_together(tmp_path: Path) -> None:
    for words, message in (
        (["--device", "cuda:7"], "device"),
        (["--device", "gpu"], "device: got 'gpu'"),
        (["--device", "cuda", "--precision", "int8"], "--precision: got 'int8'"),
        (["--precision", "bfloat16"], "--precision: got bfloat16 with --device cpu"),
        (["--cuda-graph"], "--cuda-graph: got --device cpu"),
    ):
        result = run("train", "--limit", 8, "--epochs", 1, "--out", tmp_path / "run", *words)
        assert result.exit_code == 1
        assert result.stderr.startswith(f"error: {message}")
        assert not (tmp_path / "run").exists()
