"""Schedules made of functions and of other schedules."""

from bisect import bisect_right
from collections.abc import Callable, Sequence

from minitorch_cv.optim.lr_scheduler.base import LRScheduler, Settings
from minitorch_cv.optim.optimizer import Optimizer, require

Factor = Callable[[int], float]


class LambdaLR(LRScheduler):
    """base_lr * lr_lambda(t); a list has one function for each group. The functions are not saved with the state."""

    def __init__(self, optimizer: Optimizer, lr_lambda: Factor | Sequence[Factor], last_epoch: int = -1) -> None:
        count = len(optimizer.param_groups)
        self.lr_lambdas = [lr_lambda] * count if callable(lr_lambda) else list(lr_lambda)
        if len(self.lr_lambdas) != count:
            raise ValueError(f"lr_lambda: got {len(self.lr_lambdas)} functions, expected {count}, one for each parameter group")
        super().__init__(optimizer, last_epoch)

    def settings_at(self, place: int, base_lr: float, t: int) -> Settings:
        """See `LRScheduler.settings_at`."""
        return Settings(base_lr * self.lr_lambdas[place](t))


class MultiplicativeLR(LambdaLR):
    """base_lr * lr_lambda(1) * ... * lr_lambda(t); a list has one function for each group. The functions are not saved with the state."""

    def __init__(self, optimizer: Optimizer, lr_lambda: Factor | Sequence[Factor], last_epoch: int = -1) -> None:
        self._known: dict[tuple[int, float], tuple[int, float]] = {}  # the last time and learning rate of each group, to go on from
        super().__init__(optimizer, lr_lambda, last_epoch)

    def settings_at(self, place: int, base_lr: float, t: int) -> Settings:
        """See `LRScheduler.settings_at`."""
        known, lr = self._known.get((place, base_lr), (0, base_lr))
        if known > t:
            known, lr = 0, base_lr
        for time in range(known + 1, t + 1):
            lr *= self.lr_lambdas[place](time)
        self._known[place, base_lr] = t, lr
        return Settings(lr)


class SequentialLR(LRScheduler):
    """One schedule after the other: each of `milestones` is the time at which the next one takes over, at its own time 0."""

    def __init__(self, optimizer: Optimizer, schedulers: Sequence[LRScheduler], milestones: Sequence[int], last_epoch: int = -1) -> None:
        times = list(milestones)
        require(len(times) == len(schedulers) - 1, "milestones", times, f"{len(schedulers) - 1} of them, one between each two schedules")
        require(times == sorted(times), "milestones", times, "times in ascending order")
        _require_times_alone(schedulers, optimizer)
        self.schedulers, self.milestones = list(schedulers), times
        super().__init__(optimizer, last_epoch)

    def settings_at(self, place: int, base_lr: float, t: int) -> Settings:
        """See `LRScheduler.settings_at`."""
        current = bisect_right(self.milestones, t)
        start = self.milestones[current - 1] if current else 0
        return self.schedulers[current].settings_at(place, base_lr, t - start)


class ChainedScheduler(LRScheduler):
    """Several schedules at once: base_lr times the product of their factors, each the part of base_lr that a schedule alone would set.

    `optimizer` may be left out: it is that of the schedules. PyTorch's own chain is the same product for schedules that multiply;
    those that set a learning rate of their own, OneCycleLR and CyclicLR, are refused.
    """

    def __init__(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None) -> None:
        require(len(schedulers) >= 1, "schedulers", list(schedulers), "at least one")
        optimizer = optimizer or schedulers[0].optimizer
        _require_times_alone(schedulers, optimizer)
        for place, scheduler in enumerate(schedulers):
            if scheduler.sets_own_lr:
                raise ValueError(f"schedulers: number {place} is {type(scheduler).__name__}, which takes no part of a learning rate")
        self.schedulers = list(schedulers)
        super().__init__(optimizer)

    def settings_at(self, place: int, base_lr: float, t: int) -> Settings:
        """See `LRScheduler.settings_at`."""
        lr = base_lr
        for scheduler in self.schedulers:
            lr *= scheduler.settings_at(place, base_lr, t).lr / base_lr if base_lr else 0.0
        return Settings(lr)


def _require_times_alone(schedulers: Sequence[LRScheduler], optimizer: Optimizer) -> None:
    """Raise unless all schedules are functions of the time, of this optimiser."""
    for place, scheduler in enumerate(schedulers):
        if not isinstance(scheduler, LRScheduler):
            raise TypeError(f"schedulers: number {place} is {type(scheduler).__name__}, expected a schedule that depends on the time alone")
        if scheduler.optimizer is not optimizer:
            raise ValueError(f"schedulers: number {place} belongs to another optimiser")
