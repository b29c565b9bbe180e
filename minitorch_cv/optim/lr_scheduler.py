"""Schedules of the learning rate.

A schedule says what the learning rate is at time t, t = 0 for the first update. Here each is written down as that
function: nothing is multiplied up from one step to the next, so that a run which is resumed at t has the same learning
rate, to the bit, as one that was never interrupted.

    scheduler = CosineAnnealingLR(optimizer, T_max=epochs)    # sets the learning rate for t = 0
    ...
    optimizer.step()
    scheduler.step()                                          # after each update, or after each epoch: the unit of t

Names and arguments are those of torch.optim.lr_scheduler where it has the schedule.
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Any

from minitorch_cv.optim.optimizer import Optimizer, require

Factor = Callable[[int], float]


class LRScheduler:
    """The base of schedules: keeps the time and sets the learning rate of each parameter group. A subclass says what it is: `lr_at`.

    last_epoch: the time of the update that was made last; -1 means that none was.
    """

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"optimizer: got {type(optimizer).__name__}, expected an Optimizer")
        for group in optimizer.param_groups:
            if last_epoch >= 0 and "initial_lr" not in group:
                raise ValueError("last_epoch: to go on, each parameter group needs its 'initial_lr'; load the state of the optimiser first")
        self.optimizer = optimizer
        self.last_epoch = last_epoch + 1  # the time whose learning rate is set; the name is PyTorch's
        self._set()

    @property
    def base_lrs(self) -> list[float]:
        """The learning rate that each group began with; the optimiser keeps them, in its own state."""
        for group in self.optimizer.param_groups:
            group.setdefault("initial_lr", group["lr"])
        return [group["initial_lr"] for group in self.optimizer.param_groups]

    def lr_at(self, base_lr: float, t: int) -> float:
        """The learning rate at time t of a group that began with `base_lr`."""
        raise NotImplementedError

    def step(self) -> None:
        """Go on to the next time."""
        self.last_epoch += 1
        self._set()

    def get_last_lr(self) -> list[float]:
        """The learning rate of each group now."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """The time, and what the learning rates began with."""
        return {"last_epoch": self.last_epoch, "base_lrs": self.base_lrs}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave; sets the learning rates."""
        groups, base_lrs = self.optimizer.param_groups, state_dict["base_lrs"]
        if len(base_lrs) != len(groups):
            raise ValueError(f"state_dict: has {len(base_lrs)} learning rates, the optimiser {len(groups)} parameter groups")
        for group, base_lr in zip(groups, base_lrs, strict=True):
            group["initial_lr"] = base_lr
        self.last_epoch = state_dict["last_epoch"]
        self._set()

    def _set(self) -> None:
        for place, (group, base_lr) in enumerate(zip(self.optimizer.param_groups, self.base_lrs, strict=True)):
            group["lr"] = self.group_lr(place, base_lr, self.last_epoch)

    def group_lr(self, place: int, base_lr: float, t: int) -> float:
        """`lr_at` for group number `place`: for schedules that treat groups differently."""
        return self.lr_at(base_lr, t)


class LambdaLR(LRScheduler):
    """base_lr * lr_lambda(t); a list has one function for each group. The functions are not saved with the state."""

    def __init__(self, optimizer: Optimizer, lr_lambda: Factor | Sequence[Factor], last_epoch: int = -1) -> None:
        count = len(optimizer.param_groups)
        self.lr_lambdas = [lr_lambda] * count if callable(lr_lambda) else list(lr_lambda)
        if len(self.lr_lambdas) != count:
            raise ValueError(f"lr_lambda: got {len(self.lr_lambdas)} functions, expected {count}, one for each parameter group")
        super().__init__(optimizer, last_epoch)

    def group_lr(self, place: int, base_lr: float, t: int) -> float:
        """See `LRScheduler.group_lr`."""
        return base_lr * self.lr_lambdas[place](t)


class ConstantLR(LRScheduler):
    """base_lr * factor until total_iters, then base_lr; factor=1 is a constant learning rate."""

    def __init__(self, optimizer: Optimizer, factor: float = 1 / 3, total_iters: int = 5, last_epoch: int = -1) -> None:
        require(0 <= factor <= 1, "factor", factor, "a number from 0 to 1")
        self.factor, self.total_iters = factor, total_iters
        super().__init__(optimizer, last_epoch)

    def lr_at(self, base_lr: float, t: int) -> float:
        """See `LRScheduler.lr_at`."""
        return base_lr * self.factor if t < self.total_iters else base_lr


class LinearLR(LRScheduler):
    """From base_lr * start_factor in a straight line to base_lr * end_factor at total_iters, constant from there on."""

    def __init__(
        self, optimizer: Optimizer, start_factor: float = 1 / 3, end_factor: float = 1.0, total_iters: int = 5, last_epoch: int = -1
    ) -> None:
        require(0 < start_factor <= 1, "start_factor", start_factor, "a number from 0 to 1, 0 excluded")
        require(0 <= end_factor <= 1, "end_factor", end_factor, "a number from 0 to 1")
        require(total_iters >= 1, "total_iters", total_iters, "1 or more")
        self.start_factor, self.end_factor, self.total_iters = start_factor, end_factor, total_iters
        super().__init__(optimizer, last_epoch)

    def lr_at(self, base_lr: float, t: int) -> float:
        """See `LRScheduler.lr_at`."""
        done = min(t, self.total_iters) / self.total_iters
        return base_lr * (self.start_factor + (self.end_factor - self.start_factor) * done)


