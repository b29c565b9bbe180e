"""Softmax and cross-entropy in plain NumPy: the definition. The sums of a row are computed in float64 at least."""

import numpy as np

from kernels.gpu import wide_dtype


def softmax(x: np.ndarray) -> np.ndarray:
    """See `kernels.softmax`."""
    e = np.exp(_shifted(x))
    return (e / _row_sums(e)).astype(x.dtype)


def softmax_backward(gy: np.ndarray, y: np.ndarray) -> np.ndarray:
    """See `kernels.softmax`."""
    wide = y.astype(wide_dtype(y.dtype), copy=False)
    return (wide * (gy - _row_sums(gy * wide))).astype(y.dtype)


def log_softmax(x: np.ndarray) -> np.ndarray:
    """See `kernels.softmax`."""
    shifted = _shifted(x)
    with np.errstate(divide="ignore"):  # rows without classes
        return (shifted - np.log(_row_sums(np.exp(shifted)))).astype(x.dtype)


def log_softmax_backward(gy: np.ndarray, y: np.ndarray) -> np.ndarray:
    """See `kernels.softmax`."""
    wide = y.astype(wide_dtype(y.dtype), copy=False)
    return (gy - np.exp(wide) * _row_sums(gy)).astype(y.dtype)


def softmax_cross_entropy(
    logits: np.ndarray, target: np.ndarray, weight: np.ndarray | None, ignore_index: int, label_smoothing: float
) -> tuple[np.ndarray, np.ndarray]:
    """See `kernels.softmax`."""
    logits = logits.astype(wide_dtype(logits.dtype), copy=False)
    log_p = log_softmax(logits)
    w = np.ones(logits.shape[1], logits.dtype) if weight is None else weight
    on, row, t = _on_target(target, ignore_index)
    losses = np.zeros(len(target), logits.dtype)
    losses[on] = -(1 - label_smoothing) * w[t] * log_p[row, t]
    if label_smoothing:
        losses[on] -= label_smoothing / len(w) * (w * log_p[on]).sum(axis=1)
    return losses, softmax(logits)


def softmax_cross_entropy_backward(
    gloss: np.ndarray, probabilities: np.ndarray, target: np.ndarray, weight: np.ndarray | None, ignore_index: int,
    label_smoothing: float, dtype: np.dtype,
) -> np.ndarray:  # fmt: skip
    """See `kernels.softmax`."""
    p = probabilities
    w = np.ones(p.shape[1], p.dtype) if weight is None else weight
    on, _, t = _on_target(target, ignore_index)
    hard = p[on].copy()  # (rows that count, C)
    hard[np.arange(len(t)), t] -= 1
    g = np.zeros_like(p)
    g[on] = (1 - label_smoothing) * w[t, np.newaxis] * hard
    if label_smoothing:
        g[on] += label_smoothing / len(w) * (p[on] * w.sum() - w)
    g[on] *= gloss[on, np.newaxis]
    return g.astype(dtype, copy=False)


def _on_target(target: np.ndarray, ignore_index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which rows count (N,), their numbers, and their classes."""
    on = target != ignore_index
    return on, np.nonzero(on)[0], target[on]


def _shifted(x: np.ndarray) -> np.ndarray:
    x = x.astype(wide_dtype(x.dtype), copy=False)
    with np.errstate(invalid="ignore"):  # infinity minus infinity is NaN, as it should be
        return x - x.max(axis=1, keepdims=True, initial=-np.inf)


def _row_sums(x: np.ndarray) -> np.ndarray:
    return x.sum(axis=1, keepdims=True, dtype=np.float64)
