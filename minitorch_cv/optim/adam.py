"""Adam and its variants."""

from collections.abc import Iterable
from typing import Any

import numpy as np

import kernels
from minitorch_cv.optim.optimizer import Group, Optimizer, filled, require, require_betas
from minitorch_cv.tensor import Tensor


class Adam(Optimizer):
    r"""Each parameter moves by its mean gradient divided by the root of its mean squared gradient.

    With g = gradient + weight_decay * p (the gradient with the opposite sign if `maximize`), at step t = 1, 2, ...:

        m <- beta1 * m + (1 - beta1) * g
        v <- beta2 * v + (1 - beta2) * g^2
        p <- p - lr * m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + eps)

    The divisions by 1 - beta^t undo the pull of the zeros that m and v start from. amsgrad: v in the last line is the
    largest v so far.
    decoupled_weight_decay: p shrinks by lr * weight_decay * p, and g is the gradient alone: AdamW.

    Names, defaults and arithmetic are those of torch.optim.Adam. Kingma, Ba: Adam: A Method for Stochastic Optimization
    (ICLR 2015); amsgrad: Reddi, Kale, Kumar: On the Convergence of Adam and Beyond (ICLR 2018).
    """

    required_state = ("step", "exp_avg", "exp_avg_sq")
    optional_state = ("max_exp_avg_sq",)

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[Group],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        decoupled_weight_decay: bool = False,
    ) -> None:
        super().__init__(params, {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "amsgrad": amsgrad, "maximize": maximize,
            "decoupled_weight_decay": decoupled_weight_decay,
        })  # fmt: skip

    def check(self, group: Group) -> None:
        """See `Optimizer.check`."""
        for name in ("lr", "eps", "weight_decay"):
            require(group[name] >= 0, name, group[name], "0 or more")
        require_betas(group["betas"])

    def update(self, group: Group, params: list[Tensor], grads: list[np.ndarray]) -> None:
        """See `Optimizer.update`."""
        states = [self.state.get(param) or _start(param) for param in params]
        if group["amsgrad"]:
            for param, state in zip(params, states, strict=True):
                if "max_exp_avg_sq" not in state:
                    state["max_exp_avg_sq"] = filled(param)
        kernels.adam_step(
            [param.data for param in params], grads,
            [state["exp_avg"] for state in states], [state["exp_avg_sq"] for state in states],
            [state["max_exp_avg_sq"] for state in states] if group["amsgrad"] else None,
            [state["step"] + 1 for state in states],
            lr=group["lr"], betas=group["betas"], eps=group["eps"], weight_decay=group["weight_decay"],
            decoupled=group["decoupled_weight_decay"], maximize=group["maximize"], skip=self.skip,
        )  # fmt: skip
        for param, state in zip(params, states, strict=True):  # only now: a step that failed leaves no state behind
            state["step"] += 1
            self.state[param] = state


class AdamW(Adam):
    r"""Adam with decoupled weight decay: p shrinks by lr * weight_decay * p, apart from the gradient, at each step.

    Names, defaults and arithmetic are those of torch.optim.AdamW. Loshchilov, Hutter: Decoupled Weight Decay
    Regularization (ICLR 2019).
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[Group],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize, decoupled_weight_decay=True)


def _start(param: Tensor) -> dict[str, Any]:
    """The state of a parameter before its first step."""
    return {"step": 0, "exp_avg": filled(param), "exp_avg_sq": filled(param)}
