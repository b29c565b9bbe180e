"""What the optimisers share whose update is a rule of `kernels.rule_step`."""

from typing import Any

import numpy as np

import kernels
from minitorch_cv.optim.optimizer import Group, Optimizer, filled, require, require_betas
from minitorch_cv.tensor import Tensor

State = dict[str, Any]
Numbers = dict[str, float]


class RuleOptimizer(Optimizer):
    """An optimiser that says what its rule is told, `numbers`, and leaves the arithmetic on arrays to the kernel of that rule.

    The state of a parameter is the number of its steps, "step", the arrays that the rule keeps, and what `begin` adds.
    """

    rule: str

    def arrays(self, group: Group) -> tuple[str, ...]:
        """The names of the arrays that the rule keeps for each parameter of `group`."""
        return tuple(name for name in self.required_state if name != "step")

    def begin(self, group: Group, param: Tensor) -> State:
        """What the state of a parameter holds before its first step, other than zeros."""
        return {}

    def numbers(self, group: Group, state: State) -> Numbers:
        """What the rule is told of a parameter; `state["step"]` is the number of this step, from 1. What changes is noted in `state`."""
        raise NotImplementedError(f"{type(self).__name__} does not define numbers")

    def check(self, group: Group) -> None:
        """See `Optimizer.check`."""
        for name in ("lr", "eps", "weight_decay", "momentum"):
            if name in group:
                require(group[name] >= 0, name, group[name], "0 or more")
        if "betas" in group:
            require_betas(group["betas"])

    def update(self, group: Group, params: list[Tensor], grads: list[np.ndarray]) -> None:
        """See `Optimizer.update`."""
        states = [self.next_state(group, param) for param in params]
        self.apply(group, params, grads, states)
        for param, state in zip(params, states, strict=True):  # only now: a step that failed leaves no state behind
            self.state[param] = state

    def apply(self, group: Group, params: list[Tensor], grads: list[np.ndarray], states: list[State]) -> None:
        """Call the kernel."""
        numbers = [self.numbers(group, state) for state in states]
        arrays = [param.data for param in params]
        kernels.rule_step(self.rule, arrays, grads, self.kept(group, states), numbers, maximize=group["maximize"], skip=self.skip)

    def kept(self, group: Group, states: list[State]) -> dict[str, list[np.ndarray]]:
        """The arrays that the rule keeps, by name, one for each parameter."""
        return {name: [state[name] for state in states] for name in self.arrays(group)}

    def next_state(self, group: Group, param: Tensor) -> State:
        """The state of a parameter with this step counted; its arrays are still those of the step before."""
        state = dict(self.state.get(param) or {"step": 0, **self.begin(group, param)})
        state["step"] += 1
        for name in self.arrays(group):
            if name not in state:
                state[name] = filled(param)
        return state


def decay(group: Group) -> Numbers:
    """The numbers that stand for the weight decay of `group`: added to the gradient, or apart from it where it is decoupled."""
    if group.get("decoupled_weight_decay"):
        return {"shrink": 1 - group["lr"] * group["weight_decay"]}
    return {"weight_decay": group["weight_decay"]}
