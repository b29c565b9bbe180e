"""The training loop: epochs, measurements, checkpoints, stopping and going on."""

import time
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np

from minitorch_cv.data import Loader
from minitorch_cv.device import host
from minitorch_cv.nn import Module
from minitorch_cv.nn.utils import hold_frozen_norms
from minitorch_cv.optim import EMA
from minitorch_cv.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from minitorch_cv.training.choices import make_optimizer, make_schedule
from minitorch_cv.training.errors import NotFiniteError, RunError, Stopped
from minitorch_cv.training.evaluation import evaluate
from minitorch_cv.training.execution import ON_CPU, Execution
from minitorch_cv.training.interruption import StopRequest, stop_on_signals
from minitorch_cv.training.metrics import Metrics, Pace
from minitorch_cv.training.objective import Objective
from minitorch_cv.training.recipe import Recipe
from minitorch_cv.training.recorded_step import RecordedStep
from minitorch_cv.training.reporting import Reporter
from minitorch_cv.training.run_folder import RunFolder
from minitorch_cv.training.step import TrainStep, require_finite_state

CHECKPOINT_SECONDS = 120.0  # between two checkpoints inside an epoch
CURVES_SECONDS = 30.0  # between two drawings of the curves: drawing takes longer than an epoch of a small model


@dataclass(frozen=True)
class Loaders:
    """Where the batches come from: `train`, `test`, and `validation` where images were put aside to choose the best epoch by."""

    train: Loader
    test: Loader
    validation: Loader | None = None


