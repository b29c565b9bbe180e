"""Training that begins with weights and leaves a part of them as they are: by the command line, on a few small photographs."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

import minitorch_cv as mt
import models
from minitorch_cv import weights
from minitorch_cv.cli import app
from minitorch_cv.training.checkpoint import load_checkpoint
from minitorch_cv.training.interruption import StopRequest
from minitorch_cv.training.loop import Trainer
from minitorch_cv.training.run_folder import RunFolder

SMALL = ("--option", "width=0.125", "--image-size", "32", "--batch-size", "4", "--epochs", "2", "--no-augment")


def call(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["train", *map(str, arguments)])


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """Sixteen images of two classes, light and dark."""
    rng = np.random.default_rng(0)
    for label, name in enumerate(("dark", "light")):
        folder = tmp_path / "photographs" / name
        folder.mkdir(parents=True)
        for number in range(8):
            pixels = rng.integers(0, 100, (32, 32, 3), dtype=np.uint8) + np.uint8(150 * label)
            Image.fromarray(pixels).save(folder / f"{number}.png")
    return tmp_path / "photographs"


@pytest.fixture
def pretrained(tmp_path: Path) -> Path:
    """Weights of a narrow ResNet for five classes, whose batch norms have seen something."""
    mt.manual_seed(1)
    model = models.create("resnet18", width=0.125, num_classes=5)
    model(mt.randn(4, 3, 32, 32))
    weights.save(tmp_path / "weights.pth", model)
    return tmp_path / "weights.pth"


def test_frozen_layers_stay_and_the_others_learn(tmp_path: Path, photographs: Path, pretrained: Path) -> None:
    out = tmp_path / "run"
    result = call(
        "resnet18", "--data", photographs, "--weights", pretrained, "--freeze", "conv1.*", "--freeze", "bn1.*", "--freeze", "layer1.*",
        "--out", out, *SMALL,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "new, not from the weights: fc.weight, fc.bias (the weights are for 5 classes)" in result.output
    config = json.loads((out / "config.json").read_text())
    assert config["weights"] == str(pretrained.resolve())
    assert config["freeze"] == ["conv1.*", "bn1.*", "layer1.*"]
    assert (config["data"], config["data_dir"]) == ("folder", str(photographs.resolve()))
    before, after = weights.load(pretrained), models.load_run(out).state_dict()
    for name, tensor in after.items():
        if name.startswith(("conv1.", "bn1.", "layer1.")):  # running statistics and counters of batches too
            assert (tensor.numpy() == before[name]).all(), name
        elif not name.endswith(("num_batches_tracked", "fc.weight", "fc.bias")):
            assert (tensor.numpy() != before[name]).any(), name
    trained = [name for name in after if not name.startswith(("conv1.", "bn1.", "layer1."))]
    moments = load_checkpoint(out / "checkpoints").optimizer["state"]
    parameters = {name for name, _ in models.load_run(out).named_parameters()}
    assert len(moments) == len(parameters & set(trained))  # the optimiser keeps nothing for what is frozen


def test_it_resumes_exactly_also_without_the_file(
    tmp_path: Path, photographs: Path, pretrained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ("resnet18", "--data", photographs, "--weights", pretrained, "--freeze", "layer1.*", *SMALL)
    assert call(*arguments, "--out", tmp_path / "whole").exit_code == 0

    def stop_after_five(trainer: Trainer, stop: StopRequest) -> None:
        if trainer.epoch * trainer.steps + trainer.step == 5:
            stop.signal_number = 15
        original(trainer, stop)

    original = Trainer._stop_if_asked
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_stop_if_asked", stop_after_five)
        assert call(*arguments, "--out", tmp_path / "broken").exit_code == 128 + 15
    pretrained.unlink()
    contradicting = call("--resume", "--out", tmp_path / "broken", "--freeze", "fc.*")
    assert "--freeze fc.* contradicts the run" in contradicting.stderr
    assert call("--resume", "--out", tmp_path / "broken", "--freeze", "layer1.*").exit_code == 0
    one, other = (models.load_run(tmp_path / name).state_dict() for name in ("whole", "broken"))
    assert all(one[key].numpy().tobytes() == other[key].numpy().tobytes() for key in one)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--freeze", "layer9.*"), "'layer9.*' matches no parameter"),
        (("--freeze", "*"), "leaves nothing of resnet18 to train"),
        (("--weights", "nothing.pth"), "nothing.pth cannot be read"),
        (("--weights", "README.md"), "neither safetensors nor"),
        (("--option", "width=0.25"), "do not suit"),
        (("--option", "num_classes=5"), "got num_classes, which the images of folder settle"),
        (("--option", "cifar=no"), "cifar: got 'no', expected true or false"),
        (("--data-dir", "."), "leave one of them out"),
    ],
)
def test_what_cannot_be_is_said_before_there_is_a_run(
    tmp_path: Path, photographs: Path, pretrained: Path, more: tuple[str, str], message: str
) -> None:
    result = call("resnet18", "--data", photographs, "--weights", pretrained, "--out", tmp_path / "run", *SMALL, *more)
    assert result.exit_code == 1
    assert message in result.stderr
    assert not (tmp_path / "run").exists()


def test_configurations_of_before_are_still_read(tmp_path: Path, photographs: Path, pretrained: Path) -> None:
    assert call("resnet18", "--data", photographs, "--out", tmp_path / "run", *SMALL).exit_code == 0
    file = tmp_path / "run" / "config.json"
    config = json.loads(file.read_text())
    assert (config.pop("weights"), config.pop("freeze")) == (None, [])
    file.write_text(json.dumps(config))
    assert RunFolder(tmp_path / "run").read_config().freeze == ()
