"""Losses between numbers, of the difference d = input - target.

    mse_loss        d^2
    l1_loss         |d|
    huber_loss      d^2 / 2 where |d| <= delta, beyond it the tangent of that: delta (|d| - delta / 2)
    smooth_l1_loss  huber_loss / beta, with delta = beta

Huber's loss (Huber 1964, Robust estimation of a location parameter) is computed as c (d - c / 2), c being d cut off at -delta and delta:
its derivative is c, which stays right where d is infinite.

All of them take `input` and `target` of one shape (other shapes are broadcast, with a warning), and a `reduction`: "none" for one loss
per element, their "sum", or their "mean". Where there is a `weight`, of the shape of input, it is a factor for each element.
"""

import math
from typing import Any

from kernels.checks import check_number
from minitorch_cv.autograd.autocast import autocasts
from minitorch_cv.functional.loss.reduction import as_target, check_reduction, check_weight, reduced
from minitorch_cv.tensor import Tensor


@autocasts
def mse_loss(input: Tensor, target: Tensor, *, reduction: str = "mean", weight: Tensor | None = None) -> Tensor:
    """(input - target)^2. With a `weight`, the mean is the sum divided by the sum of the weights."""
    target = _checked(input, target, reduction, weight)
    return _weighted((input - target).square(), weight, reduction)


@autocasts
def l1_loss(input: Tensor, target: Tensor, *, reduction: str = "mean", weight: Tensor | None = None) -> Tensor:
    """|input - target|. With a `weight`, the mean is the sum divided by the sum of the weights."""
    target = _checked(input, target, reduction, weight)
    return _weighted((input - target).abs(), weight, reduction)


@autocasts
def huber_loss(input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0, weight: Tensor | None = None) -> Tensor:
    """A parabola within `delta` (positive) of the target, and straight lines beyond. With a `weight`, the mean is over the elements."""
    target = _checked(input, target, reduction, weight)
    check_number("delta", delta)
    if not 0 < delta < math.inf:
        raise ValueError(f"delta: got {delta}, expected a positive number")
    losses = _huber(input - target, delta)
    return reduced(losses if weight is None else losses * weight, reduction)


@autocasts
def smooth_l1_loss(input: Tensor, target: Tensor, *, reduction: str = "mean", beta: float = 1.0) -> Tensor:
    """|input - target| with its tip rounded off within `beta`, where it is a parabola; with beta = 0 it is `l1_loss`.

    Girshick 2015, Fast R-CNN.
    """
    target = _checked(input, target, reduction, None)
    check_number("beta", beta)
    if not 0 <= beta < math.inf:
        raise ValueError(f"beta: got {beta}, expected a number that is not negative")
    difference = input - target
    return reduced(_huber(difference, beta) / beta if beta else difference.abs(), reduction)


def _huber(difference: Tensor, delta: float) -> Tensor:
    cut = difference.clamp(-delta, delta)
    return cut * (difference - cut * 0.5)


def _checked(input: Tensor, target: Any, reduction: str, weight: Tensor | None) -> Tensor:
    target = as_target(input, target, broadcast=True)
    check_reduction(reduction)
    if weight is not None:
        check_weight("weight", weight, input, input.shape, "a factor for each element")
    return target


def _weighted(losses: Tensor, weight: Tensor | None, reduction: str) -> Tensor:
    if weight is None:
        return reduced(losses, reduction)
    losses = losses * weight
    return losses.sum() / weight.sum() if reduction == "mean" else reduced(losses, reduction)
