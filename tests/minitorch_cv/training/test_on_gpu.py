"""Training on a GPU, real or emulated: step by step what the CPU does, in every precision, and from one device to the other."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gpu
import numpy as np
import pytest
from small_training import STEPS, Crash, CrashAfter, make_trainer
from typer.testing import CliRunner

import minitorch_cv as mt
import models
from minitorch_cv import optim
from minitorch_cv.cli import app
from minitorch_cv.optim.lr_scheduler import LambdaLR
from minitorch_cv.testing import assert_close
from minitorch_cv.training.errors import NotFiniteError
from minitorch_cv.training.execution import Execution
from minitorch_cv.training.precision import LossScaler, Precision
from minitorch_cv.training.step import TrainStep

pytestmark = pytest.mark.skipif(gpu.REASON is not None, reason=str(gpu.REASON))


@pytest.fixture(autouse=True)
def _gpu() -> Iterator[None]:
    with gpu.gpu_here():
        yield


MODELS = {  # options of the model, the shape of a batch, options of SGD
    "lenet5": ({}, (4, 1, 32, 32), {"lr": 0.05}),
    "resnet20": ({"width": 0.25, "depth": 0.34}, (4, 3, 16, 16), {"lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 5e-4}),
}


class Training:
    """Steps of a model on made-up batches, on a device."""

    def __init__(self, name: str, device: str, precision: str = "float32") -> None:
        mt.manual_seed(5)
        options, self.shape, sgd = MODELS[name]
        self.model = models.create(name, **options).to(device)
        self.optimizer = optim.SGD(self.model.parameters(), **sgd)
        self.precision = Precision(precision)
        schedule = LambdaLR(self.optimizer, lambda step: 1 / (1 + step))
        self.train_step = TrainStep(self.model, self.optimizer, schedule, precision=self.precision)
        self.on_gpu = device != "cpu"

    def step(self, number: int) -> tuple[float, np.ndarray]:
        rng = np.random.default_rng(number)
        images = rng.standard_normal(self.shape, np.float32)
        images = np.ascontiguousarray(images.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
        labels = rng.integers(0, 10, len(images))
        images, labels = (gpu.to_gpu(images), gpu.to_gpu(labels)) if self.on_gpu else (images, labels)
        loss, logits = self.train_step(images, labels, 0, number)
        return loss, gpu.to_host(logits)

    def state(self) -> dict[str, np.ndarray]:
        return {name: gpu.to_host(tensor.data) for name, tensor in self.model.state_dict().items()}


@pytest.mark.parametrize("name", MODELS)
def test_both_devices_agree_step_by_step(name: str) -> None:
    """Loss, logits and the whole state after each of three steps: rounding alone, which grows from step to step, parts them."""
    here, there = Training(name, "cpu"), Training(name, "cuda")
    for number in range(3):
        (loss, logits), (other_loss, other_logits) = here.step(number), there.step(number)
        assert other_loss == pytest.approx(loss, rel=2e-5)
        assert_close(other_logits, logits, 5e-5, f"logits of step {number}")
        there_state = there.state()
        for key, value in here.state().items():
            assert_close(there_state[key], value, 5e-5, f"{key} after step {number}")


@pytest.mark.parametrize(
    ("precision", "bound"),
    [pytest.param("tf32", 5e-3, marks=pytest.mark.full), ("float16", 1e-2), pytest.param("bfloat16", 6e-2, marks=pytest.mark.full)],
)
def test_precisions_stay_close_to_float32(precision: str, bound: float) -> None:
    exact, rounded = Training("resnet20", "cuda"), Training("resnet20", "cuda", precision)
    for number in range(2):
        loss, other = exact.step(number)[0], rounded.step(number)[0]
        assert other == pytest.approx(loss, rel=bound)
    assert all(tensor.dtype == np.float32 for tensor in rounded.model.parameters())
    assert all(p.grad.dtype == np.float32 for p in rounded.model.parameters())
    changed = [not np.array_equal(a, b) for a, b in zip(exact.state().values(), rounded.state().values(), strict=True)]
    assert any(changed)  # it was another precision


def test_a_scaled_loss_leaves_out_steps_whose_gradients_overflow() -> None:
    """A scale so large that float16 overflows: nothing is updated, and the scale is halved until it fits."""
    training = Training("lenet5", "cuda", "float16")
    scaler = training.precision.scaler
    assert scaler is not None
    scaler.scale = 2.0**28
    before = training.state()
    training.step(0)
    assert scaler.scale == 2.0**27
    assert all(np.array_equal(value, before[key]) for key, value in training.state().items())
    while scaler.good_steps == 0:
        training.step(1)
    assert scaler.scale < 2.0**27
    assert any(not np.array_equal(value, before[key]) for key, value in training.state().items())


def test_the_scale_grows_after_good_steps_and_gives_up_below_one() -> None:
    scaler = LossScaler(scale=4.0, patience=3)
    for _ in range(3):
        scaler.update(finite=True)
    assert (scaler.scale, scaler.good_steps) == (8.0, 0)
    scaler.update(finite=True)
    scaler.update(finite=False)
    assert (scaler.scale, scaler.good_steps) == (4.0, 0)
    copy = LossScaler()
    copy.load_state_dict(scaler.state_dict())
    assert copy == LossScaler(scale=4.0, patience=2000)
    for _ in range(2):
        scaler.update(finite=False)
    assert scaler.scale == 1
    with pytest.raises(NotFiniteError, match="gradients are not finite in float16, whatever the loss is scaled by"):
        scaler.update(finite=False)
    with pytest.raises(ValueError, match=r"scale: got -1\.0"):
        copy.load_state_dict({"scale": -1, "good_steps": 0})


def trainer_on(device: str, folder: Path, precision: str = "float32", cuda_graph: bool = False, **options: Any) -> Any:
    """`make_trainer`, on a device."""
    trainer = make_trainer(folder, **options)
    execution = Execution(device, precision, cuda_graph)
    return type(trainer)(trainer.model, trainer.recipe, trainer.loaders, trainer.folder, trainer.report, execution)


def weights(trainer: Any) -> dict[str, np.ndarray]:
    return {name: gpu.to_host(tensor.data) for name, tensor in trainer.model.state_dict().items()}


def test_a_whole_training_on_both_devices(tmp_path: Path) -> None:
    """Three epochs with augmentation, dropout, running statistics and a schedule: the same metrics and weights but for rounding."""
    here, there = trainer_on("cpu", tmp_path / "cpu"), trainer_on("cuda", tmp_path / "cuda")
    for trainer in (here, there):
        mt.manual_seed(7)
        trainer.fit()
    for a, b in zip(here.folder.read_metrics(), there.folder.read_metrics(), strict=True):
        assert b["train_loss"] == pytest.approx(a["train_loss"], rel=1e-4)
        assert b["test_loss"] == pytest.approx(a["test_loss"], rel=1e-4)
    for key, value in weights(here).items():
        assert_close(weights(there)[key], value, 1e-4, key)


@pytest.mark.parametrize(("first", "second"), [
    ("cuda", "cpu"), ("cpu", "cuda"),
    pytest.param("cuda", "cuda", marks=pytest.mark.full), pytest.param("cuda", "cuda:1", marks=pytest.mark.full),
])  # fmt: skip
def test_a_checkpoint_moves_between_devices(first: str, second: str, tmp_path: Path) -> None:
    """Begun on one device, killed in the second epoch, finished on another: what an unbroken training on the CPU gives."""
    if gpu.GPU == "real" and second == "cuda:1":
        pytest.skip("a second GPU may not be there")
    expected = trainer_on("cpu", tmp_path / "unbroken")
    mt.manual_seed(7)
    expected.fit()
    mt.manual_seed(7)
    broken = trainer_on(first, tmp_path / "moved", report=CrashAfter(steps=STEPS + 2))
    with pytest.raises(Crash):
        broken.fit()
    broken.save()
    mt.manual_seed(7)
    trainer = trainer_on(second, tmp_path / "moved")
    trainer.restore()
    assert (trainer.epoch, trainer.step) == (1, 2)
    trainer.fit()
    for key, value in weights(expected).items():
        assert_close(weights(trainer)[key], value, 1e-4, key)


def test_the_scale_of_the_loss_survives_a_stay_on_the_cpu(tmp_path: Path) -> None:
    begun = trainer_on("cuda", tmp_path, "float16", report=CrashAfter(steps=2))
    begun.execution.precision.scaler.scale = 2.0**9
    with pytest.raises(Crash):
        begun.fit()
    begun.save()
    between = trainer_on("cpu", tmp_path, report=CrashAfter(steps=2))
    between.restore()
    with pytest.raises(Crash):
        between.fit()
    between.save()
    trainer = trainer_on("cuda", tmp_path, "float16")
    trainer.restore()
    assert trainer.step == 4
    assert trainer.execution.precision.scaler.state_dict() == {"scale": 2.0**9, "good_steps": 2}


@pytest.mark.full
def test_a_resumed_run_says_where_it_goes_on(tmp_path: Path) -> None:
    begun = "train", "--limit", "8", "--epochs", "1", "--device", "cuda", "--precision", "float16", "--out", str(tmp_path / "run")
    for arguments, expected in (
        (begun, "seed 0, cuda:0, float16"),
        (("train", "--resume", "--out", str(tmp_path / "run"), "--device", "cpu"), "threads, numba"),
    ):
        result = CliRunner().invoke(app, arguments, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        assert expected in " ".join(result.output.split())


def test_steps_are_recorded_on_the_second_gpu(tmp_path: Path) -> None:
    """Whichever GPU is the current one where the trainer is made."""
    if gpu.GPU == "real":
        pytest.skip("a second GPU may not be there")
    expected, trainer = trainer_on("cpu", tmp_path / "cpu"), trainer_on("cuda:1", tmp_path / "cuda", cuda_graph=True)
    for each in (expected, trainer):
        mt.manual_seed(7)
        each.fit()
    assert trainer.train_step.graph is not None
    for key, value in weights(expected).items():
        assert_close(weights(trainer)[key], value, 1e-4, key)


def test_an_infinite_gradient_is_found_before_anything_changes() -> None:
    training = Training("lenet5", "cuda")
    training.step(0)
    before = training.state()
    first = next(training.model.parameters())
    first.data[...] = np.inf
    with pytest.raises(NotFiniteError, match="epoch 1, step 2: the loss is nan"):
        training.step(1)
    name = next(iter(before))
    assert all(np.array_equal(value, before[key]) for key, value in training.state().items() if key != name)


def test_what_cannot_be() -> None:
    with pytest.raises(ValueError, match="--precision: got float16 with --device cpu"):
        Execution("cpu", "float16")
    with pytest.raises(ValueError, match="--precision: got 'float8', expected"):
        Execution("cuda", "float8")
    with pytest.raises(ValueError, match="--cuda-graph: got --device cpu"):
        Execution("cpu", cuda_graph=True)
    with pytest.raises(ValueError, match="--device: got 'meta', expected cpu, cuda"):
        Execution("meta")


