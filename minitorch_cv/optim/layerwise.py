"""Optimisers for very large batches, which scale the step of each parameter to the size of the parameter: LARS and LAMB."""

from collections.abc import Iterable

import numpy as np

import kernels
from kernels import memory
from kernels.gpu import is_gpu
from minitorch_cv.optim.optimizer import Group, require
from minitorch_cv.optim.rule_optimizer import RuleOptimizer, State
from minitorch_cv.tensor import Tensor


class LARS(RuleOptimizer):
    r"""SGD with momentum, in which every parameter array has a learning rate in proportion to its norm.

        rate = lr * trust_coefficient * |p| / (|gradient| + weight_decay * |p| + eps)
        v <- momentum * v + rate * (gradient + weight_decay * p)
        p <- p - v

    |.| is the Euclidean norm of a whole array; where |p| or |gradient| is 0, rate = lr. exclude_1d: biases and the weights of
    normalisations, all that has less than two dimensions, move with rate = lr and without weight decay, as is usual.

    You, Gitman, Ginsburg: Large Batch Training of Convolutional Networks (2017), algorithm 1: the learning rate stands
    inside the momentum, unlike in `SGD`.
    """

    rule = "lars"
    required_state = ("step",)
    optional_state = ("momentum_buffer",)

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[Group],
        lr: float = 1.0,
        momentum: float = 0.9,
        weight_decay: float = 0,
        trust_coefficient: float = 1e-3,
        eps: float = 0.0,
        exclude_1d: bool = True,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, {
            "lr": lr, "momentum": momentum, "weight_decay": weight_decay, "trust_coefficient": trust_coefficient, "eps": eps,
            "exclude_1d": exclude_1d, "maximize": maximize,
        })  # fmt: skip

    def check(self, group: Group) -> None:
        """See `Optimizer.check`."""
        super().check(group)
        require(group["trust_coefficient"] > 0, "trust_coefficient", group["trust_coefficient"], "a positive number")

    def arrays(self, group: Group) -> tuple[str, ...]:
        """See `RuleOptimizer.arrays`."""
        return ("momentum_buffer",) if group["momentum"] else ()

    def apply(self, group: Group, params: list[Tensor], grads: list[np.ndarray], states: list[State]) -> None:
        """See `RuleOptimizer.apply`."""
        for excluded, chosen in _parts(group, params):
            arrays, slopes = [params[i].data for i in chosen], [grads[i] for i in chosen]
            decay, ratios = 0.0, None
            if not excluded:
                decay = group["weight_decay"]
                size, slope = kernels.array_norms(arrays), kernels.array_norms(slopes)
                ratios = _ratios(size, slope, group["trust_coefficient"] * size, slope + decay * size + group["eps"])
            numbers = {"weight_decay": decay, "lr": group["lr"], "momentum": group["momentum"]}
            kept = self.kept(group, [states[i] for i in chosen])
            kernels.rule_step(
                self.rule, arrays, slopes, kept, [numbers] * len(chosen), group["maximize"], factors=ratios, skip=self.skip
            )


class LAMB(RuleOptimizer):
    r"""Adam, in which every parameter array moves by a step in proportion to its norm.

    With g = gradient (with the opposite sign if `maximize`), m and v as in Adam, at step t = 1, 2, ...:

        u = m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + eps) + weight_decay * p
        p <- p - lr * |p| / |u| * u

    |.| is the Euclidean norm of a whole array; where |p| or |u| is 0, their ratio counts as 1. exclude_1d: biases and the
    weights of normalisations, all that has less than two dimensions, move with the ratio 1 and without weight decay.

    You et al.: Large Batch Optimization for Deep Learning: Training BERT in 76 minutes (ICLR 2020), algorithm 2 with phi(z) = z.
    """

    rule = "lamb"
    required_state = ("step", "exp_avg", "exp_avg_sq")

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[Group],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-6,
        weight_decay: float = 0,
        exclude_1d: bool = True,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "exclude_1d": exclude_1d, "maximize": maximize,
        })  # fmt: skip

    def apply(self, group: Group, params: list[Tensor], grads: list[np.ndarray], states: list[State]) -> None:
        """See `RuleOptimizer.apply`."""
        (beta1, beta2), arrays = group["betas"], [param.data for param in params]
        numbers = [
            {
                "beta1": beta1, "beta2": beta2, "correction1": 1 - beta1 ** state["step"], "correction2": 1 - beta2 ** state["step"],
                "eps": group["eps"], "decoupled_decay": 0.0 if _excluded(group, param) else group["weight_decay"],
            }
            for param, state in zip(params, states, strict=True)
        ]  # fmt: skip
        updates = [_scratch(array) for array in arrays]
        kept = {**self.kept(group, states), "update": updates}
        kernels.rule_step(self.rule, arrays, grads, kept, numbers, maximize=group["maximize"], skip=self.skip)
        for excluded, chosen in _parts(group, params):  # p <- p - lr * ratio * update
            moving, moves = [arrays[i] for i in chosen], [updates[i] for i in chosen]
            ratios = None
            if not excluded:
                size, length = kernels.array_norms(moving), kernels.array_norms(moves)
                ratios = _ratios(size, length, size, length)
            steps = [{"lr": group["lr"], "momentum": 0.0}] * len(chosen)
            kernels.rule_step("lars", moving, moves, {}, steps, factors=ratios, skip=self.skip)


def _parts(group: Group, params: list[Tensor]) -> list[tuple[bool, list[int]]]:
    """(whether they are excluded from scaling, the places of such parameters), for what there is of both."""
    excluded = [_excluded(group, param) for param in params]
    return [(kind, [i for i, flag in enumerate(excluded) if flag == kind]) for kind in sorted(set(excluded))]


def _ratios(a: np.ndarray, b: np.ndarray, above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """above / below where a and b are positive, else 1: arrays of one number for each parameter, on their device."""
    with np.errstate(all="ignore"):
        return np.where((a > 0) & (b > 0), above / below, 1.0)


def _scratch(array: np.ndarray) -> np.ndarray:
    """An array like `array`, its values undefined, in memory that is reused."""
    return np.empty_like(array) if is_gpu(array) else memory.empty(array.shape, array.dtype)


def _excluded(group: Group, param: Tensor) -> bool:
    return group["exclude_1d"] and param.ndim < 2
