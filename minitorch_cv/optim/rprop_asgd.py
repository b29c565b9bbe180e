"""Optimisers of other ideas: Rprop, which looks at signs alone, and ASGD, which averages where SGD has been."""

from collections.abc import Iterable

from minitorch_cv.optim.optimizer import Group, filled, require
from minitorch_cv.optim.rule_optimizer import Numbers, RuleOptimizer, State, decay
from minitorch_cv.tensor import Tensor


class Rprop(RuleOptimizer):
    r"""Resilient backpropagation: each element has a step size of its own, and only the sign of its gradient counts.

    A step size, lr at first, grows by the factor etas[1] where the gradient keeps its sign and shrinks by etas[0] where
    it changes, within `step_sizes`; p moves by it against the sign of the gradient, but not where the sign has just changed.
    For whole data sets: the gradient of a small batch changes its sign by chance.

    Names, defaults and arithmetic are those of torch.optim.Rprop. Riedmiller, Braun: A Direct Adaptive Method for Faster
    Backpropagation Learning: The RPROP Algorithm (1993).
    """

    rule = "rprop"
    required_state = ("step", "prev", "step_size")

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[Group],
        lr: float = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, {"lr": lr, "etas": etas, "step_sizes": step_sizes, "maximize": maximize})

    def check(self, group: Group) -> None:
        """See `Optimizer.check`."""
        super().check(group)
        etas, sizes = group["etas"], group["step_sizes"]
        require(len(etas) == 2 and 0 < etas[0] < 1 < etas[1], "etas", etas, "a number between 0 and 1, and one above 1")
        require(len(sizes) == 2 and 0 <= sizes[0] <= sizes[1], "step_sizes", sizes, "the shortest step and the longest")

    def begin(self, group: Group, param: Tensor) -> State:
        """See `RuleOptimizer.begin`."""
        return {"step_size": filled(param, group["lr"])}

    def numbers(self, group: Group, state: State) -> Numbers:
        """See `RuleOptimizer.numbers`."""
        return dict(zip(("shorter", "longer", "shortest", "longest"), (*group["etas"], *group["step_sizes"]), strict=True))


class ASGD(RuleOptimizer):
    r"""Averaged SGD: plain SGD with a fading learning rate, beside it the mean of the parameters since step t0.

    With g = gradient + weight_decay * p (the gradient with the opposite sign if `maximize`), at step t = 1, 2, ...:

        p <- p * (1 - lambd * eta) - eta * g                eta = lr at first, then lr / (1 + lambd * lr * t)^alpha
        ax <- ax + mu * (p - ax)                            mu = 1 at first, then 1 / max(1, t - t0)

    The averages are `state[p]["ax"]`.

    Names, defaults and arithmetic are those of torch.optim.ASGD. Polyak, Juditsky: Acceleration of Stochastic
    Approximation by Averaging (1992); in this form: Bottou's SGD.
    """

    rule = "asgd"
    required_state = ("step", "eta", "mu", "ax")

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[Group],
        lr: float = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, {
            "lr": lr, "lambd": lambd, "alpha": alpha, "t0": t0, "weight_decay": weight_decay, "maximize": maximize,
        })  # fmt: skip

    def check(self, group: Group) -> None:
        """See `Optimizer.check`."""
        super().check(group)
        require(group["lambd"] >= 0, "lambd", group["lambd"], "0 or more")

    def arrays(self, group: Group) -> tuple[str, ...]:
        """See `RuleOptimizer.arrays`."""
        return ("ax",)

    def begin(self, group: Group, param: Tensor) -> State:
        """See `RuleOptimizer.begin`."""
        return {"eta": group["lr"], "mu": 1.0}

    def numbers(self, group: Group, state: State) -> Numbers:
        """See `RuleOptimizer.numbers`."""
        eta, mu, lambd, lr = state["eta"], state["mu"], group["lambd"], group["lr"]
        state["eta"] = lr / (1 + lambd * lr * state["step"]) ** group["alpha"]  # of the next step
        state["mu"] = 1 / max(1, state["step"] - group["t0"])
        return {**decay(group), "shrink": 1 - lambd * eta, "lr": eta, "mu": mu}
