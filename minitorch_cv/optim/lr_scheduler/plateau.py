"""The schedule that looks at how the training goes."""

import math
from typing import Any

from minitorch_cv.optim.lr_scheduler.base import PerGroup, of_group, require_per_group
from minitorch_cv.optim.optimizer import Optimizer, require


class ReduceLROnPlateau:
    """The learning rate times `factor`, but not below min_lr, each time that a measurement has not improved for more than `patience` steps.

        scheduler.step(validation_loss)         # after each epoch

    mode: "min" where smaller is better, "max" where larger is. An improvement is one by more than the part `threshold` of the best so far
    (threshold_mode "rel") or by more than `threshold` ("abs"). After a reduction, `cooldown` steps are not looked at. Reductions by less
    than `eps` are not made. min_lr may be a list, one number for each parameter group.

    It is no function of the time alone, so it stands beside the `LRScheduler`s and is no part of sequences and chains.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: PerGroup = 0.0,
        eps: float = 1e-8,
    ) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"optimizer: got {type(optimizer).__name__}, expected an Optimizer")
        require(mode in ("min", "max"), "mode", repr(mode), "min or max")
        require(factor < 1, "factor", factor, "a number less than 1")
        require(threshold_mode in ("rel", "abs"), "threshold_mode", repr(threshold_mode), "rel or abs")
        require_per_group("min_lr", min_lr, optimizer)
        self.optimizer = optimizer
        self.mode, self.factor, self.patience, self.threshold, self.threshold_mode = mode, factor, patience, threshold, threshold_mode
        self.cooldown, self.min_lr, self.eps = cooldown, min_lr, eps
        self.last_epoch = 0
        self.best = math.inf if mode == "min" else -math.inf
        self.num_bad_epochs = 0
        self.cooldown_counter = 0

    def step(self, metrics: Any) -> None:
        """Take in a measurement, a number or a tensor of one, and reduce the learning rates if it is time to."""
        current = float(metrics)
        self.last_epoch += 1
        if self._is_better(current):
            self.best, self.num_bad_epochs = current, 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce()
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0

    def _is_better(self, current: float) -> bool:
        sign = 1 if self.mode == "min" else -1
        margin = self.threshold if self.threshold_mode == "abs" else sign * self.best * self.threshold
        if math.isinf(self.best):
            return sign * current < sign * self.best
        return sign * current < sign * self.best - margin

    def _reduce(self) -> None:
        for place, group in enumerate(self.optimizer.param_groups):
            lr = max(group["lr"] * self.factor, of_group(self.min_lr, place))
            if group["lr"] - lr > self.eps:
                group["lr"] = lr

    def get_last_lr(self) -> list[float]:
        """The learning rate of each group now."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """What has been seen, and the learning rates."""
        counts = {name: getattr(self, name) for name in ("last_epoch", "best", "num_bad_epochs", "cooldown_counter")}
        return {**counts, "lrs": self.get_last_lr()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave; sets the learning rates."""
        groups, lrs = self.optimizer.param_groups, state_dict["lrs"]
        if len(lrs) != len(groups):
            raise ValueError(f"state_dict: has {len(lrs)} learning rates, the optimiser {len(groups)} parameter groups")
        for group, lr in zip(groups, lrs, strict=True):
            group["lr"] = lr
        for name in ("last_epoch", "best", "num_bad_epochs", "cooldown_counter"):
            setattr(self, name, state_dict[name])
