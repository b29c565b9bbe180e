"""Optimiser steps as a loop over the parameters: the definition, in plain NumPy."""

from collections.abc import Sequence

import numpy as np

Arrays = Sequence[np.ndarray]


def sgd_step(
    params: Arrays, grads: Arrays, buffers: Arrays | None, lr: float, momentum: float, dampening: float,
    weight_decay: float, nesterov: bool, maximize: bool, fresh: Sequence[bool] | None,
) -> None:  # fmt: skip
    """See `kernels.optimizer`."""
    for i, (p, g) in enumerate(zip(params, grads, strict=True)):
        direction = (-g if maximize else g) + weight_decay * p
        if buffers is not None:
            v = buffers[i]
            v[...] = direction if fresh is not None and fresh[i] else momentum * v + (1 - dampening) * direction
            direction = direction + momentum * v if nesterov else v
        p -= lr * direction


def adam_step(
    params: Arrays, grads: Arrays, exp_avgs: Arrays, exp_avg_sqs: Arrays, max_exp_avg_sqs: Arrays | None, steps: Sequence[int],
    lr: float, betas: tuple[float, float], eps: float, weight_decay: float, decoupled: bool, maximize: bool,
) -> None:  # fmt: skip
    """See `kernels.optimizer`."""
    beta1, beta2 = betas
    for i, (p, g, m, v) in enumerate(zip(params, grads, exp_avgs, exp_avg_sqs, strict=True)):
        direction = -g if maximize else g
        if decoupled:
            p *= 1 - lr * weight_decay
        else:
            direction = direction + weight_decay * p
        m += (1 - beta1) * (direction - m)
        v *= beta2
        v += (1 - beta2) * direction * direction
        largest = v
        if max_exp_avg_sqs is not None:
            largest = np.maximum(max_exp_avg_sqs[i], v, out=max_exp_avg_sqs[i])
        root = np.sqrt(largest) / (1 - beta2 ** steps[i]) ** 0.5
        p -= lr / (1 - beta1 ** steps[i]) * m / (root + eps)


def all_finite(arrays: Arrays) -> bool:
    """See `kernels.optimizer`."""
    return all(bool(np.isfinite(array).all()) for array in arrays)


def squared_norm(arrays: Arrays) -> float:
    """See `kernels.optimizer`."""
    return float(sum(np.square(array, dtype=np.result_type(array, np.float64)).sum() for array in arrays))


def scale(arrays: Arrays, factor: float) -> None:
    """See `kernels.optimizer`."""
    for array in arrays:
        array *= factor
