"""What schedules are: functions of the time, and the time."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from minitorch_cv.optim.optimizer import Group, Optimizer, require

PerGroup = float | Sequence[float]  # one number for all parameter groups, or one for each


class Settings(NamedTuple):
    """What a schedule sets in a parameter group; momentum None: it is left alone."""

    lr: float
    momentum: float | None = None


class LRScheduler:
    """The base of schedules: keeps the time and sets the learning rate of each parameter group. A subclass says what it is: `lr_at`,
    or `settings_at` where groups differ or the momentum changes too.

    last_epoch: the time of the update that was made last; -1 means that none was.
    """

    sets_own_lr = False  # whether the learning rate is not a part of base_lr

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
        raise NotImplementedError(f"{type(self).__name__} does not define lr_at")

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
            settings = self.settings_at(place, base_lr, self.last_epoch)
            group["lr"] = settings.lr
            if settings.momentum is not None:
                set_momentum(group, settings.momentum)

    def settings_at(self, place: int, base_lr: float, t: int) -> Settings:
        """What holds at time t for group number `place`: for schedules that treat groups differently, or change the momentum too."""
        return Settings(self.lr_at(base_lr, t))


def set_momentum(group: Group, momentum: float) -> None:
    """Set the momentum of a parameter group; Adam's relatives have it as the first of their `betas`."""
    if "betas" in group:
        group["betas"] = (momentum, *group["betas"][1:])
    else:
        group["momentum"] = momentum


def require_momentum(optimizer: Optimizer) -> None:
    """Raise ValueError unless the optimiser has a momentum that can be changed."""
    if not {"momentum", "betas"} & optimizer.defaults.keys():
        raise ValueError(f"cycle_momentum: got True, expected False, because {type(optimizer).__name__} has neither momentum nor betas")


def require_per_group(name: str, value: PerGroup, optimizer: Optimizer) -> None:
    """Raise ValueError unless `value` is a number, or a list of one number for each parameter group."""
    count = len(optimizer.param_groups)
    if not isinstance(value, int | float):
        require(len(value) == count, name, value, f"a number, or {count} of them, one for each parameter group")


def of_group(value: PerGroup, place: int) -> float:
    """The number of group `place`."""
    return value if isinstance(value, int | float) else value[place]
