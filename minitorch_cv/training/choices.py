"""What a recipe can choose from by name: optimisers and schedules. A new one is one entry in a table."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from minitorch_cv import optim
from minitorch_cv.optim import Optimizer, lr_scheduler
from minitorch_cv.optim.lr_scheduler import LRScheduler

if TYPE_CHECKING:
    from minitorch_cv.nn import Parameter
    from minitorch_cv.training.recipe import Recipe


@dataclass(frozen=True)
class OptimizerChoice:
    """How an optimiser is made from a recipe: its class, and what else it is told.

    family, usual_lr, usual_momentum: for a recipe written for another family of optimisers, whose learning rate means something else.
    heavy: whether it takes the recipe's momentum.
    """

    kind: Callable[..., Optimizer]
    family: str
    usual_lr: float
    usual_momentum: float = 0.0
    heavy: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)

    def build(self, parameters: Iterable[Parameter], recipe: Recipe) -> Optimizer:
        """The optimiser of `recipe`, for these parameters."""
        momentum = {"momentum": recipe.momentum} if self.heavy else {}
        return self.kind(parameters, lr=recipe.lr, weight_decay=recipe.weight_decay, **momentum, **self.options)


# Rprop and ASGD are not among them: the first is for whole data sets, and for averages of weights there is `ema`.
OPTIMIZERS: Mapping[str, OptimizerChoice] = {
    "sgd": OptimizerChoice(optim.SGD, "sgd", usual_lr=0.1, usual_momentum=0.9, heavy=True),
    "nesterov": OptimizerChoice(optim.SGD, "sgd", usual_lr=0.1, usual_momentum=0.9, heavy=True, options={"nesterov": True}),
    "adam": OptimizerChoice(optim.Adam, "adam", usual_lr=1e-3),
    "adamw": OptimizerChoice(optim.AdamW, "adam", usual_lr=1e-3),
    "adamax": OptimizerChoice(optim.Adamax, "adam", usual_lr=2e-3),
    "nadam": OptimizerChoice(optim.NAdam, "adam", usual_lr=1e-3, options={"decoupled_weight_decay": True}),
    "radam": OptimizerChoice(optim.RAdam, "adam", usual_lr=1e-3, options={"decoupled_weight_decay": True}),
    "rmsprop": OptimizerChoice(optim.RMSprop, "rmsprop", usual_lr=1e-3, heavy=True),
    "adagrad": OptimizerChoice(optim.Adagrad, "adagrad", usual_lr=1e-2),
    "adadelta": OptimizerChoice(optim.Adadelta, "adadelta", usual_lr=1.0),
    "lars": OptimizerChoice(optim.LARS, "lars", usual_lr=5.0, usual_momentum=0.9, heavy=True),
    "lamb": OptimizerChoice(optim.LAMB, "lamb", usual_lr=1e-2),
}


def _constant(optimizer: Optimizer, total: int) -> LRScheduler:
    return lr_scheduler.ConstantLR(optimizer, factor=1.0)


def _step(optimizer: Optimizer, total: int, every: float = 1 / 3, gamma: float = 0.1) -> LRScheduler:
    return lr_scheduler.StepLR(optimizer, step_size=max(1, round(every * total)), gamma=gamma)


def _multi_step(optimizer: Optimizer, total: int, at: Iterable[float] = (0.5, 0.75), gamma: float = 0.1) -> LRScheduler:
    return lr_scheduler.MultiStepLR(optimizer, milestones=[round(fraction * total) for fraction in at], gamma=gamma)


def _cosine(optimizer: Optimizer, total: int, lowest: float = 0.0) -> LRScheduler:
    return lr_scheduler.CosineAnnealingLR(optimizer, T_max=total, eta_min=lowest)


def _linear(optimizer: Optimizer, total: int, warmup: float = 0.2) -> LRScheduler:
    return lr_scheduler.LinearWarmupLinearDecay(optimizer, total_steps=total, warmup_steps=round(warmup * total))


def _warmup_cosine(optimizer: Optimizer, total: int, warmup: float = 0.05, lowest: float = 0.0) -> LRScheduler:
    rising = min(max(1, round(warmup * total)), max(1, total - 1))
    up = lr_scheduler.LinearLR(optimizer, start_factor=1 / (rising + 1), total_iters=rising)
    down = lr_scheduler.CosineAnnealingLR(optimizer, T_max=max(1, total - rising), eta_min=lowest)
    return lr_scheduler.SequentialLR(optimizer, [up, down], milestones=[rising])


def _warm_restarts(optimizer: Optimizer, total: int, first: float = 1 / 7, times: int = 2, lowest: float = 0.0) -> LRScheduler:
    return lr_scheduler.CosineAnnealingWarmRestarts(optimizer, T_0=max(1, round(first * total)), T_mult=times, eta_min=lowest)


def _one_cycle(optimizer: Optimizer, total: int, warmup: float = 0.3, cycle_momentum: bool = False) -> LRScheduler:
    highest = [group["lr"] for group in optimizer.param_groups]
    return lr_scheduler.OneCycleLR(optimizer, highest, total, pct_start=warmup, cycle_momentum=cycle_momentum)


def _cyclic(optimizer: Optimizer, total: int, cycles: int = 4, lowest: float = 0.1, mode: str = "triangular2") -> LRScheduler:
    highest = [group["lr"] for group in optimizer.param_groups]
    half = max(1, round(total / cycles / 2))
    return lr_scheduler.CyclicLR(optimizer, [lowest * lr for lr in highest], highest, half, mode=mode, cycle_momentum=False)


def _polynomial(optimizer: Optimizer, total: int, power: float = 0.9) -> LRScheduler:
    return lr_scheduler.PolynomialLR(optimizer, total_iters=total, power=power)


def _exponential(optimizer: Optimizer, total: int, last: float = 0.01) -> LRScheduler:
    return lr_scheduler.ExponentialLR(optimizer, gamma=last ** (1 / total))


# Each is called with the optimiser, the number of updates of the whole training, and the recipe's schedule_options; it
# is stepped after each update. Places in time are fractions of the whole training, so that a schedule means the same
# for any number of epochs.
SCHEDULES: Mapping[str, Callable[..., LRScheduler]] = {
    "constant": _constant,
    "step": _step,  # times `gamma` after every part `every` of the training
    "multi-step": _multi_step,  # times `gamma` at each of the places `at`; the defaults are those of He et al. for CIFAR
    "cosine": _cosine,  # half a cosine down to `lowest`
    "linear": _linear,  # up from nearly zero in the first part `warmup`, then down to zero, both in a straight line
    "warmup-cosine": _warmup_cosine,  # up in a straight line in the first part `warmup`, then half a cosine down to `lowest`
    "warm-restarts": _warm_restarts,  # half cosines, the first in the part `first`, each `times` as long as the one before (SGDR)
    "one-cycle": _one_cycle,  # up in the first part `warmup`, then down to nearly zero, both in half a cosine; `cycle_momentum`: against it
    "cyclic": _cyclic,  # `cycles` times up from the part `lowest` and down again, each half as high as the one before
    "polynomial": _polynomial,  # down to zero as (1 - t)^`power`
    "exponential": _exponential,  # down to the part `last` by the same factor in every update
}


def make_optimizer(parameters: Iterable[Parameter], recipe: Recipe) -> Optimizer:
    """The optimiser that `recipe` names, for these parameters."""
    return OPTIMIZERS[recipe.optimizer].build(parameters, recipe)


def make_schedule(optimizer: Optimizer, recipe: Recipe, updates: int) -> LRScheduler:
    """The schedule that `recipe` names, for a training of so many updates in all."""
    try:
        return SCHEDULES[recipe.schedule](optimizer, updates, **recipe.schedule_options)
    except TypeError as error:
        options = dict(recipe.schedule_options)
        raise ValueError(f"schedule_options: {options} do not suit the schedule {recipe.schedule!r}: {error}") from error


MANY_CHOICES = 40  # more are no help in a sentence


def check_choice(name: str, value: str, choices: Collection[str]) -> None:
    """Raise ValueError unless `value` is one of the choices: with all of them, or where they are many with the nearest ones."""
    if value in choices:
        return
    nearest = difflib.get_close_matches(str(value), list(choices), n=3)
    if len(choices) > MANY_CHOICES:
        hint = " or ".join(map(repr, nearest)) or ", ".join([*list(choices)[:3], "..."])
        raise ValueError(f"{name}: got {value!r}, expected one of {len(choices)} names such as {hint}")
    hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
    raise ValueError(f"{name}: got {value!r}, expected one of {', '.join(choices)}{hint}")