class LinearWarmupLinearDecay(LRScheduler):
    """Up in a straight line to base_lr in the first warmup_steps updates, then down in a straight line, to zero after total_steps.

    base_lr * (t + 1) / warmup_steps, then base_lr * (total_steps - t) / (total_steps - warmup_steps): neither the first
    update nor the last is wasted on a learning rate of zero.
    """

    def __init__(self, optimizer: Optimizer, total_steps: int, warmup_steps: int = 0, last_epoch: int = -1) -> None:
        require(total_steps >= 1, "total_steps", total_steps, "1 or more")
        require(0 <= warmup_steps <= total_steps, "warmup_steps", warmup_steps, f"0 to total_steps, {total_steps}")
        self.total_steps, self.warmup_steps = total_steps, warmup_steps
        super().__init__(optimizer, last_epoch)

    def lr_at(self, base_lr: float, t: int) -> float:
        """See `LRScheduler.lr_at`."""
        if t < self.warmup_steps:
            return base_lr * ((t + 1) / self.warmup_steps)
        return base_lr * (max(self.total_steps - t, 0) / max(self.total_steps - self.warmup_steps, 1))


class StepLR(LRScheduler):
    """base_lr * gamma^(number of whole step_sizes that have passed)."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        require(step_size >= 1, "step_size", step_size, "1 or more")
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer, last_epoch)

    def lr_at(self, base_lr: float, t: int) -> float:
        """See `LRScheduler.lr_at`."""
        return base_lr * self.gamma ** (t // self.step_size)


class MultiStepLR(LRScheduler):
    """base_lr * gamma^(number of milestones that have passed); without milestones a constant learning rate."""

    def __init__(self, optimizer: Optimizer, milestones: Sequence[int], gamma: float = 0.1, last_epoch: int = -1) -> None:
        self.milestones, self.gamma = sorted(milestones), gamma
        super().__init__(optimizer, last_epoch)

    def lr_at(self, base_lr: float, t: int) -> float:
        """See `LRScheduler.lr_at`."""
        return base_lr * self.gamma ** bisect_right(self.milestones, t)


class ExponentialLR(LRScheduler):
    """base_lr * gamma^t."""

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def lr_at(self, base_lr: float, t: int) -> float:
        """See `LRScheduler.lr_at`."""
        return base_lr * self.gamma**t


class PolynomialLR(LRScheduler):
    """base_lr * (1 - t / total_iters)^power, zero from total_iters on."""

    def __init__(self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1) -> None:
        require(total_iters >= 1, "total_iters", total_iters, "1 or more")
        self.total_iters, self.power = total_iters, power
        super().__init__(optimizer, last_epoch)

    def lr_at(self, base_lr: float, t: int) -> float:
        """See `LRScheduler.lr_at`."""
        return base_lr * (1 - min(t, self.total_iters) / self.total_iters) ** self.power


class CosineAnnealingLR(LRScheduler):
    """Half a cosine from base_lr at 0 down to eta_min at T_max (and up again after it).

    Loshchilov, Hutter: SGDR: Stochastic Gradient Descent with Warm Restarts (ICLR 2017), without the restarts.
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        require(T_max >= 1, "T_max", T_max, "1 or more")
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer, last_epoch)

    def lr_at(self, base_lr: float, t: int) -> float:
        """See `LRScheduler.lr_at`."""
        return self.eta_min + (base_lr - self.eta_min) * (1 + math.cos(math.pi * t / self.T_max)) / 2


class CosineAnnealingWarmRestarts(LRScheduler):
    """Half a cosine from base_lr down to eta_min in T_0 steps, then again from base_lr in T_0 * T_mult steps, and so on: SGDR."""

    def __init__(self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        require(T_0 >= 1, "T_0", T_0, "1 or more")
        require(T_mult >= 1, "T_mult", T_mult, "1 or more")
        self.T_0, self.T_mult, self.eta_min = T_0, T_mult, eta_min
        super().__init__(optimizer, last_epoch)

    def lr_at(self, base_lr: float, t: int) -> float:
        """See `LRScheduler.lr_at`."""
        length = self.T_0
        if self.T_mult == 1:
            t %= length
        while t >= length:
            t -= length
            length *= self.T_mult
        return self.eta_min + (base_lr - self.eta_min) * (1 + math.cos(math.pi * t / length)) / 2


class SequentialLR(LRScheduler):
    """One schedule after the other: each of `milestones` is the time at which the next one takes over, at its own time 0."""

    def __init__(self, optimizer: Optimizer, schedulers: Sequence[LRScheduler], milestones: Sequence[int], last_epoch: int = -1) -> None:
        times = list(milestones)
        require(len(times) == len(schedulers) - 1, "milestones", times, f"{len(schedulers) - 1} of them, one between each two schedules")
        require(times == sorted(times), "milestones", times, "times in ascending order")
        for place, scheduler in enumerate(schedulers):
            if scheduler.optimizer is not optimizer:
                raise ValueError(f"schedulers: number {place} belongs to another optimiser")
        self.schedulers, self.milestones = list(schedulers), times
        super().__init__(optimizer, last_epoch)

    def group_lr(self, place: int, base_lr: float, t: int) -> float:
        """See `LRScheduler.group_lr`."""
        current = bisect_right(self.milestones, t)
        start = self.milestones[current - 1] if current else 0
        return self.schedulers[current].group_lr(place, base_lr, t - start)
