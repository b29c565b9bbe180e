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

Shapes: any, any strides; every array of number i has the shape and dtype of params[i]. Errors: ValueError for shapes and lengths,
TypeError for mixed dtypes.
"""

from collections.abc import Sequence

import numpy as np

from kernels.backend import implementation
from kernels.checks import check_dtype, check_floating, check_shape

Arrays = Sequence[np.ndarray]


def sgd_step(
    params: Arrays, grads: Arrays, momentum_buffers: Arrays | None = None, lr: float = 1e-3, momentum: float = 0.0, dampening: float = 0.0,
    weight_decay: float = 0.0, nesterov: bool = False, maximize: bool = False, fresh: Sequence[bool] | None = None,
) -> None:  # fmt: skip
    """One step of stochastic gradient descent. momentum_buffers may be None where momentum is 0; fresh[i]: buffer i is still empty."""
    if momentum and momentum_buffers is None:
        raise ValueError(f"momentum_buffers: got None, expected a list of arrays since momentum is {momentum}")
    _check_lists(params, grads=grads, momentum_buffers=momentum_buffers)
    if fresh is not None and len(fresh) != len(params):
        raise ValueError(f"fresh: got {len(fresh)} flags, expected {len(params)}, one for each parameter")
    buffers = momentum_buffers if momentum else None
    for dtype, (p, g, v, f) in _by_dtype(params, grads, buffers, fresh):
        implementation("optimizer", "sgd_step", dtype)(p, g, v, lr, momentum, dampening, weight_decay, nesterov, maximize, f)


def adam_step(
    params: Arrays, grads: Arrays, exp_avgs: Arrays, exp_avg_sqs: Arrays, max_exp_avg_sqs: Arrays | None, steps: Sequence[int],
    lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0.0,
    decoupled: bool = False, maximize: bool = False,
) -> None:  # fmt: skip
    """One step of Adam; steps[i] is the number t of this step for parameter i, from 1. max_exp_avg_sqs: a list for AMSGrad, else None."""
    _check_lists(params, grads=grads, exp_avgs=exp_avgs, exp_avg_sqs=exp_avg_sqs, max_exp_avg_sqs=max_exp_avg_sqs)
    if len(steps) != len(params) or any(t < 1 for t in steps):
        raise ValueError(f"steps: got {list(steps)}, expected {len(params)} numbers from 1, one for each parameter")
    for dtype, (p, g, m, v, largest, t) in _by_dtype(params, grads, exp_avgs, exp_avg_sqs, max_exp_avg_sqs, steps):
        implementation("optimizer", "adam_step", dtype)(p, g, m, v, largest, t, lr, betas, eps, weight_decay, decoupled, maximize)


def all_finite(arrays: Arrays) -> bool:
    """Whether no array holds a NaN or an infinity."""
    _check_lists(arrays)
    return all(implementation("optimizer", "all_finite", group[0])(group) for _, (group,) in _by_dtype(arrays))


def squared_norm(arrays: Arrays) -> float:
    """The sum of the squares of all elements of all arrays, accumulated in float64."""
    _check_lists(arrays)
    return sum((implementation("optimizer", "squared_norm", group[0])(group) for _, (group,) in _by_dtype(arrays)), 0.0)


def scale(arrays: Arrays, factor: float) -> None:
    """Multiply all arrays by `factor`, in place."""
    _check_lists(arrays)
    for dtype, (group,) in _by_dtype(arrays):
        implementation("optimizer", "scale", dtype)(group, factor)


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
