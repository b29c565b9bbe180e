"""Training to segment goes the same way as training to classify, and measures pixels and mean intersection over union."""

from pathlib import Path

import numpy as np
import pytest
from small_training import Crash, CrashAfter, outcome
from typer.testing import CliRunner

import minitorch_cv as mt
from minitorch_cv import nn
from minitorch_cv.cli import app
from minitorch_cv.data import Dataset, Loader, RandomCrop, RandomHorizontalFlip
from minitorch_cv.training import loop
from minitorch_cv.training.evaluation import evaluate
from minitorch_cv.training.loop import Loaders, Trainer
from minitorch_cv.training.recipe import Recipe
from minitorch_cv.training.reporting import Reporter, accuracies
from minitorch_cv.training.run_folder import RunFolder

RECIPE = Recipe(epochs=3, batch_size=4, lr=0.05, optimizer="adam")


def scenes(count: int, seed: int) -> Dataset:
    """Dark, middle and bright pixels: three classes that the brightness tells."""
    masks = np.random.default_rng(seed).integers(0, 3, (count, 8, 8))
    return Dataset((masks[..., np.newaxis] * 100 + 20).astype(np.uint8), masks, ("dark", "middle", "bright"), "scenes")


def make_trainer(folder: Path, report: Reporter | None = None) -> Trainer:
    mt.manual_seed(3)
    model = nn.Sequential(nn.Conv2d(1, 8, 1), nn.ReLU(), nn.Conv2d(8, 3, 1))
    changes = [RandomCrop(8, padding=2), RandomHorizontalFlip()]
    loaders = Loaders(train=Loader(scenes(40, 0), 4, shuffle=True, seed=3, transform=changes), test=Loader(scenes(10, 1), 4))
    return Trainer(model, RECIPE, loaders, RunFolder(folder), report or Reporter())


def test_a_run(tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path)
    trainer.fit()
    first, *_, last = trainer.folder.read_metrics()
    assert last["test_loss"] < first["test_loss"] / 2
    assert last["test_mean_iou"] > first["train_mean_iou"]
    assert last["test_mean_iou"] > 0.5
    assert {"train_top1", "train_mean_iou", "test_top1", "test_top5"} <= set(last)
    assert trainer.folder.curves_file.exists()

    metrics = evaluate(trainer.model, trainer.loaders.test)
    images, masks = trainer.loaders.test.dataset.images, trainer.loaders.test.dataset.labels
    predictions = trainer.model(mt.from_numpy(images.transpose(0, 3, 1, 2) / np.float32(255))).numpy().argmax(1)
    assert metrics.top1 == last["test_top1"] == pytest.approx((predictions == masks).mean())
    assert accuracies(last, "test") == f"pixels {100 * metrics.top1:.2f} %, mean IoU {100 * metrics.mean_iou:.2f} %"


def test_an_interrupted_run_gives_the_same_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)  # one after every step
    unbroken = make_trainer(tmp_path / "unbroken")
    unbroken.fit()
    broken = make_trainer(tmp_path / "broken", CrashAfter(steps=14))
    with pytest.raises(Crash):
        broken.fit()
    resumed = make_trainer(tmp_path / "broken")
    resumed.restore()
    assert (resumed.epoch, resumed.step) == (1, 3)
    resumed.fit()
    assert outcome(resumed) == outcome(unbroken)


@pytest.mark.parametrize(
    ("model", "data", "message"),
    [
        ("unet", "digits", "unet gives labels for (64, 64) pixels, but the data has one label for an image"),
        ("resnet20", "digit_scenes", "resnet20 gives one label for an image, but the data has labels for (32, 32) pixels"),
    ],
)
def test_a_model_for_another_kind_of_labels(model: str, data: str, message: str, tmp_path: Path) -> None:
    """Said before there is a run folder."""
    result = CliRunner().invoke(app, ["train", model, "--data", data, "--limit", "20", "--out", str(tmp_path / "run")])
    assert result.exit_code == 1
    assert message in " ".join(result.stderr.split())
    assert not (tmp_path / "run").exists()
