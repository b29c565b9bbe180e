"""Schedules that go up and down: one cycle, or many. Both can move the momentum against the learning rate."""

import math
from bisect import bisect_left
from collections.abc import Callable

from minitorch_cv.optim.lr_scheduler.base import LRScheduler, PerGroup, Settings, of_group, require_momentum, require_per_group
from minitorch_cv.optim.optimizer import Optimizer, require


def _cosine(start: float, end: float, part: float) -> float:
    return end + (start - end) / 2 * (math.cos(math.pi * part) + 1)


def _line(start: float, end: float, part: float) -> float:
    return (end - start) * part + start


ANNEAL = {"cos": _cosine, "linear": _line}


class OneCycleLR(LRScheduler):
    """From max_lr / div_factor up to max_lr in the part `pct_start` of the training, then down to nearly zero; momentum the other way.

    The end is max_lr / div_factor / final_div_factor, which stays from total_steps on. total_steps: updates of the whole training, or else
    epochs * steps_per_epoch. three_phase: down to the beginning in as many steps as up, and from there to the end. cycle_momentum: the
    momentum (or the first of `betas`) falls from max_momentum to base_momentum while the learning rate rises. max_lr and the momenta
    may be lists, one number for each parameter group; the learning rate that the optimiser was given does not matter.

    Smith, Topin: Super-Convergence: Very Fast Training of Neural Networks Using Large Learning Rates (2017).
    """

    sets_own_lr = True

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: PerGroup,
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: PerGroup = 0.85,
        max_momentum: PerGroup = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        if total_steps is None:
            if epochs is None or steps_per_epoch is None:
                raise ValueError("total_steps: got None, expected a number of updates, or epochs and steps_per_epoch")
            total_steps = epochs * steps_per_epoch
        require(total_steps >= 1, "total_steps", total_steps, "1 or more")
        require(0 <= pct_start <= 1, "pct_start", pct_start, "a number from 0 to 1")
        require(anneal_strategy in ANNEAL, "anneal_strategy", repr(anneal_strategy), f"one of {', '.join(ANNEAL)}")
        for name, value in (("max_lr", max_lr), ("base_momentum", base_momentum), ("max_momentum", max_momentum)):
            require_per_group(name, value, optimizer)
        if cycle_momentum:
            require_momentum(optimizer)
        self.total_steps, self.max_lr, self.div_factor, self.final_div_factor = total_steps, max_lr, div_factor, final_div_factor
        self.cycle_momentum, self.base_momentum, self.max_momentum = cycle_momentum, base_momentum, max_momentum
        self._anneal = ANNEAL[anneal_strategy]
        up = pct_start * total_steps - 1
        self._stops = [up, *([2 * up] if three_phase else []), total_steps - 1]  # the time at which each phase has reached its goal
        self._phases = [("begin", "high"), ("high", "begin"), ("begin", "end")] if three_phase else [("begin", "high"), ("high", "end")]
        super().__init__(optimizer, last_epoch)

    def settings_at(self, place: int, base_lr: float, t: int) -> Settings:
        """See `LRScheduler.settings_at`."""
        high, low = of_group(self.max_lr, place), of_group(self.max_lr, place) / self.div_factor
        most, least = of_group(self.max_momentum, place), of_group(self.base_momentum, place)
        lrs = {"begin": low, "high": high, "end": low / self.final_div_factor}
        momenta = {"begin": most, "high": least, "end": most}
        now = min(bisect_left(self._stops, t), len(self._stops) - 1)
        start, stop = self._stops[now - 1] if now else 0.0, self._stops[now]
        source, goal = self._phases[now]
        part = min((t - start) / (stop - start), 1.0) if stop > start else 1.0
        momentum = self._anneal(momenta[source], momenta[goal], part) if self.cycle_momentum else None
        return Settings(self._anneal(lrs[source], lrs[goal], part), momentum)


class CyclicLR(LRScheduler):
    """From base_lr up to max_lr in step_size_up steps in a straight line, down again in step_size_down, and so on; momentum the other way.

    mode: "triangular", all cycles alike; "triangular2", each cycle half as high as the one before; "exp_range", the height at time t is
    that of the first times gamma^t. scale_fn, if given, says the height instead: a function of the number of the cycle, from 1, with
    scale_mode "cycle", or of t with "iterations"; it is not saved with the state. step_size_down: as step_size_up if None.
    cycle_momentum: the momentum (or the first of `betas`) falls from max_momentum to base_momentum while the learning rate rises.
    Learning rates and momenta may be lists, one number for each parameter group; the learning rate that the optimiser was given does
    not matter.

    Smith: Cyclical Learning Rates for Training Neural Networks (WACV 2017).
    """

    sets_own_lr = True

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: PerGroup,
        max_lr: PerGroup,
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: PerGroup = 0.8,
        max_momentum: PerGroup = 0.9,
        last_epoch: int = -1,
    ) -> None:
        modes: dict[str, tuple[Callable[[float], float], str]] = {
            "triangular": (lambda cycle: 1.0, "cycle"),
            "triangular2": (lambda cycle: 0.5 ** (cycle - 1), "cycle"),
            "exp_range": (lambda t: gamma**t, "iterations"),
        }
        step_size_down = step_size_up if step_size_down is None else step_size_down
        require(step_size_up >= 1, "step_size_up", step_size_up, "1 or more")
        require(step_size_down >= 1, "step_size_down", step_size_down, "1 or more")
        require(mode in modes or scale_fn is not None, "mode", repr(mode), f"one of {', '.join(modes)}")
        require(scale_mode in ("cycle", "iterations"), "scale_mode", repr(scale_mode), "cycle or iterations")
        for name, value in (("base_lr", base_lr), ("max_lr", max_lr), ("base_momentum", base_momentum), ("max_momentum", max_momentum)):
            require_per_group(name, value, optimizer)
        if cycle_momentum:
            require_momentum(optimizer)
        self.base_lr, self.max_lr, self.up, self.length = base_lr, max_lr, step_size_up, step_size_up + step_size_down
        self.cycle_momentum, self.base_momentum, self.max_momentum = cycle_momentum, base_momentum, max_momentum
        self._scale, self._scale_mode = (scale_fn, scale_mode) if scale_fn else modes[mode]
        super().__init__(optimizer, last_epoch)

    def settings_at(self, place: int, base_lr: float, t: int) -> Settings:
        """See `LRScheduler.settings_at`."""
        cycle, time = divmod(t, self.length)
        height = time / self.up if time <= self.up else (self.length - time) / (self.length - self.up)
        height *= self._scale(cycle + 1 if self._scale_mode == "cycle" else t)
        low, high = of_group(self.base_lr, place), of_group(self.max_lr, place)
        least, most = of_group(self.base_momentum, place), of_group(self.max_momentum, place)
        return Settings(low + (high - low) * height, most - (most - least) * height if self.cycle_momentum else None)
