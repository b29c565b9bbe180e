"""What the fast versions are told of each parameter, as rows of numbers: for each rule in one order, that of its worker or its struct.

A rate x of a running mean is followed by 1 - x, which in float32 could not be computed from x.
"""

import math
from collections.abc import Mapping, Sequence

from kernels.optimizer.rules import COMMON, RULES

RATES = {"alpha", "rho", "beta1", "beta2"}
Rows = list[list[float]]


def sgd_rows(
    count: int, buffers: bool, lr: float, momentum: float, dampening: float, weight_decay: float, nesterov: bool, maximize: bool,
    fresh: Sequence[bool] | None,
) -> Rows:  # fmt: skip
    """For `count` parameters: sign of the gradient, weight decay, momentum, gain, now, past, fresh.

    v <- momentum * v + gain * g,    p <- p - now * g - past * v
    """
    now, past = (1.0, 0.0) if not buffers else (1.0, momentum) if nesterov else (0.0, 1.0)
    sign = -1.0 if maximize else 1.0
    return [
        [sign, weight_decay, momentum, 1.0 if new else 1 - dampening, lr * now, lr * past, float(new)] for new in fresh or [False] * count
    ]


def adam_rows(
    steps: Sequence[int], lr: float, betas: tuple[float, float], eps: float, weight_decay: float, decoupled: bool, maximize: bool
) -> Rows:
    """For parameters at the given steps: sign, weight decay, shrink, 1 - beta1, beta2, 1 - beta2, eps, lr, root: the last two corrected."""
    beta1, beta2 = betas
    decay, shrink = (0.0, 1 - lr * weight_decay) if decoupled else (weight_decay, 1.0)
    row = [-1.0 if maximize else 1.0, decay, shrink, 1 - beta1, beta2, 1 - beta2, eps]
    corrections = {t: [lr / (1 - beta1**t), 1 / math.sqrt(1 - beta2**t)] for t in set(steps)}
    return [row + corrections[t] for t in steps]


def rule_rows(rule: str, numbers: Sequence[Mapping[str, float]], maximize: bool) -> Rows:
    """Sign, weight decay, shrink, then the numbers of the rule in the order of `RULES`."""
    rows = []
    for given in numbers:
        told = {**COMMON, **given}
        row = [-1.0 if maximize else 1.0, told["weight_decay"], told["shrink"]]
        for name in RULES[rule].numbers:
            row += [told[name], 1 - told[name]] if name in RATES else [told[name]]
        rows.append(row)
    return rows
