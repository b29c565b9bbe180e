"""Recipes: what they refuse, how options change them, and the way through JSON."""

import json
import math
from typing import Any

import pytest

from minitorch_cv import nn
from minitorch_cv.training.choices import OPTIMIZERS, SCHEDULES, make_optimizer, make_schedule
from minitorch_cv.training.recipe import Recipe

BASE = Recipe(epochs=2, batch_size=10, lr=0.1, optimizer="nesterov", momentum=0.9, schedule="linear", schedule_options={"warmup": 0.3},
              augmentation={"crop": 2}, mean=(0.5, 0.4), std=(0.2, 0.1))  # fmt: skip


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 0}, "epochs: got 0, expected at least 1"),
        ({"batch_size": 0}, "batch_size: got 0"),
        ({"lr": -0.1}, "lr: got -0.1"),
        ({"lr": math.nan}, "lr: got nan"),
        ({"lr": math.inf}, "lr: got inf"),
        ({"momentum": 1.0}, "momentum: got 1.0"),
        ({"momentum": 0.0}, "momentum: got 0.0, expected more than 0, because the optimizer is nesterov"),
        ({"ema": 1.0}, "ema: got 1.0, expected at least 0 and less than 1, or none"),
        ({"optimizer": "adam", "momentum": 0.5}, "momentum: got 0.5, expected none, because the optimizer is adam"),
        ({"weight_decay": -1.0}, "weight_decay: got -1.0"),
        ({"optimizer": "sdg"}, "optimizer: got 'sdg', expected one of sgd, nesterov, adam, adamw, .*; did you mean 'sgd'?"),
        ({"schedule": "coseno"}, "schedule: got 'coseno', expected one of constant, step, multi-step, cosine, linear"),
        ({"augmentation": {"rotate": 3}}, "augmentation: got 'rotate', expected one of crop, .*; did you mean 'rotation'?"),
        ({"std": None}, "mean and std: .* expected both or none"),
        ({"std": (0.0, 1.0)}, "std: got .*, expected positive numbers"),
    ],
)
def test_refusals(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BASE.with_options(**change) if "std" not in change else Recipe(1, 1, 0.1, mean=(0.5, 0.5), **change)


def test_options_replace_values() -> None:
    changed = BASE.with_options(lr=0.5, epochs=None, augment=True)
    assert (changed.lr, changed.epochs, changed.augment, changed.momentum) == (0.5, 2, True, 0.9)
    assert BASE.lr == 0.1


def test_another_optimizer_brings_its_learning_rate() -> None:
    adam = BASE.with_options(optimizer="adam")
    assert (adam.lr, adam.momentum) == (1e-3, 0.0)
    assert BASE.with_options(optimizer="adam", lr=0.02).lr == 0.02
    sgd = BASE.with_options(optimizer="sgd")  # of the same family: the recipe's numbers stay
    assert (sgd.lr, sgd.momentum) == (0.1, 0.9)


def test_another_schedule_forgets_the_options_of_the_first() -> None:
    assert BASE.with_options(schedule="linear").schedule_options == {"warmup": 0.3}
    assert BASE.with_options(schedule="step").schedule_options == {}


def test_through_json_and_back() -> None:
    assert Recipe.from_data(json.loads(json.dumps(BASE.as_data()))) == BASE
    with pytest.raises(ValueError, match="recipe: unknown entries warm_up"):
        Recipe.from_data({**BASE.as_data(), "warm_up": 1})


def wave(start: float, end: float, part: float) -> float:
    return start + (end - start) * (1 - math.cos(math.pi * part)) / 2


# Learning rates of the updates 0, 1, ... of a training of twelve, in parts of the highest.
COURSES = {
    "constant": [1.0] * 12,
    "step": [1.0] * 4 + [0.1] * 4 + [0.01] * 4,
    "multi-step": [1.0] * 6 + [0.1] * 3 + [0.01] * 3,
    "cosine": [(1 + math.cos(math.pi * t / 12)) / 2 for t in range(12)],
    "linear": [1 / 2, 2 / 2, *((12 - t) / 10 for t in range(2, 12))],
    "warmup-cosine": [1 / 2, *((1 + math.cos(math.pi * t / 11)) / 2 for t in range(11))],
    "warm-restarts": [(1 + math.cos(math.pi * part)) / 2 for part in (0, 1 / 2, 0, 1 / 4, 2 / 4, 3 / 4, *(t / 8 for t in range(6)))],
    "one-cycle": [wave(1 / 25, 1.0, t / 2.6) if t < 2.6 else wave(1.0, 1 / 25 / 1e4, (t - 2.6) / 8.4) for t in range(12)],
    "cyclic": [0.1, 0.55, 1, 0.55, 0.1, 0.325, 0.55, 0.325, 0.1, 0.2125, 0.325, 0.2125],
    "polynomial": [(1 - t / 12) ** 0.9 for t in range(12)],
    "exponential": [0.01 ** (t / 12) for t in range(12)],
}


@pytest.mark.parametrize("schedule", list(SCHEDULES))
def test_schedules(schedule: str) -> None:
    recipe = Recipe(epochs=1, batch_size=1, lr=0.4, schedule=schedule)
    optimizer = make_optimizer(nn.Linear(2, 1).parameters(), recipe)
    scheduler = make_schedule(optimizer, recipe, updates=12)
    course = []
    for _ in range(12):
        course.append(optimizer.param_groups[0]["lr"] / 0.4)
        optimizer.step()
        scheduler.step()
    assert course == pytest.approx(COURSES[schedule], abs=1e-12)


def test_schedule_options_that_do_not_suit() -> None:
    recipe = Recipe(epochs=1, batch_size=1, lr=0.1, schedule="cosine", schedule_options={"warmup": 0.2})
    optimizer = make_optimizer(nn.Linear(2, 1).parameters(), recipe)
    with pytest.raises(ValueError, match=r"schedule_options: {'warmup': 0.2} do not suit the schedule 'cosine'"):
        make_schedule(optimizer, recipe, 10)


@pytest.mark.parametrize("name", list(OPTIMIZERS))
def test_optimizers_get_the_numbers_of_the_recipe(name: str) -> None:
    recipe = BASE.with_options(optimizer=name, lr=0.25, weight_decay=0.125)
    (group,) = make_optimizer(nn.Linear(2, 1).parameters(), recipe).param_groups
    assert (group["lr"], group["weight_decay"]) == (0.25, 0.125)
    if OPTIMIZERS[name].heavy:
        assert group["momentum"] == (0.0 if name == "rmsprop" else 0.9)
    assert group.get("nesterov", False) == (name == "nesterov")
