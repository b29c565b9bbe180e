"""Stochastic gradient descent."""

from collections.abc import Iterable

import numpy as np

import kernels
from minitorch_cv.optim.optimizer import Group, Optimizer, filled, require
from minitorch_cv.tensor import Tensor


class SGD(Optimizer):
    r"""Stochastic gradient descent, with momentum.

    With g = gradient + weight_decay * p (the gradient with the opposite sign if `maximize`):

        v <- momentum * v + (1 - dampening) * g         (v <- g the first time)
        p <- p - lr * v                                 or, with `nesterov`,  p - lr * (g + momentum * v)

    Names, defaults and arithmetic are those of torch.optim.SGD. Momentum: Polyak 1964; Nesterov's in this form:
    Sutskever, Martens, Dahl, Hinton: On the importance of initialization and momentum in deep learning (ICML 2013).
    """

    optional_state = ("momentum_buffer",)

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[Group],
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, {
            "lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay, "nesterov": nesterov,
            "maximize": maximize,
        })  # fmt: skip

    def check(self, group: Group) -> None:
        """See `Optimizer.check`."""
        for name in ("lr", "momentum", "weight_decay"):
            require(group[name] >= 0, name, group[name], "0 or more")
        if group["nesterov"]:
            require(group["momentum"] > 0, "momentum", group["momentum"], "a positive number with nesterov")
            require(group["dampening"] == 0, "dampening", group["dampening"], "0 with nesterov")

    def update(self, group: Group, params: list[Tensor], grads: list[np.ndarray]) -> None:
        """See `Optimizer.update`."""
        buffers, fresh = None, None
        if group["momentum"]:
            known = [self.state.get(param, {}).get("momentum_buffer") for param in params]
            fresh = [buffer is None for buffer in known]
            buffers = [filled(param) if buffer is None else buffer for param, buffer in zip(params, known, strict=True)]
        kernels.sgd_step(
            [param.data for param in params], grads, buffers, lr=group["lr"], momentum=group["momentum"], dampening=group["dampening"],
            weight_decay=group["weight_decay"], nesterov=group["nesterov"], maximize=group["maximize"],
            fresh=fresh if fresh and any(fresh) else None, skip=self.skip,
        )  # fmt: skip
        if buffers is not None and fresh is not None and any(fresh):  # only now: a step that failed leaves no state behind
            for param, buffer in zip(params, buffers, strict=True):
                self.state.setdefault(param, {})["momentum_buffer"] = buffer
