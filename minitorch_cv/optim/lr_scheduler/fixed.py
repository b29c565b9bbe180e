"""Schedules that are one formula: constant, lines, steps, powers, cosines."""

import math
from bisect import bisect_right
from collections.abc import Sequence

from minitorch_cv.optim.lr_scheduler.base import LRScheduler
from minitorch_cv.optim.optimizer import Optimizer, require


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
