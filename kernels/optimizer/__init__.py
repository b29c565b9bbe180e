r"""Optimisers: one update of all parameters of a model, in place, in one call.

A model has many small arrays, so a call for each would cost more than the arithmetic. These functions take lists: `params[i]` is
updated by `grads[i]` and the arrays of state number i, which have its shape.

`sgd_step`, with g = grad + weight_decay * p, or -grad + weight_decay * p if `maximize`:

    v <- momentum * v + (1 - dampening) * g        (v <- g where the buffer is fresh)
    p <- p - lr * (g + momentum * v  if nesterov, else v)                          (Sutskever et al. 2013)

`adam_step`, with the same g, at step t = 1, 2, ...:

    m <- beta1 * m + (1 - beta1) * g,    v <- beta2 * v + (1 - beta2) * g^2
    p <- p - lr / (1 - beta1^t) * m / (sqrt(v / (1 - beta2^t)) + eps)              (Kingma and Ba 2015)

`decoupled` weight decay (AdamW, Loshchilov and Hutter 2019) shrinks p by lr * weight_decay * p instead of changing g. Where there is a
list of largest second moments (AMSGrad, Reddi et al. 2018), v in the last line is the largest v so far.

`rule_step`, with the same g; after the update, p shrinks by the factor `shrink` of decoupled decay:
p <- shrink * p - (what stands below). What depends on the time t is a number that the caller computes, `lr` for instance with its
correction. sqrt(v / c) has a `correction` c = 1 - beta2^t.

    rmsprop     v <- alpha v + (1 - alpha) g^2,   d = g / (sqrt(v) + eps);   with grad_avg:  a <- alpha a + (1 - alpha) g  and  v - a^2
                p <- p - lr d;   with momentum_buffer:  b <- momentum b + d,  p <- p - lr b                    (Tieleman and Hinton 2012)
    adagrad     s <- s + g^2,   p <- p - lr g / (sqrt(s) + eps)                                                     (Duchi et al. 2011)
    adadelta    v <- rho v + (1 - rho) g^2,   d = sqrt(u + eps) / sqrt(v + eps) g,   u <- rho u + (1 - rho) d^2,   p <- p - lr d
                                                                                                                          (Zeiler 2012)
    adamax      m <- beta1 m + (1 - beta1) g,   u <- max(beta2 u, |g| + eps),   p <- p - lr m / u                  (Kingma and Ba 2015)
    nadam       m, v as in Adam,   p <- p - (lr m + lr_now g) / (sqrt(v / correction) + eps)                               (Dozat 2016)
    radam       m, v as in Adam,   p <- p - lr m / (sqrt(v) + eps) where `adaptive` is 1, else p - lr m               (Liu et al. 2020)
    rprop       s <- s longer where g and the gradient before agree in sign, s shorter where not, within [shortest, longest];
                p <- p - s sign(g); where the signs differ p stays, and g counts as 0 at the next step    (Riedmiller and Braun 1993)
    asgd        p <- p - lr g,   ax <- ax + mu (p - ax)                                                      (Polyak and Juditsky 1992)
    lars        b <- momentum b + lr g,   p <- p - b;   without momentum_buffer  p <- p - lr g                         (You et al. 2017)
    lamb        m, v as in Adam,   update <- (m / correction1) / (sqrt(v / correction2) + eps) + decoupled_decay p;   p stays
                                                                                                                       (You et al. 2020)

`factors`, an array (number of parameters,) of float64, multiplies the learning rates of "lars", each parameter's by its own. `skip`, an
array () of int64, says where it is not 0 that nothing shall be updated, as `non_finite_count` and `unscale` find it out. Both are where the
parameters are. On a GPU nothing waits for their values then: what decides about a step never leaves the GPU. For the same reason
`sum_of_squares`, `array_norms`, `non_finite_count` and `unscale` give arrays there; `all_finite` and `squared_norm`, which give numbers
of Python, wait. Steps that are recorded in a CUDA graph: `RecordedSteps`.

Shapes: any, any strides; every array of number i has the shape and dtype of params[i]. Errors: ValueError for shapes and lengths,
TypeError for mixed dtypes.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from kernels.backend import implementation
from kernels.checks import check_dtype, check_floating, check_shape
from kernels.gpu import is_gpu
from kernels.optimizer.recording import RecordedSteps
from kernels.optimizer.rules import COMMON, RULES

__all__ = [
    "RecordedSteps", "adam_step", "all_finite", "array_norms", "non_finite_count", "rule_step", "scale", "sgd_step", "squared_norm",
    "sum_of_squares", "unscale",
]  # fmt: skip

Arrays = Sequence[np.ndarray]


def sgd_step(
    params: Arrays, grads: Arrays, momentum_buffers: Arrays | None = None, lr: float = 1e-3, momentum: float = 0.0, dampening: float = 0.0,
    weight_decay: float = 0.0, nesterov: bool = False, maximize: bool = False, fresh: Sequence[bool] | None = None,
    skip: np.ndarray | None = None,
) -> None:  # fmt: skip
    """One step of stochastic gradient descent. momentum_buffers may be None where momentum is 0; fresh[i]: buffer i is still empty."""
    if momentum and momentum_buffers is None:
        raise ValueError(f"momentum_buffers: got None, expected a list of arrays since momentum is {momentum}")
    _check_lists(params, grads=grads, momentum_buffers=momentum_buffers)
    if fresh is not None and len(fresh) != len(params):
        raise ValueError(f"fresh: got {len(fresh)} flags, expected {len(params)}, one for each parameter")
    _check_skip(skip)
    buffers = momentum_buffers if momentum else None
    for dtype, (p, g, v, f) in _by_dtype(params, grads, buffers, fresh):
        implementation("optimizer", "sgd_step", dtype)(p, g, v, lr, momentum, dampening, weight_decay, nesterov, maximize, f, skip)


def adam_step(
    params: Arrays, grads: Arrays, exp_avgs: Arrays, exp_avg_sqs: Arrays, max_exp_avg_sqs: Arrays | None, steps: Sequence[int],
    lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0.0,
    decoupled: bool = False, maximize: bool = False, skip: np.ndarray | None = None,
) -> None:  # fmt: skip
    """One step of Adam; steps[i] is the number t of this step for parameter i, from 1. max_exp_avg_sqs: a list for AMSGrad, else None."""
    _check_lists(params, grads=grads, exp_avgs=exp_avgs, exp_avg_sqs=exp_avg_sqs, max_exp_avg_sqs=max_exp_avg_sqs)
    if len(steps) != len(params) or any(t < 1 for t in steps):
        raise ValueError(f"steps: got {list(steps)}, expected {len(params)} numbers from 1, one for each parameter")
    _check_skip(skip)
    for dtype, (p, g, m, v, largest, t) in _by_dtype(params, grads, exp_avgs, exp_avg_sqs, max_exp_avg_sqs, steps):
        implementation("optimizer", "adam_step", dtype)(p, g, m, v, largest, t, lr, betas, eps, weight_decay, decoupled, maximize, skip)


def rule_step(
    rule: str, params: Arrays, grads: Arrays, states: Mapping[str, Arrays], numbers: Sequence[Mapping[str, float]], maximize: bool = False,
    factors: np.ndarray | None = None, skip: np.ndarray | None = None,
) -> None:  # fmt: skip
    """One step of the rule of that name, one of `RULES`. states: a list of arrays for each array that the rule keeps, by its name.

    numbers[i]: the rule's numbers for parameter i, and `weight_decay` and `shrink` where they are not 0 and 1.
    """
    if rule not in RULES:
        raise ValueError(f"rule: got {rule!r}, expected one of {', '.join(RULES)}")
    entry = RULES[rule]
    if not set(entry.state) <= set(states) <= set(entry.state + entry.optional):
        raise ValueError(f"states: got {', '.join(states) or 'none'}, expected {', '.join(entry.state + entry.optional)}")
    _check_lists(params, grads=grads, **states)
    if len(numbers) != len(params):
        raise ValueError(f"numbers: got {len(numbers)} mappings, expected {len(params)}, one for each parameter")
    for i, given in enumerate(numbers):
        if set(given) - COMMON.keys() != set(entry.numbers):
            raise ValueError(f"numbers[{i}]: got {', '.join(given)}, expected {', '.join(entry.numbers)}")
    if factors is not None:
        if rule != "lars":
            raise ValueError(f"factors: got some for {rule}, expected None, as lars alone takes them")
        check_shape("factors", factors, (len(params),))
    _check_skip(skip)
    for dtype, (p, g, n, places, *s) in _by_dtype(params, grads, numbers, range(len(params)), *states.values()):
        chosen = factors if factors is None or len(places) == len(params) else factors[places]
        kept = dict(zip(states, s, strict=True))
        implementation("optimizer", "rule_step", dtype)(rule, p, g, kept, n, maximize, chosen, skip)


def all_finite(arrays: Arrays) -> bool:
    """Whether no array holds a NaN or an infinity."""
    _check_lists(arrays)
    return all(implementation("optimizer", "all_finite", group[0])(group) for _, (group,) in _by_dtype(arrays))


def non_finite_count(arrays: Arrays) -> np.ndarray:
    """() int64: how many numbers of all arrays are infinite or NaN."""
    _check_lists(arrays)
    return _sum(implementation("optimizer", "non_finite_count", group[0])(group) for _, (group,) in _by_dtype(arrays))


def squared_norm(arrays: Arrays) -> float:
    """The sum of the squares of all elements of all arrays, accumulated in float64."""
    return float(sum_of_squares(arrays))


def sum_of_squares(arrays: Arrays) -> np.ndarray:
    """() float64: `squared_norm`, where the arrays are."""
    _check_lists(arrays)
    return _sum(implementation("optimizer", "sum_of_squares", group[0])(group) for _, (group,) in _by_dtype(arrays))


def array_norms(arrays: Arrays) -> np.ndarray:
    """(number of arrays,) float64: the Euclidean norm of each array, accumulated in float64."""
    _check_lists(arrays)
    groups = _by_dtype(arrays, range(len(arrays)))
    found = [implementation("optimizer", "array_norms", dtype)(group) for dtype, (group, _) in groups]
    if len(found) < 2:
        return found[0] if found else np.empty(0)
    result = np.empty_like(found[0], shape=(len(arrays),))
    for norms, (_, (_, places)) in zip(found, groups, strict=True):
        result[places] = norms
    return result


def scale(arrays: Arrays, factor: float | np.ndarray) -> None:
    """Multiply all arrays by `factor`, a number or an array () of float64 where the arrays are, in place."""
    _check_lists(arrays)
    for dtype, (group,) in _by_dtype(arrays):
        implementation("optimizer", "scale", dtype)(group, factor)


def unscale(arrays: Arrays, factor: float | np.ndarray) -> np.ndarray:
    """`scale`, and on the way () int64: how many numbers were infinite or NaN: `skip` of the step that follows."""
    _check_lists(arrays)
    return _sum(implementation("optimizer", "unscale", dtype)(group, factor) for dtype, (group,) in _by_dtype(arrays))


def _sum(found: Iterable[np.ndarray]) -> np.ndarray:
    """The sum of arrays (): of none, 0."""
    first, *others = [*found] or [np.zeros((), np.int64)]
    total = sum(others, first)
    return total if is_gpu(total) else np.asarray(total)


def _check_skip(skip: np.ndarray | None) -> None:
    if skip is not None and (skip.shape != () or skip.dtype != np.int64):
        raise ValueError(f"skip: got {skip.dtype} of shape {skip.shape}, expected int64 of shape (), as unscale returns it")


def _check_lists(arrays: Arrays, **others: Arrays | None) -> None:
    for i, array in enumerate(arrays):
        check_floating(f"array {i}", array)
    for name, group in others.items():
        if group is None:
            continue
        if len(group) != len(arrays):
            raise ValueError(f"{name}: got {len(group)} arrays, expected {len(arrays)}, one for each parameter")
        for i, (array, like) in enumerate(zip(group, arrays, strict=True)):
            if array.shape != like.shape or array.dtype != like.dtype:  # the names are made only when there is something to say
                check_dtype(f"{name}[{i}]", array, like)
                check_shape(f"{name}[{i}]", array, like.shape)


def _by_dtype(arrays: Arrays, *others: Sequence | None) -> list[tuple[np.ndarray, tuple]]:
    """The lists cut into one group of lists for each dtype, with an array of that dtype before it."""
    lists = (arrays, *others)
    groups = []
    for dtype in dict.fromkeys(array.dtype for array in arrays):
        chosen = [i for i, array in enumerate(arrays) if array.dtype == dtype]
        groups.append((arrays[chosen[0]], tuple(None if values is None else [values[i] for i in chosen] for values in lists)))
    return groups
