"""An interrupted training ends with the same bits as one that was not."""

import shutil
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_training import RECIPE, STEPS, Crash, CrashAfter, SmallNet, make_trainer, outcome

from minitorch_cv.data import Loader
from minitorch_cv.training import loop
from minitorch_cv.training.checkpoint import load_checkpoint
from minitorch_cv.training.errors import RunError, Stopped
from minitorch_cv.training.evaluation import evaluate
from minitorch_cv.training.metrics import Metrics
from minitorch_cv.training.recipe import Recipe
from minitorch_cv.training.reporting import Reporter

AVERAGED = replace(RECIPE, optimizer="lars", lr=2.0, schedule="one-cycle", ema=0.8)
ADAM = replace(RECIPE, optimizer="adamw", momentum=0.0, lr=1e-3, schedule="cosine")


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop.Trainer, "_draw", lambda self: None)


@pytest.fixture(params=[0.0, 1e9], ids=["saved after every step", "saved after every epoch"])
def saving(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", request.param)


def unbroken(folder: Path, recipe: Recipe = RECIPE, validation: bool = False) -> tuple:
    trainer = make_trainer(folder, recipe, validation=validation)
    trainer.fit()
    return outcome(trainer)


@pytest.mark.usefixtures("saving")
@pytest.mark.parametrize("recipe", [RECIPE, ADAM, AVERAGED], ids=["nesterov", "adamw", "averaged"])
def test_a_crash_after_any_step(tmp_path: Path, recipe: Recipe) -> None:
    expected = unbroken(tmp_path / "unbroken", recipe)
    for steps in (1, 3, 4, 5, 8, 10):
        with pytest.raises(Crash):
            make_trainer(tmp_path / str(steps), recipe, CrashAfter(steps)).fit()
        trainer = make_trainer(tmp_path / str(steps), recipe)
        trainer.restore()
        assert (trainer.epoch, trainer.step) != (0, 0) or steps <= STEPS
        trainer.fit()
        assert outcome(trainer) == expected


def test_the_averages_are_what_is_measured_and_kept(tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path, AVERAGED)
    trainer.fit()
    state = load_checkpoint(tmp_path / "checkpoints")
    for path, tensor in trainer.model.state_dict().items():
        np.testing.assert_array_equal(state.model[path], trainer.ema.averages[path])
        np.testing.assert_array_equal(state.ema["averages"][path], tensor.data)
    assert not np.array_equal(state.model["fc.weight"], trainer.model.fc.weight.data)
    model = SmallNet()
    model.load_state_dict(state.model)
    assert evaluate(model, trainer.loaders.test).loss == trainer.folder.read_metrics()[-1]["test_loss"]


def test_many_crashes_in_one_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)
    expected = unbroken(tmp_path / "unbroken")
    crashes = 0
    while True:
        trainer = make_trainer(tmp_path / "broken", report=CrashAfter(steps=2), prefetch=crashes % 2)
        trainer.restore()
        try:
            trainer.fit()
        except Crash:
            crashes += 1
            continue
        break
    # The step at whose end it crashes is not saved yet: one step forward with each attempt.
    assert crashes >= 3 * STEPS - 2
    assert outcome(trainer) == expected


@pytest.mark.parametrize("epoch", [1, 2])
def test_a_crash_between_metrics_and_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, epoch: int) -> None:
    """The line of the epoch is there, the checkpoint is the one of before: the line is cut and written again."""
    expected = unbroken(tmp_path / "unbroken")
    save, saved = loop.Trainer.save, []

    def crash_instead(self: loop.Trainer, name: str = "last") -> None:
        saved.append(self.epoch)
        if self.epoch == epoch:
            raise Crash
        save(self, name)

    with monkeypatch.context() as patch:
        patch.setattr(loop.Trainer, "save", crash_instead)
        trainer = make_trainer(tmp_path / "broken")
        with pytest.raises(Crash):
            trainer.fit()
    assert len(trainer.folder.read_metrics()) == epoch
    trainer = make_trainer(tmp_path / "broken")
    trainer.restore()
    assert len(trainer.folder.read_metrics()) == trainer.epoch == epoch - 1
    trainer.fit()
    assert outcome(trainer) == expected


