"""The update rules beyond SGD and Adam: what each one keeps and what it is told. The formulas: `kernels.optimizer`."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """Names in the order in which the implementations take them.

    state: arrays that every parameter has; optional: those that it may have; numbers: real numbers of each parameter.
    """

    state: tuple[str, ...]
    numbers: tuple[str, ...]
    optional: tuple[str, ...] = ()


RULES = {
    "rmsprop": Rule(("square_avg",), ("lr", "alpha", "eps", "momentum"), optional=("grad_avg", "momentum_buffer")),
    "adagrad": Rule(("sum",), ("lr", "eps")),
    "adadelta": Rule(("square_avg", "acc_delta"), ("lr", "rho", "eps")),
    "adamax": Rule(("exp_avg", "exp_inf"), ("lr", "beta1", "beta2", "eps")),
    "nadam": Rule(("exp_avg", "exp_avg_sq"), ("lr", "lr_now", "beta1", "beta2", "correction", "eps")),
    "radam": Rule(("exp_avg", "exp_avg_sq"), ("lr", "beta1", "beta2", "adaptive", "eps")),
    "rprop": Rule(("prev", "step_size"), ("shorter", "longer", "shortest", "longest")),
    "asgd": Rule(("ax",), ("lr", "mu")),
    "lars": Rule((), ("lr", "momentum"), optional=("momentum_buffer",)),
    "lamb": Rule(("exp_avg", "exp_avg_sq", "update"), ("beta1", "beta2", "correction1", "correction2", "eps", "decoupled_decay")),
}
COMMON = {"weight_decay": 0.0, "shrink": 1.0}  # numbers that every rule has, and what they are where they are not given
