"""A loss that is not finite stops the training, with a sentence that names the culprit, and the last good checkpoint stays."""

from pathlib import Path

import numpy as np
import pytest
from small_training import SmallNet, make_trainer, small_data

import minitorch_cv as mt
from minitorch_cv.data import Loader
from minitorch_cv.training import loop
from minitorch_cv.training.checkpoint import load_checkpoint
from minitorch_cv.training.errors import NotFiniteError
from minitorch_cv.training.evaluation import evaluate


class SquareRootNet(SmallNet):
    """Forward, the square root of a negative number is NaN; backward, that of zero is infinite. `offset` decides."""

    offset = 1.0

    def forward(self, x: mt.Tensor) -> mt.Tensor:
        y = super().forward(x)
        zero = (y * 0).sum()
        return y + (zero + self.offset).sqrt()


def failing_trainer(folder: Path, offset: float, after: int) -> loop.Trainer:
    trainer = make_trainer(folder)
    model = SquareRootNet()
    model.load_state_dict(trainer.model.state_dict())
    trainer = loop.Trainer(model, trainer.recipe, trainer.loaders, trainer.folder, trainer.report)
    step = trainer.report.step

    def count(number: int, *rest: object) -> None:
        if trainer.epoch * trainer.steps + number == after:
            model.offset = offset
        step(number, *rest)

    trainer.report.step = count
    return trainer


def test_in_the_forward_pass(tmp_path: Path) -> None:
    with pytest.raises(NotFiniteError) as error:
        failing_trainer(tmp_path, offset=-1.0, after=5).fit()
    message = str(error.value)
    assert message.startswith("epoch 2, step 2: the loss is nan; it began in the forward of Sqrt, called at ")
    assert f"{Path(__file__).name}:" in message
    assert load_checkpoint(tmp_path / "checkpoints").progress["epoch"] == 1


def test_in_the_backward_pass(tmp_path: Path) -> None:
    """The loss is finite, its gradient is not: found before the weights are touched."""
    trainer = failing_trainer(tmp_path, offset=0.0, after=6)
    with pytest.raises(NotFiniteError, match="epoch 2, step 3: a gradient is not finite; it began in the backward of Sqrt, called at "):
        trainer.fit()
    assert all(np.isfinite(p.numpy()).all() for p in trainer.model.parameters())


def test_weights_that_an_update_made_infinite(tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path)
    update = trainer.optimizer.step

    def spoil() -> None:
        update()
        if trainer.step == 2:
            trainer.model.conv.weight.data[0, 0, 0, 0] = np.inf

    trainer.optimizer.step = spoil
    message = "epoch 1, step 4: the loss is nan; it began in conv.weight, which the last update made infinite or NaN"
    with pytest.raises(NotFiniteError, match=message):
        trainer.fit()
    assert not (tmp_path / "checkpoints").exists()


def test_such_weights_are_not_saved(tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path)
    trainer.save()
    trainer.model.bn.running_var.data[1] = np.nan
    trainer.step = 3
    with pytest.raises(NotFiniteError, match=r"epoch 1, step 3: bn.running_var is not finite after the update of this step"):
        trainer.save()
    assert load_checkpoint(tmp_path / "checkpoints").progress["step"] == 0


def test_in_an_evaluation() -> None:
    model = SquareRootNet()
    model.offset = -1.0
    with pytest.raises(NotFiniteError, match="the loss of a batch is nan; it began in the forward of Sqrt, called at "):
        evaluate(model, Loader(small_data(), 16))
    assert model.training  # the mode is restored
