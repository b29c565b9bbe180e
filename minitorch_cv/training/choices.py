"""What a recipe can choose from by name: optimisers and schedules. A new one is one entry in a table."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from minitorch_cv import optim
from minitorch_cv.optim import Optimizer, lr_scheduler
from minitorch_cv.optim.lr_scheduler import LRScheduler

if TYPE_CHECKING:
    from minitorch_cv.nn import Parameter
    from minitorch_cv.training.recipe import Recipe


@dataclass(frozen=True)
class OptimizerChoice:
    """How an optimiser is made from a recipe; `usual_lr` and `usual_momentum` are for a recipe written for another family of optimisers."""

    build: Callable[[Iterable[Parameter], Recipe], Optimizer]
    family: str
    usual_lr: float
    usual_momentum: float = 0.0


def _sgd(parameters: Iterable[Parameter], recipe: Recipe) -> Optimizer:
    return optim.SGD(parameters, lr=recipe.lr, momentum=recipe.momentum, weight_decay=recipe.weight_decay)


def _nesterov(parameters: Iterable[Parameter], recipe: Recipe) -> Optimizer:
    return optim.SGD(parameters, lr=recipe.lr, momentum=recipe.momentum, weight_decay=recipe.weight_decay, nesterov=True)


def _adam(parameters: Iterable[Parameter], recipe: Recipe) -> Optimizer:
    return optim.Adam(parameters, lr=recipe.lr, weight_decay=recipe.weight_decay)


def _adamw(parameters: Iterable[Parameter], recipe: Recipe) -> Optimizer:
    return optim.AdamW(parameters, lr=recipe.lr, weight_decay=recipe.weight_decay)


OPTIMIZERS: Mapping[str, OptimizerChoice] = {
    "sgd": OptimizerChoice(_sgd, family="sgd", usual_lr=0.1, usual_momentum=0.9),
    "nesterov": OptimizerChoice(_nesterov, family="sgd", usual_lr=0.1, usual_momentum=0.9),
    "adam": OptimizerChoice(_adam, family="adam", usual_lr=1e-3),
    "adamw": OptimizerChoice(_adamw, family="adam", usual_lr=1e-3),
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


# Each is called with the optimiser, the number of updates of the whole training, and the recipe's schedule_options; it
# is stepped after each update. Places in time are fractions of the whole training, so that a schedule means the same
# for any number of epochs.
SCHEDULES: Mapping[str, Callable[..., LRScheduler]] = {
    "constant": _constant,
    "step": _step,  # times `gamma` after every part `every` of the training
    "multi-step": _multi_step,  # times `gamma` at each of the places `at`; the defaults are those of He et al. for CIFAR
    "cosine": _cosine,  # half a cosine down to `lowest`
    "linear": _linear,  # up from nearly zero in the first part `warmup`, then down to zero, both in a straight line
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


def check_choice(name: str, value: str, choices: Collection[str]) -> None:
    """Raise ValueError with all choices, and the nearest first, unless `value` is one of them."""
    if value in choices:
        return
    nearest = difflib.get_close_matches(str(value), list(choices), n=1)
    hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
    raise ValueError(f"{name}: got {value!r}, expected one of {', '.join(choices)}{hint}")
