r"""Softmax, its logarithm, and the cross-entropy of a classifier, each over the rows of a matrix.

    softmax(x)[n, c]     = exp(x[n, c] - m[n]) / Z[n],   m[n] = max_c x[n, c],   Z[n] = sum_c exp(x[n, c] - m[n])
    log_softmax(x)[n, c] = x[n, c] - m[n] - log Z[n]

The maximum is subtracted first, so nothing overflows. Cross-entropy takes raw scores ("logits") and the right class t[n] of every row.
With class weights w (ones by default) and label smoothing s, p = softmax(x),

    loss[n] = -(1 - s) * w[t] * log p[n, t]  -  (s / C) * sum_c w[c] * log p[n, c]

    d loss[n] / d x[n, c] = (1 - s) * w[t] * (p[n, c] - [c = t])  +  (s / C) * (p[n, c] * sum w - w[c])

(Szegedy et al. 2016, "Rethinking the Inception architecture", section 7.) A row whose target is `ignore_index` has loss 0 and gradient
0. Summing or averaging over the rows is left to the caller.

Shapes: x, logits, p and their gradients (N, C), any strides; target (N,) of an integer type; weight (C,), losses (N,) and
the probabilities that come with them of the type of the logits, or float32 where that is float16 or bfloat16, like all arithmetic.

A class that is out of range is an IndexError; but on a GPU, where looking at the targets would mean to wait for them, the loss of its row
and the gradient are NaN.
"""

import numpy as np

from kernels.backend import implementation
from kernels.checks import check_dtype, check_floating, check_ndim, check_shape, check_wide_dtype
from kernels.gpu import is_gpu
from kernels.meta import any_known


def softmax(x: np.ndarray) -> np.ndarray:
    """exp(x), every row divided by its sum."""
    _check_matrix("x", x)
    return implementation("softmax", "softmax", x)(x)


def softmax_backward(gy: np.ndarray, y: np.ndarray) -> np.ndarray:
    """gx = y * (gy - sum_c gy * y), for y = softmax(x)."""
    _check_matrix("gy", gy)
    check_dtype("y", y, gy)
    check_shape("y", y, gy.shape)
    return implementation("softmax", "softmax_backward", gy)(gy, y)


def log_softmax(x: np.ndarray) -> np.ndarray:
    """The logarithm of `softmax`, exact also where the softmax underflows."""
    _check_matrix("x", x)
    return implementation("softmax", "log_softmax", x)(x)


def log_softmax_backward(gy: np.ndarray, y: np.ndarray) -> np.ndarray:
    """gx = gy - exp(y) * sum_c gy, for y = log_softmax(x)."""
    _check_matrix("gy", gy)
    check_dtype("y", y, gy)
    check_shape("y", y, gy.shape)
    return implementation("softmax", "log_softmax_backward", gy)(gy, y)


def softmax_cross_entropy(
    logits: np.ndarray, target: np.ndarray, weight: np.ndarray | None = None, ignore_index: int = -100, label_smoothing: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """(losses (N,), probabilities (N, C)); see the module's text."""
    _check_loss("logits", logits, target, weight, ignore_index, label_smoothing)
    return implementation("softmax", "softmax_cross_entropy", logits)(logits, target, weight, ignore_index, float(label_smoothing))


def softmax_cross_entropy_backward(
    gloss: np.ndarray, probabilities: np.ndarray, target: np.ndarray, weight: np.ndarray | None = None,
    ignore_index: int = -100, label_smoothing: float = 0.0, dtype: np.dtype | None = None,
) -> np.ndarray:  # fmt: skip
    """The gradient (N, C) with respect to the logits of sum_n gloss[n] * loss[n], from what `softmax_cross_entropy` returned.

    dtype: that of the logits, and so of the gradient; None for that of the probabilities.
    """
    _check_loss("probabilities", probabilities, target, weight, ignore_index, label_smoothing)
    check_dtype("gloss", gloss, probabilities)
    check_shape("gloss", gloss, target.shape)
    run = implementation("softmax", "softmax_cross_entropy_backward", gloss)
    kind = probabilities.dtype if dtype is None else np.dtype(dtype)
    return run(gloss, probabilities, target, weight, ignore_index, float(label_smoothing), kind)


def _check_matrix(name: str, x: np.ndarray) -> None:
    check_floating(name, x)
    check_ndim(name, x, 2)


def _check_loss(
    name: str, scores: np.ndarray, target: np.ndarray, weight: np.ndarray | None, ignore_index: int, label_smoothing: float
) -> None:
    _check_matrix(name, scores)
    N, C = scores.shape
    if not np.issubdtype(target.dtype, np.integer):
        raise TypeError(f"target: got {target.dtype}, expected an integer type")
    check_shape("target", target, (N,))
    if weight is not None:
        check_wide_dtype("weight", weight, scores)
        check_shape("weight", weight, (C,))
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"label_smoothing: got {label_smoothing}, expected a number from 0 to 1")
    if is_gpu(target):
        return
    wrong = ((target < 0) | (target >= C)) & (target != ignore_index)
    if any_known(wrong):
        raise IndexError(f"target: got class {target[wrong][0]}, expected 0 to {C - 1}, or ignore_index {ignore_index}")
