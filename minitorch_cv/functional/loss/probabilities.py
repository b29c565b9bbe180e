"""Losses between probabilities.

The cross-entropy of a yes that has the probability p and should have t is -t log p - (1 - t) log(1 - p). As a function of the score x
of which p is the sigmoid, it has no logarithm of anything small:  (1 - t) x - log sigmoid(x).
"""

from typing import Any

import numpy as np

from kernels.meta import any_known
from minitorch_cv.autograd import Function
from minitorch_cv.autograd.autocast import autocasts
from minitorch_cv.functional.activation import logsigmoid
from minitorch_cv.functional.checks import check_floating
from minitorch_cv.functional.choose import where
from minitorch_cv.functional.loss.reduction import REDUCTIONS, as_target, check_reduction, check_weight, reduced
from minitorch_cv.tensor import Tensor

LOWEST_LOGARITHM = -100.0  # what log 0 counts as, so that a loss of 0 * log 0 is 0 and others are finite
SMALLEST_VARIANCE = 1e-12  # what x (1 - x) is at least, in the gradient


class BinaryCrossEntropy(Function):
    """(x, t) -> -t log x - (1 - t) log(1 - x), whose derivative for x is (x - t) / (x (1 - x))."""

    @staticmethod
    @np.errstate(all="ignore")  # infinity and NaN are results like others: no warnings
    def forward(ctx: Any, x: np.ndarray, t: np.ndarray) -> np.ndarray:
        ctx.save_inputs(0, 1)
        lowest = x.dtype.type(LOWEST_LOGARITHM)
        return (t - 1) * np.maximum(np.log1p(-x), lowest) - t * np.maximum(np.log(x), lowest)

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, t = ctx.saved_inputs
        gx = gy * (x - t) / (x * (1 - x)).clamp(min=SMALLEST_VARIANCE) if ctx.needs[0] else None
        gt = gy * ((-x).log1p().clamp(min=LOWEST_LOGARITHM) - x.log().clamp(min=LOWEST_LOGARITHM)) if ctx.needs[1] else None
        return gx, gt


@autocasts
def binary_cross_entropy(input: Tensor, target: Tensor, weight: Tensor | None = None, *, reduction: str = "mean") -> Tensor:
    """-target log(input) - (1 - target) log(1 - input), for probabilities of one shape.

    A logarithm is at least -100. Better give scores to `binary_cross_entropy_with_logits`, which is exact for all of them.
    weight: a factor for each element, of a shape that broadcasts to that of input; the mean stays that over the elements.
    Errors: ValueError for an input outside 0 to 1 (NaN passes through), other values and shapes; TypeError for dtypes.
    """
    target = as_target(input, target)
    _check(input, weight, reduction)
    outside = (input.data < 0) | (input.data > 1)
    if any_known(outside):
        raise ValueError(f"input: got {input.data[outside][0]}, expected probabilities from 0 to 1")
    losses = BinaryCrossEntropy.apply(input, target)
    return reduced(losses if weight is None else losses * weight, reduction)


@autocasts
def binary_cross_entropy_with_logits(
    input: Tensor, target: Tensor, weight: Tensor | None = None, *, reduction: str = "mean", pos_weight: Tensor | None = None
) -> Tensor:
    """`binary_cross_entropy` of sigmoid(input), exact where the sigmoid is 0 or 1 to the last digit: many answers, each yes or no.

    target: how probable each yes should be, of the shape of input. weight: a factor for each element, of a shape that broadcasts to
    that of input. pos_weight: likewise a factor for the part of the loss that belongs to yes, (K,) for K questions, where yes is rare.
    The mean is that over the elements.
    """
    target = as_target(input, target)
    _check(input, weight, reduction)
    yes_and_no: Any = 1.0
    if pos_weight is not None:
        check_weight("pos_weight", pos_weight, input, None, "or one that broadcasts to it")
        yes_and_no = (pos_weight - 1) * target + 1
    losses = (1 - target) * input - yes_and_no * logsigmoid(input)
    return reduced(losses if weight is None else losses * weight, reduction)


@autocasts
def kl_div(input: Tensor, target: Tensor, *, reduction: str = "mean", log_target: bool = False) -> Tensor:
    """target (log target - input): Kullback and Leibler's divergence of probabilities `target` from exp(`input`), element by element.

    input: logarithms of probabilities. target: probabilities of the same shape (0 log 0 is 0); with log_target, their logarithms.
    reduction: "none", "sum", "mean" over all elements, or "batchmean", the sum divided by N: only this and the sum are the divergence
    that the mathematics means.
    """
    target = as_target(input, target, broadcast=True)
    check_reduction(reduction, (*REDUCTIONS, "batchmean"))
    if log_target:
        losses = target.exp() * (target - input)
    else:
        never = target == 0
        losses = where(never, 0, target * where(never, 1, target).log()) - target * input
    if reduction == "batchmean":
        return losses.sum() / input.shape[0] if input.ndim else losses.sum()
    return reduced(losses, reduction)


def _check(input: Tensor, weight: Tensor | None, reduction: str) -> None:
    check_floating("input", input)
    check_reduction(reduction)
    if weight is not None:
        check_weight("weight", weight, input, None, "or one that broadcasts to it")
