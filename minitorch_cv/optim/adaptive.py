"""Optimisers that divide each gradient by a running size of the gradients before: Adagrad, Adadelta, RMSprop."""

from collections.abc import Iterable

from minitorch_cv.optim.optimizer import Group, filled, require
from minitorch_cv.optim.rule_optimizer import Numbers, RuleOptimizer, State, decay
from minitorch_cv.tensor import Tensor


class RMSprop(RuleOptimizer):
    r"""The gradient divided by the root of its running mean square.

    With g = gradient + weight_decay * p (the gradient with the opposite sign if `maximize`):

        v <- alpha * v + (1 - alpha) * g^2
        p <- p - lr * g / (sqrt(v) + eps)

    momentum: p moves by lr * b instead, b <- momentum * b + g / (sqrt(v) + eps). centered: v is replaced by the variance
    v - a^2, a the running mean of g.

    Names, defaults and arithmetic are those of torch.optim.RMSprop. Tieleman, Hinton: Lecture 6.5 of Neural Networks for
    Machine Learning (Coursera 2012); centered: Graves: Generating Sequences With Recurrent Neural Networks (2013).
    """

    rule = "rmsprop"
    required_state = ("step", "square_avg")
    optional_state = ("grad_avg", "momentum_buffer")

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[Group],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, {
            "lr": lr, "momentum": momentum, "alpha": alpha, "eps": eps, "centered": centered, "weight_decay": weight_decay,
            "maximize": maximize,
        })  # fmt: skip

    def check(self, group: Group) -> None:
        """See `Optimizer.check`."""
        super().check(group)
        require(0 <= group["alpha"] <= 1, "alpha", group["alpha"], "a number from 0 to 1")

    def arrays(self, group: Group) -> tuple[str, ...]:
        """See `RuleOptimizer.arrays`."""
        wanted = {"square_avg": True, "grad_avg": group["centered"], "momentum_buffer": group["momentum"] > 0}
        return tuple(name for name, kept in wanted.items() if kept)

    def numbers(self, group: Group, state: State) -> Numbers:
        """See `RuleOptimizer.numbers`."""
        return {**decay(group), **{name: group[name] for name in ("lr", "alpha", "eps", "momentum")}}


class Adagrad(RuleOptimizer):
    r"""The gradient divided by the root of the sum of all its squares so far.

    With g = gradient + weight_decay * p (the gradient with the opposite sign if `maximize`), at step t = 1, 2, ...:

        s <- s + g^2                                              (s = initial_accumulator_value before the first step)
        p <- p - lr / (1 + (t - 1) * lr_decay) * g / (sqrt(s) + eps)

    Names, defaults and arithmetic are those of torch.optim.Adagrad. Duchi, Hazan, Singer: Adaptive Subgradient Methods
    for Online Learning and Stochastic Optimization (JMLR 2011).
    """

    rule = "adagrad"
    required_state = ("step", "sum")

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[Group],
        lr: float = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, {
            "lr": lr, "lr_decay": lr_decay, "eps": eps, "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value, "maximize": maximize,
        })  # fmt: skip

    def check(self, group: Group) -> None:
        """See `Optimizer.check`."""
        super().check(group)
        for name in ("lr_decay", "initial_accumulator_value"):
            require(group[name] >= 0, name, group[name], "0 or more")

    def begin(self, group: Group, param: Tensor) -> State:
        """See `RuleOptimizer.begin`."""
        return {"sum": filled(param, group["initial_accumulator_value"])}

    def numbers(self, group: Group, state: State) -> Numbers:
        """See `RuleOptimizer.numbers`."""
        return {**decay(group), "lr": group["lr"] / (1 + (state["step"] - 1) * group["lr_decay"]), "eps": group["eps"]}


class Adadelta(RuleOptimizer):
    r"""Adagrad with running means instead of sums, and steps in the units of the parameter.

    With g = gradient + weight_decay * p (the gradient with the opposite sign if `maximize`):

        v <- rho * v + (1 - rho) * g^2
        d = sqrt(u + eps) / sqrt(v + eps) * g
        u <- rho * u + (1 - rho) * d^2
        p <- p - lr * d

    Names, defaults and arithmetic are those of torch.optim.Adadelta. Zeiler: ADADELTA: An Adaptive Learning Rate Method (2012).
    """

    rule = "adadelta"
    required_state = ("step", "square_avg", "acc_delta")

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[Group],
        lr: float = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, {"lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay, "maximize": maximize})

    def check(self, group: Group) -> None:
        """See `Optimizer.check`."""
        super().check(group)
        require(0 <= group["rho"] <= 1, "rho", group["rho"], "a number from 0 to 1")

    def numbers(self, group: Group, state: State) -> Numbers:
        """See `RuleOptimizer.numbers`."""
        return {**decay(group), "lr": group["lr"], "rho": group["rho"], "eps": group["eps"]}
