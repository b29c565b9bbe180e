"""Optimisers for very large batches, which scale the step of each parameter to the size of the parameter: LARS and LAMB."""

from collections.abc import Iterable

import numpy as np

import kernels
from kernels import memory
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
        arrays = [param.data for param in params]
        numbers = []
        for param, size, slope in zip(params, kernels.array_norms(arrays), kernels.array_norms(grads), strict=True):
            decay, ratio = 0.0, 1.0
            if not _excluded(group, param):
                decay = group["weight_decay"]
                if size > 0 and slope > 0:
                    ratio = group["trust_coefficient"] * size / (slope + decay * size + group["eps"])
            numbers.append({"weight_decay": decay, "lr": group["lr"] * ratio, "momentum": group["momentum"]})
        kernels.rule_step(self.rule, arrays, grads, self.kept(group, states), numbers, maximize=group["maximize"])


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
        updates = [memory.empty(array.shape, array.dtype) for array in arrays]
        kept = {**self.kept(group, states), "update": updates}
        kernels.rule_step(self.rule, arrays, grads, kept, numbers, maximize=group["maximize"])
        steps = []
        for param, size, length in zip(params, kernels.array_norms(arrays), kernels.array_norms(updates), strict=True):
            ratio = size / length if size > 0 and length > 0 and not _excluded(group, param) else 1.0
            steps.append({"lr": group["lr"] * ratio, "momentum": 0.0})
        kernels.rule_step("lars", arrays, updates, {}, steps)  # p <- p - lr * update


def _excluded(group: Group, param: Tensor) -> bool:
    return group["exclude_1d"] and param.ndim < 2
