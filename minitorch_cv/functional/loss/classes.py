r"""Losses of an answer that is one of several classes: cross-entropy, and the negative logarithm of a likelihood.

In the cross-entropy against class indices, softmax, logarithm, choice and weighting are one kernel, and so is the gradient. In general,
with p = softmax(x) and coefficients q[n, c] that are constants,

    loss[n] = -sum_c q[n, c] * log p[n, c]        d loss[n] / d x[n, c] = p[n, c] * sum_k q[n, k] - q[n, c]

where for a target class t, class weights w and label smoothing s:  q[n, c] = (1 - s) * w[t] * [c = t] + (s / C) * w[c].
"""

import math
from typing import Any

import numpy as np

import kernels
from kernels.checks import check_number
from kernels.dtypes import is_floating
from kernels.gpu import is_gpu, wide_dtype
from kernels.meta import any_known
from minitorch_cv.autograd import Function, vjp
from minitorch_cv.autograd.autocast import autocasts
from minitorch_cv.device import beside
from minitorch_cv.functional.checks import check_floating
from minitorch_cv.functional.choose import where
from minitorch_cv.functional.loss.reduction import check_reduction, check_weight, reduced
from minitorch_cv.functional.normalisation import beside_input
from minitorch_cv.functional.operands import as_tensor
from minitorch_cv.functional.softmax import log_softmax, softmax
from minitorch_cv.tensor import Tensor


class CrossEntropy(Function):
    """(logits (M, C), target (M,), weight (C,)) -> losses (M,); target and weight are constants."""

    @staticmethod
    def forward(
        ctx: Any, logits: np.ndarray, target: np.ndarray, weight: np.ndarray | None, *, ignore_index: int, label_smoothing: float
    ) -> np.ndarray:
        ctx.save_inputs(0, 1, 2)
        losses, ctx.probabilities = kernels.softmax_cross_entropy(logits, target, weight, ignore_index, label_smoothing)
        return losses

    @staticmethod
    def backward(ctx: Any, glosses: Tensor) -> tuple[Tensor | None, ...]:
        return CrossEntropyGradient.apply(glosses, *ctx.saved_inputs, probabilities=ctx.probabilities, **ctx.options), None, None


class CrossEntropyGradient(Function):
    """(glosses (M,), logits, target, weight) -> glogits (M, C); the probabilities are softmax(logits), kept from the forward."""

    @staticmethod
    def forward(
        ctx: Any, glosses: np.ndarray, logits: np.ndarray, target: np.ndarray, weight: np.ndarray | None, *,
        probabilities: np.ndarray, ignore_index: int, label_smoothing: float,
    ) -> np.ndarray:  # fmt: skip
        ctx.save_inputs(0, 1, 2, 3)
        return kernels.softmax_cross_entropy_backward(glosses, probabilities, target, weight, ignore_index, label_smoothing, logits.dtype)

    @staticmethod
    def backward(ctx: Any, ggx: Tensor) -> tuple[Tensor | None, ...]:
        glosses, logits, target, weight = ctx.saved_inputs
        q = _coefficients(
            logits.data, target.data, None if weight is None else weight.data, ctx.options["ignore_index"], ctx.options["label_smoothing"]
        )
        total = q.sum(axis=1, keepdims=True)
        counted = (target.data != ctx.options["ignore_index"])[:, np.newaxis]

        def gradient(glosses: Tensor, logits: Tensor) -> Tensor:
            # An ignored row contributes nothing, whatever its logits: also where they are infinite or NaN.
            p = softmax(where(counted, logits, 0).to(glosses.dtype), 1)
            return (glosses.reshape(-1, 1) * (p * total - q)).to(logits.dtype)

        return (*vjp(gradient, (glosses, logits), (ggx,)), None, None)


def _coefficients(
    logits: np.ndarray, target: np.ndarray, weight: np.ndarray | None, ignore_index: int, label_smoothing: float
) -> np.ndarray:
    """q (M, C) of the module's text; zero in the rows that are ignored."""
    C = logits.shape[1]
    w = np.ones_like(logits, shape=(C,), dtype=wide_dtype(logits.dtype)) if weight is None else weight
    counted = (target != ignore_index)[:, np.newaxis]
    chosen = beside(np.arange(C), logits) == target[:, np.newaxis]
    return (chosen * (1 - label_smoothing) + label_smoothing / C).astype(w.dtype) * w * counted


@autocasts
def cross_entropy(
    input: Tensor, target: Tensor | np.ndarray, weight: Tensor | None = None, *, ignore_index: int = -100, reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:  # fmt: skip
    """-log softmax(input)[target]: how badly scores `input` (N, C), (N, C, d1, ...) or (C,) predict `target`.

    target: class indices 0 <= t < C, integers of the shape of input without C; or probabilities, of the shape and dtype of input.
    weight: (C,), a factor for each class.
    ignore_index: a class index that stands for "does not count".
    label_smoothing: the share of the target that is spread over all classes (Szegedy et al. 2016).
    reduction: "none" for one loss per target; "sum"; or "mean", the sum divided by the weights of the targets' classes, and for
    probabilities by the number of targets. The mean of no losses is NaN.
    Errors: IndexError for a class out of range (on a GPU, where nobody may wait for the values, the loss is NaN), ValueError for other
    values and shapes, TypeError for dtypes. Scores of 16 bits are computed with in float32.
    """
    _check(input, weight, reduction, ignore_index)
    check_number("label_smoothing", label_smoothing)
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"label_smoothing: got {label_smoothing}, expected a number from 0 to 1")
    if not isinstance(target, Tensor):
        target = as_tensor("target", target, like=input)
    if is_floating(target.dtype):
        return _against_probabilities(input, target, weight, ignore_index, reduction, label_smoothing)
    scores, classes = _as_rows(input, target)
    (weight,) = beside_input(scores, weight)
    losses = CrossEntropy.apply(scores, classes, weight, ignore_index=ignore_index, label_smoothing=label_smoothing)
    return _reduced(losses, classes, weight, ignore_index, reduction, target.shape).to(input.dtype)  # of float16 they are float32