class Trainer:
    """Trains a model into a run folder, from wherever the folder's last checkpoint stands.

    Bit for bit, the result does not depend on how often the training was interrupted: all that a step depends on is in
    the checkpoint, and what is random is a function of the seed, the epoch and the step.
    """

    def __init__(
        self, model: Module, recipe: Recipe, loaders: Loaders, folder: RunFolder, report: Reporter, execution: Execution = ON_CPU
    ) -> None:
        self.model = model.to(execution.device)
        self.execution = execution
        self.recipe = recipe
        self.loaders = loaders
        self.folder = folder
        self.report = report
        self.steps = len(loaders.train)  # in an epoch
        self.optimizer = make_optimizer((p for p in model.parameters() if p.requires_grad), recipe)
        self.schedule = make_schedule(self.optimizer, recipe, recipe.epochs * self.steps)
        objective = Objective(recipe.label_smoothing, recipe.auxiliary_weight)
        parts = (self.model, self.optimizer, self.schedule, objective, execution.precision)
        with execution.current():  # a recorded step has a stream and memory of the GPU that computes
            self.train_step = RecordedStep(*parts, say=report.warn) if execution.cuda_graph else TrainStep(*parts)
        self.ema = None if recipe.ema is None else EMA(model, recipe.ema, warmup=True)
        self.epoch = 0  # complete epochs
        self.step = 0  # complete steps of the running epoch
        self.running = Metrics()  # of the running epoch
        self.pace = Pace()  # likewise
        self.lr = 0.0  # of the last update
        self.best: dict[str, Any] | None = None  # epoch and loss of the best checkpoint
        self._scaler: dict[str, Any] | None = None  # state of the loss scaler of the GPU that the run began on, kept while the CPU goes on
        self._warm = False  # whether this process has made a step
        self._saved_at = self._drawn_at = time.monotonic()

    def restore(self) -> None:
        """Go to where the folder's last checkpoint stands; lines of the metrics that are newer are cut.

        Raises RunError where it is damaged.
        """
        progress: dict[str, Any] = {"epoch": 0}
        if self.folder.has_checkpoint():
            state = load_checkpoint(self.folder.checkpoints)
            progress = state.progress
            try:
                with self._as_it_is_used():
                    self.model.load_state_dict(state.model)
                    if self.ema is not None:
                        self.ema.load_state_dict(state.ema or {})
                self.optimizer.load_state_dict(state.optimizer)
                self.schedule.load_state_dict(state.schedule)
                self._scaler = state.scaler
                if self.execution.precision.scaler is not None and state.scaler is not None:
                    self.execution.precision.scaler.load_state_dict(state.scaler)
                self.epoch, self.step = progress["epoch"], progress["step"]
                self.running, self.pace = Metrics(**progress["running"]), Pace(**progress["pace"])
                self.lr, self.best = progress["lr"], progress["best"]
                if not all(type(number) is int and number >= 0 for number in (self.epoch, self.step)):
                    raise ValueError(f"epoch {self.epoch!r} and step {self.step!r} are not both numbers")
            except (KeyError, TypeError, ValueError, RuntimeError, AttributeError, IndexError) as error:
                raise RunError(f"{self.folder.checkpoints / 'last.json'} does not suit the run's model and recipe: {error}") from error
        elif len(self.folder.read_metrics()) > 1:  # after the first epoch, the line is written before the checkpoint
            raise RunError(
                f"the checkpoint {self.folder.checkpoints / 'last.json'} is missing, though {self.folder.metrics_file} has epochs: "
                "restore it from a copy, or begin a new run in another folder"
            )
        self.folder.cut_metrics(progress["epoch"])

    def fit(self) -> None:
        """Train to the last epoch.

        Raises Stopped after SIGINT or SIGTERM, with a checkpoint written; NotFiniteError where the loss, a gradient or
        a weight is infinite or NaN, with the checkpoint of before kept.
        """
        # NumPy need not warn of infinities: every loss and gradient is looked at.
        with stop_on_signals() as stop, np.errstate(all="ignore"), self.execution.current():
            while self.epoch < self.recipe.epochs:
                self._train_epoch(stop)
                self._finish_epoch(stop)
        self._draw()

    def _train_epoch(self, stop: StopRequest) -> None:
        self.model.train()
        hold_frozen_norms(self.model)
        with self.report.epoch(self.epoch, self.recipe.epochs, self.steps, self.step), closing(self._batches()) as batches:
            begun = time.perf_counter()
            for images, labels, host_labels in batches:
                self.lr = self.optimizer.param_groups[0]["lr"]
                loss, logits = self.train_step(images, labels, self.epoch, self.step)
                if self.ema is not None:
                    self.ema.update()
                self.running.add(loss, host(logits), host_labels)
                self.step += 1
                self.pace.add(len(labels), time.perf_counter() - begun, rated=self._warm or self.steps == 1)
                self._warm = True
                self.report.step(self.step, self.running, self.pace)
                self._stop_if_asked(stop)
                if time.monotonic() - self._saved_at >= CHECKPOINT_SECONDS:
                    self.save()
                begun = time.perf_counter()

    def _batches(self) -> Any:
        return self.execution.batches(self.loaders.train, self.epoch, self.step)

    def _finish_epoch(self, stop: StopRequest) -> None:
        """Measure, note down, save. Interrupted anywhere in here, the epoch is finished again, with the same result."""
        line = self._measure(stop)
        improved = self.loaders.validation is not None and (self.best is None or line["validation_loss"] < self.best["validation_loss"])
        self.epoch, self.step, self.running, self.pace = self.epoch + 1, 0, Metrics(), Pace()
        if improved:
            self.best = {"epoch": self.epoch, "validation_loss": line["validation_loss"]}
            self.save("best")
        self.folder.append_metrics(line)
        self.save()
        self.report.epoch_finished(line, self.recipe.epochs)
        if time.monotonic() - self._drawn_at >= CURVES_SECONDS:
            self._draw()
        if self.epoch < self.recipe.epochs:
            self._stop_if_asked(stop)

    def _measure(self, stop: StopRequest) -> dict[str, Any]:
        def check() -> None:
            self._stop_if_asked(stop)

        line: dict[str, Any] = {"epoch": self.epoch + 1, **self.running.facts("train", top5=False)}
        for name in ("validation", "test"):
            loader = getattr(self.loaders, name)
            if loader is None:
                continue
            try:
                with self._as_it_is_used():
                    metrics = evaluate(self.model, loader, check, self.execution)
            except NotFiniteError as error:
                raise NotFiniteError(f"epoch {self.epoch + 1}, after its last step, {name} images: {error}") from error
            line.update(metrics.facts(name))
        line["lr"] = self.lr  # of the epoch's last update
        line["images_per_second"] = round(self.pace.images_per_second, 1)
        line["seconds"] = round(self.pace.seconds, 3)
        return line

    def _stop_if_asked(self, stop: StopRequest) -> None:
        if stop.signal_number is not None:
            self.save()
            if self.epoch:
                self._draw()
            raise Stopped(stop.signal_number, self.epoch, self.step)

    def save(self, name: str = "last") -> None:
        """Write the state as a checkpoint. Raises NotFiniteError, and keeps the one of before, where a weight is infinite or NaN."""
        require_finite_state(self.model, *(self.epoch, self.step - 1) if self.step else (self.epoch - 1, self.steps - 1))
        progress = {
            "epoch": self.epoch, "step": self.step, "steps": self.steps, "running": self.running.as_data(),
            "pace": self.pace.as_data(), "lr": self.lr, "best": self.best,
        }  # fmt: skip
        with self._as_it_is_used():
            weights = {name: tensor.data for name, tensor in self.model.state_dict().items()}
            ema = None if self.ema is None else self.ema.state_dict()
        scaler = self._scaler if self.execution.precision.scaler is None else self.execution.precision.scaler.state_dict()
        state = Checkpoint(weights, self.optimizer.state_dict(), self.schedule.state_dict(), progress, ema, scaler)
        save_checkpoint(self.folder.checkpoints, name, state, step=self.epoch * self.steps + self.step)
        self._saved_at = time.monotonic()

    def _as_it_is_used(self) -> AbstractContextManager:
        """Inside the block the model has the averages as its weights, where there are averages."""
        return nullcontext() if self.ema is None else self.ema.swapped()

    def _draw(self) -> None:
        from minitorch_cv.training.curves import draw_curves

        draw_curves(self.folder.read_metrics(), self.folder.curves_file)
        self._drawn_at = time.monotonic()