def test_the_best_checkpoint_is_chosen_by_validation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not by the test images, which are best after the last epoch here."""
    losses = {21: iter([1.0, 0.5, 0.75]), 30: iter([3.0, 2.0, 1.0])}  # by the number of images: of validation, of testing

    def planned(model: object, loader: Loader, after_batch: object, execution: object) -> Metrics:
        count = len(loader.dataset)
        return Metrics(loss_sum=next(losses[count]) * count, images=count)

    monkeypatch.setattr(loop, "evaluate", planned)
    trainer = make_trainer(tmp_path, validation=True)
    trainer.fit()
    assert load_checkpoint(tmp_path / "checkpoints", "best").progress["epoch"] == 2
    assert load_checkpoint(tmp_path / "checkpoints", "last").progress["epoch"] == 3
    lines = trainer.folder.read_metrics()
    assert [line["validation_loss"] for line in lines] == [1.0, 0.5, 0.75]
    assert [line["test_loss"] for line in lines] == [3.0, 2.0, 1.0]


def test_without_validation_images_there_is_no_best_checkpoint(tmp_path: Path) -> None:
    unbroken(tmp_path)
    with pytest.raises(RunError, match="no checkpoint 'best'"):
        load_checkpoint(tmp_path / "checkpoints", "best")


def test_the_best_checkpoint_survives_crashes(tmp_path: Path) -> None:
    expected = unbroken(tmp_path / "unbroken", validation=True)
    for epoch in (1, 2):
        with pytest.raises(Crash):
            make_trainer(tmp_path / "broken", report=CrashAfter(epoch=epoch), validation=True).fit()
        trainer = make_trainer(tmp_path / "broken", validation=True)
        trainer.restore()
        trainer.fit()
        assert outcome(trainer) == expected
        one, other = (load_checkpoint(tmp_path / name / "checkpoints", "best") for name in ("unbroken", "broken"))
        assert one.progress["best"] == other.progress["best"]
        assert all(one.model[key].tobytes() == other.model[key].tobytes() for key in one.model)
        shutil.rmtree(tmp_path / "broken")


class SignalAfter(Reporter):
    """Sends a signal to this process after so many steps."""

    def __init__(self, steps: int, number: int) -> None:
        self.steps, self.number, self.made = steps, number, 0

    def step(self, step: int, running: object, pace: object) -> None:
        self.made += 1
        if self.made == self.steps:
            signal.raise_signal(self.number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("steps", [2, STEPS])
def test_a_signal_stops_with_a_checkpoint(tmp_path: Path, number: int, steps: int) -> None:
    expected = unbroken(tmp_path / "unbroken")
    before = signal.getsignal(number)
    with pytest.raises(Stopped) as stopped:
        make_trainer(tmp_path / "stopped", report=SignalAfter(steps, number)).fit()
    assert (stopped.value.signal_number, stopped.value.epoch, stopped.value.step) == (number, 0, steps)
    assert signal.getsignal(number) is before
    trainer = make_trainer(tmp_path / "stopped")
    trainer.restore()
    assert (trainer.epoch, trainer.step) == (0, steps)
    trainer.fit()
    assert outcome(trainer) == expected


def test_a_second_signal_is_not_held_back(tmp_path: Path) -> None:
    class Impatient(Reporter):
        def step(self, step: int, running: object, pace: object) -> None:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job would have it ignored
    try:
        with pytest.raises(KeyboardInterrupt):
            make_trainer(tmp_path, report=Impatient()).fit()
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_signal_during_the_evaluation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The steps of the epoch are kept, the evaluation is made again."""
    expected = unbroken(tmp_path / "unbroken")
    evaluate = loop.evaluate

    def interrupted(*args: object) -> object:
        signal.raise_signal(signal.SIGTERM)
        return evaluate(*args)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "evaluate", interrupted)
        with pytest.raises(Stopped, match="in epoch 1 after 4 of its steps"):
            make_trainer(tmp_path / "stopped").fit()
    trainer = make_trainer(tmp_path / "stopped", report=CrashAfter(epoch=1))
    trainer.restore()
    with pytest.raises(Crash):
        trainer.fit()
    assert trainer.report.made == 0  # the epoch was finished without a step
    trainer = make_trainer(tmp_path / "stopped")
    trainer.restore()
    trainer.fit()
    assert outcome(trainer) == expected


def test_a_finished_run_stays_as_it_is(tmp_path: Path) -> None:
    expected = unbroken(tmp_path)
    trainer = make_trainer(tmp_path)
    trainer.restore()
    trainer.fit()
    assert outcome(trainer) == expected


def test_a_checkpoint_of_another_model(tmp_path: Path) -> None:
    unbroken(tmp_path)
    trainer = make_trainer(tmp_path, ADAM)
    trainer.model.fc = type(trainer.model.fc)(64, 5)
    with pytest.raises(RunError, match=r"(?s)last.json does not suit the run's model and recipe: .*fc.weight"):
        trainer.restore()


def test_a_checkpoint_that_is_gone(tmp_path: Path) -> None:
    unbroken(tmp_path)
    (tmp_path / "checkpoints" / "last.json").unlink()
    with pytest.raises(RunError, match=r"the checkpoint .*last.json is missing"):
        make_trainer(tmp_path).restore()