@autocasts
def nll_loss(
    input: Tensor, target: Tensor | np.ndarray, weight: Tensor | None = None, *, ignore_index: int = -100, reduction: str = "mean"
) -> Tensor:
    """-input[target], for logarithms of probabilities `input` (N, C), (N, C, d1, ...) or (C,): cross-entropy after `log_softmax`.

    target: class indices 0 <= t < C, integers of the shape of input without C. weight, ignore_index, reduction, errors: as in
    `cross_entropy`.
    """
    _check(input, weight, reduction, ignore_index)
    if not isinstance(target, Tensor):
        target = as_tensor("target", target, like=input)
    if target.dtype.kind not in "iu":
        raise TypeError(f"target: got {target.dtype}, expected an integer type")
    scores, classes = _as_rows(input, target)
    C = scores.shape[1]
    counted = classes.data != ignore_index
    wrong = ((classes.data < 0) | (classes.data >= C)) & counted
    if not is_gpu(wrong) and any_known(wrong):
        raise IndexError(f"target: got class {classes.data[wrong][0]}, expected 0 to {C - 1}, or ignore_index {ignore_index}")
    index = np.where(counted & ~wrong, classes.data, 0).astype(np.int64)
    losses = -scores.gather(1, Tensor(index[:, np.newaxis])).reshape(-1)  # (M,)
    if weight is not None:
        losses = losses * weight.detach()[Tensor(index)]
    if is_gpu(wrong):
        losses = where(wrong, math.nan, losses)
    return _reduced(where(counted, losses, 0), classes, weight, ignore_index, reduction, target.shape)


def _as_rows(input: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Scores (M, C) and classes (M,), one row for each target: input (N, C, d1, ...) has M = N d1 ... of them."""
    expected = input.shape[:1] + input.shape[2:] if input.ndim > 1 else ()
    if target.shape != expected:
        raise ValueError(f"target: got shape {target.shape}, expected {expected} for an input of shape {input.shape}")
    scores = input
    if input.ndim > 2:
        scores = input.permute(0, *range(2, input.ndim), 1)  # (N, d1, ..., C)
    if input.ndim != 2:
        scores = scores.reshape(-1, input.shape[min(1, input.ndim - 1)])
    return scores, target.reshape(-1)


def _reduced(
    losses: Tensor, classes: Tensor, weight: Tensor | None, ignore_index: int, reduction: str, shape: tuple[int, ...]
) -> Tensor:
    """The losses (M,) of `classes` in the shape of the target, or their sum, or that divided by the sum of the targets' weights."""
    if reduction == "none":
        return losses.reshape(shape)
    if reduction == "sum":
        return losses.sum()
    counted = classes.data != ignore_index
    total = counted.sum() if weight is None else (weight.data[np.where(counted, classes.data, 0)] * counted).sum(dtype=np.float64)
    return losses.sum() / Tensor(np.where(total == 0, np.nan, total).astype(losses.dtype))


def _against_probabilities(
    input: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int, reduction: str, label_smoothing: float
) -> Tensor:
    if target.shape != input.shape:
        raise ValueError(f"target: got probabilities of shape {target.shape}, expected {input.shape}, the shape of input")
    if target.dtype != input.dtype:
        raise TypeError(f"target: got {target.dtype}, expected {input.dtype} like input")
    if ignore_index >= 0:
        raise ValueError(f"ignore_index: got {ignore_index}, expected the default: probabilities have no class to ignore")
    dim = min(1, input.ndim - 1)
    C = input.shape[dim]
    if label_smoothing:
        target = target * (1 - label_smoothing) + label_smoothing / max(1, C)
    weighted = target * log_softmax(input, dim)
    if weight is not None:
        weighted = weighted * weight.detach().reshape(-1, *[1] * (input.ndim - 1 - dim))
    return reduced(-weighted.sum(dim), reduction)


def _check(input: Tensor, weight: Tensor | None, reduction: str, ignore_index: int) -> None:
    check_floating("input", input)
    if input.ndim == 0:
        raise ValueError("input: got a single number, expected scores (N, C), (N, C, d1, ...) or (C,)")
    check_reduction(reduction)
    if not isinstance(ignore_index, (int, np.integer)):
        raise TypeError(f"ignore_index: got {ignore_index!r}, expected an integer")
    if weight is not None:
        check_weight("weight", weight, input, (input.shape[min(1, input.ndim - 1)],), "a number for each class")
