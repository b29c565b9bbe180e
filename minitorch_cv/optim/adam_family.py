"""Adam's relatives: Adamax, NAdam, RAdam."""

import math
from collections.abc import Iterable

from minitorch_cv.optim.optimizer import Group, require
from minitorch_cv.optim.rule_optimizer import Numbers, RuleOptimizer, State, decay
from minitorch_cv.tensor import Tensor


class Adamax(RuleOptimizer):
    r"""Adam with the largest gradient, its memory fading, in place of the root of the mean square.

    With g = gradient + weight_decay * p (the gradient with the opposite sign if `maximize`), at step t = 1, 2, ...:

        m <- beta1 * m + (1 - beta1) * g
        u <- max(beta2 * u, |g| + eps)
        p <- p - lr / (1 - beta1^t) * m / u

    Names, defaults and arithmetic are those of torch.optim.Adamax. Kingma, Ba: Adam: A Method for Stochastic Optimization
    (ICLR 2015), section 7.
    """

    rule = "adamax"
    required_state = ("step", "exp_avg", "exp_inf")

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[Group],
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "maximize": maximize})

    def numbers(self, group: Group, state: State) -> Numbers:
        """See `RuleOptimizer.numbers`."""
        beta1, beta2 = group["betas"]
        return {**decay(group), "lr": group["lr"] / (1 - beta1 ** state["step"]), "beta1": beta1, "beta2": beta2, "eps": group["eps"]}


class NAdam(RuleOptimizer):
    r"""Adam with Nesterov's momentum.

    With g = gradient + weight_decay * p (the gradient with the opposite sign if `maximize`) and
    mu_t = beta1 * (1 - 0.96^(t * momentum_decay) / 2), at step t = 1, 2, ...:

        m <- beta1 * m + (1 - beta1) * g
        v <- beta2 * v + (1 - beta2) * g^2
        n = mu_(t+1) * m / (1 - mu_1 ... mu_(t+1)) + (1 - mu_t) * g / (1 - mu_1 ... mu_t)
        p <- p - lr * n / (sqrt(v / (1 - beta2^t)) + eps)

    decoupled_weight_decay: p shrinks by lr * weight_decay * p, and g is the gradient alone, as in AdamW.

    Names, defaults and arithmetic are those of torch.optim.NAdam. Dozat: Incorporating Nesterov Momentum into Adam (ICLR
    workshop 2016).
    """

    rule = "nadam"
    required_state = ("step", "mu_product", "exp_avg", "exp_avg_sq")

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[Group],
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay, "maximize": maximize,
        })  # fmt: skip

    def check(self, group: Group) -> None:
        """See `Optimizer.check`."""
        super().check(group)
        require(group["momentum_decay"] >= 0, "momentum_decay", group["momentum_decay"], "0 or more")

    def arrays(self, group: Group) -> tuple[str, ...]:
        """See `RuleOptimizer.arrays`."""
        return ("exp_avg", "exp_avg_sq")

    def begin(self, group: Group, param: Tensor) -> State:
        """See `RuleOptimizer.begin`."""
        return {"mu_product": 1.0}

    def numbers(self, group: Group, state: State) -> Numbers:
        """See `RuleOptimizer.numbers`."""
        (beta1, beta2), t = group["betas"], state["step"]
        mu, following = (beta1 * (1 - 0.5 * 0.96 ** (time * group["momentum_decay"])) for time in (t, t + 1))
        state["mu_product"] *= mu
        return {
            **decay(group), "lr": group["lr"] * following / (1 - state["mu_product"] * following),
            "lr_now": group["lr"] * (1 - mu) / (1 - state["mu_product"]),
            "beta1": beta1, "beta2": beta2, "correction": 1 - beta2**t, "eps": group["eps"],
        }  # fmt: skip


class RAdam(RuleOptimizer):
    r"""Adam that begins without dividing, while the mean of few squares is too uncertain to divide by: a warm-up of itself.

    With g = gradient + weight_decay * p (the gradient with the opposite sign if `maximize`), m and v as in Adam, at step
    t = 1, 2, ... with rho_inf = 2 / (1 - beta2) - 1 and rho = rho_inf - 2 t beta2^t / (1 - beta2^t):

        rho > 5:    r = sqrt((rho - 4)(rho - 2) rho_inf / ((rho_inf - 4)(rho_inf - 2) rho))
                    p <- p - lr * r * m / (1 - beta1^t) * sqrt(1 - beta2^t) / (sqrt(v) + eps)
        otherwise:  p <- p - lr * m / (1 - beta1^t)

    decoupled_weight_decay: p shrinks by lr * weight_decay * p, and g is the gradient alone, as in AdamW.

    Names, defaults and arithmetic are those of torch.optim.RAdam. Liu et al.: On the Variance of the Adaptive Learning
    Rate and Beyond (ICLR 2020).
    """

    rule = "radam"
    required_state = ("step", "exp_avg", "exp_avg_sq")

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[Group],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "maximize": maximize,
            "decoupled_weight_decay": decoupled_weight_decay,
        })  # fmt: skip

    def numbers(self, group: Group, state: State) -> Numbers:
        """See `RuleOptimizer.numbers`."""
        (beta1, beta2), t = group["betas"], state["step"]
        lr, faded = group["lr"] / (1 - beta1**t), beta2**t
        longest = 2 / (1 - beta2) - 1
        length = longest - 2 * t * faded / (1 - faded)  # of the simple mean that is as certain as v
        adaptive = length > 5
        if adaptive:
            certainty = math.sqrt((length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length))
            lr *= certainty * math.sqrt(1 - faded)
        return {**decay(group), "lr": lr, "beta1": beta1, "beta2": beta2, "adaptive": float(adaptive), "eps": group["eps"]}
