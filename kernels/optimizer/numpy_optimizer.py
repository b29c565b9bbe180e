"""Optimiser steps as a loop over the parameters: the definition, in plain NumPy."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from kernels.optimizer.rules import COMMON

Arrays = Sequence[np.ndarray]


def sgd_step(
    params: Arrays, grads: Arrays, buffers: Arrays | None, lr: float, momentum: float, dampening: float,
    weight_decay: float, nesterov: bool, maximize: bool, fresh: Sequence[bool] | None, skip: np.ndarray | None,
) -> None:  # fmt: skip
    """See `kernels.optimizer`."""
    if skip:
        return
    for i, (p, g) in enumerate(zip(params, grads, strict=True)):
        direction = (-g if maximize else g) + weight_decay * p
        if buffers is not None:
            v = buffers[i]
            v[...] = direction if fresh is not None and fresh[i] else momentum * v + (1 - dampening) * direction
            direction = direction + momentum * v if nesterov else v
        p -= lr * direction


def adam_step(
    params: Arrays, grads: Arrays, exp_avgs: Arrays, exp_avg_sqs: Arrays, max_exp_avg_sqs: Arrays | None, steps: Sequence[int],
    lr: float, betas: tuple[float, float], eps: float, weight_decay: float, decoupled: bool, maximize: bool, skip: np.ndarray | None,
) -> None:  # fmt: skip
    """See `kernels.optimizer`."""
    if skip:
        return
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


@np.errstate(all="ignore")  # infinity and NaN are results like others: no warnings
def rule_step(
    rule: str, params: Arrays, grads: Arrays, states: Mapping[str, Arrays], numbers: Sequence[Mapping[str, float]], maximize: bool,
    factors: np.ndarray | None, skip: np.ndarray | None,
) -> None:  # fmt: skip
    """See `kernels.optimizer`."""
    if skip:
        return
    for i, (p, g) in enumerate(zip(params, grads, strict=True)):
        told = {**COMMON, **numbers[i]}
        if factors is not None:
            told["lr"] *= float(factors[i])
        decay, shrink = told.pop("weight_decay"), told.pop("shrink")
        direction = (-g if maximize else g) + decay * p
        p *= shrink
        FORMULAS[rule](p, direction, **{name: arrays[i] for name, arrays in states.items()}, **told)


def _average_square(average, x, beta):
    average *= beta
    average += (1 - beta) * x * x


def _rmsprop(p, g, square_avg, lr, alpha, eps, momentum, grad_avg=None, momentum_buffer=None):
    _average_square(square_avg, g, alpha)
    variance = square_avg
    if grad_avg is not None:
        grad_avg += (1 - alpha) * (g - grad_avg)
        variance = square_avg - grad_avg * grad_avg
    direction = g / (np.sqrt(variance) + eps)
    if momentum_buffer is not None:
        momentum_buffer *= momentum
        momentum_buffer += direction
        direction = momentum_buffer
    p -= lr * direction


def _adagrad(p, g, sum, lr, eps):
    sum += g * g
    p -= lr * g / (np.sqrt(sum) + eps)


def _adadelta(p, g, square_avg, acc_delta, lr, rho, eps):
    _average_square(square_avg, g, rho)
    delta = np.sqrt(acc_delta + eps) / np.sqrt(square_avg + eps) * g
    _average_square(acc_delta, delta, rho)
    p -= lr * delta


def _adamax(p, g, exp_avg, exp_inf, lr, beta1, beta2, eps):
    exp_avg += (1 - beta1) * (g - exp_avg)
    np.maximum(beta2 * exp_inf, np.abs(g) + eps, out=exp_inf)
    p -= lr * exp_avg / exp_inf


def _moments(g, exp_avg, exp_avg_sq, beta1, beta2):
    exp_avg += (1 - beta1) * (g - exp_avg)
    _average_square(exp_avg_sq, g, beta2)


def _nadam(p, g, exp_avg, exp_avg_sq, lr, lr_now, beta1, beta2, correction, eps):
    _moments(g, exp_avg, exp_avg_sq, beta1, beta2)
    p -= (lr * exp_avg + lr_now * g) / (np.sqrt(exp_avg_sq / correction) + eps)


def _radam(p, g, exp_avg, exp_avg_sq, lr, beta1, beta2, adaptive, eps):
    _moments(g, exp_avg, exp_avg_sq, beta1, beta2)
    p -= lr * exp_avg / (np.sqrt(exp_avg_sq) + eps) if adaptive else lr * exp_avg


def _rprop(p, g, prev, step_size, shorter, longer, shortest, longest):
    agreement = np.sign(g * prev)
    factor = np.select([agreement > 0, agreement < 0, agreement == 0], [longer, shorter, 1.0], np.nan)  # NaN stays
    step_size[...] = np.clip(step_size * factor, shortest, longest)
    prev[...] = np.where(agreement < 0, 0, g)
    p -= np.sign(prev) * step_size


def _asgd(p, g, ax, lr, mu):
    p -= lr * g
    ax += mu * (p - ax)


def _lars(p, g, lr, momentum, momentum_buffer=None):
    move = lr * g
    if momentum_buffer is not None:
        momentum_buffer *= momentum
        momentum_buffer += move
        move = momentum_buffer
    p -= move


def _lamb(p, g, exp_avg, exp_avg_sq, update, beta1, beta2, correction1, correction2, eps, decoupled_decay):
    _moments(g, exp_avg, exp_avg_sq, beta1, beta2)
    update[...] = exp_avg / correction1 / (np.sqrt(exp_avg_sq / correction2) + eps) + decoupled_decay * p


FORMULAS: dict[str, Callable] = {
    "rmsprop": _rmsprop, "adagrad": _adagrad, "adadelta": _adadelta, "adamax": _adamax, "nadam": _nadam, "radam": _radam,
    "rprop": _rprop, "asgd": _asgd, "lars": _lars, "lamb": _lamb,
}  # fmt: skip


def all_finite(arrays: Arrays) -> bool:
    """See `kernels.optimizer`."""
    return all(bool(np.isfinite(array).all()) for array in arrays)


def non_finite_count(arrays: Arrays) -> np.ndarray:
    """See `kernels.optimizer`."""
    return np.asarray(sum(array.size - np.count_nonzero(np.isfinite(array)) for array in arrays), np.int64)


def sum_of_squares(arrays: Arrays) -> np.ndarray:
    """See `kernels.optimizer`."""
    return np.asarray(sum(np.square(array, dtype=np.result_type(array, np.float64)).sum() for array in arrays))


def array_norms(arrays: Arrays) -> np.ndarray:
    """See `kernels.optimizer`."""
    return np.array([np.sqrt(sum_of_squares([array])) for array in arrays])


def scale(arrays: Arrays, factor: float | np.ndarray) -> None:
    """See `kernels.optimizer`."""
    if factor != 1:
        for array in arrays:
            array *= array.dtype.type(factor)


def unscale(arrays: Arrays, factor: float | np.ndarray) -> np.ndarray:
    """See `kernels.optimizer`."""
    count = non_finite_count(arrays)
    scale(arrays, factor)
    return count
