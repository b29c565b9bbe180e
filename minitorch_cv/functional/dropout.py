"""Dropout in its kinds: what is zeroed together is an element, a channel, or all that a sample adds to its shortcut.

    function                what is dropped                 what it becomes
    dropout                 each element                    0
    dropout1d, 2d, 3d       each channel of each sample     0
    alpha_dropout           each element                    the lowest value of SELU
    feature_alpha_dropout   each channel of each sample     the lowest value of SELU
    stochastic_depth        each sample, or the whole batch 0

All draw from the stream "dropout" of `minitorch_cv.random`, by the place of the element and not by its place in memory. `inplace` is
accepted, but the result is always a new Tensor. Without training, or with p = 0, the result is `input` itself.
"""

import numpy as np

from kernels import meta
from kernels.layout import to_nchw
from minitorch_cv import random
from minitorch_cv.functional.checks import check_floating, check_probability
from minitorch_cv.tensor import Tensor

LOWEST_SELU = -1.7580993408473766  # -scale * alpha of SELU: what it tends to far out to the left


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """In training, zero each element with probability `p`, and divide the others by 1 - p, so that the expectation stays.

    (Srivastava et al. 2014, "Dropout: a simple way to prevent neural networks from overfitting".)
    """
    _check(input, p)
    return _dropped(input, p, input.shape) if training and p else input


def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """`dropout` of whole channels of (N, C, L) or (C, L)."""
    return _channel_dropout(input, p, training, dims=1)


def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """`dropout` of whole channels of images (N, C, H, W): neighbouring pixels tell the same, so that dropping some of them drops nothing.

    (Tompson et al. 2015, "Efficient object localization using convolutional networks".) Three dimensions are (N, C, L), as in PyTorch,
    and not one image.
    """
    return _channel_dropout(input, p, training, dims=2)


def dropout3d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """`dropout` of whole channels of (N, C, D, H, W) or (C, D, H, W)."""
    return _channel_dropout(input, p, training, dims=3)


def alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """In training, set each element to the lowest value of SELU with probability `p`; then scale and shift, so that mean and variance stay.

    For mean 0 and variance 1, with a' = -1.758..., that value:  a (kept ? x : a') + b,  a = ((1 - p)(1 + p a'^2))^(-1/2),  b = -a p a'.
    (Klambauer et al. 2017, "Self-normalizing neural networks".) With p = 1 everything is 0.
    """
    _check(input, p)
    return _alpha_dropped(input, p, input.shape) if training and p else input


def feature_alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """`alpha_dropout` of whole channels of (N, C, ...)."""
    _check(input, p)
    if input.ndim < 2:
        raise ValueError(f"input: got shape {input.shape}, expected (N, C, ...)")
    return _alpha_dropped(input, p, _one_per_channel(input)) if training and p else input


def stochastic_depth(input: Tensor, p: float, mode: str, training: bool = True) -> Tensor:
    """In training, zero what a branch adds to its shortcut, with probability `p`, and divide by 1 - p where it stays.

    mode: "row" decides for each sample input[n], "batch" for all at once.
    (Huang et al. 2016, "Deep networks with stochastic depth"; the division, so that nothing need be scaled in evaluation, is later.)
    """
    _check(input, p)
    if mode not in ("batch", "row"):
        raise ValueError(f"mode: got {mode!r}, expected batch or row")
    if not input.ndim:
        raise ValueError("input: got a single number, expected samples (N, ...)")
    if not training or not p:
        return input
    return _dropped(input, p, (input.shape[0] if mode == "row" else 1,) + (1,) * (input.ndim - 1))


def _channel_dropout(input: Tensor, p: float, training: bool, dims: int) -> Tensor:
    """Dropout of channels with `dims` further dimensions each."""
    _check(input, p)
    if input.ndim not in (dims + 1, dims + 2):
        raise ValueError(f"input: got shape {input.shape}, expected {dims + 1} or {dims + 2} dimensions")
    if not training or not p:
        return input
    one_sample = input.ndim == dims + 1 and dims != 2
    return _dropped(input, p, (input.shape[0],) + (1,) * dims if one_sample else _one_per_channel(input))


def _one_per_channel(input: Tensor) -> tuple[int, ...]:
    return input.shape[:2] + (1,) * (input.ndim - 2)


def _dropped(input: Tensor, p: float, shape: tuple[int, ...]) -> Tensor:
    """`input` times 0 or 1 / (1 - p), drawn for `shape` and broadcast."""
    factors = _kept(input, p, shape) * input.dtype.type(1 / (1 - p) if p < 1 else 0)
    return input * Tensor(factors.astype(input.dtype, copy=False))


def _alpha_dropped(input: Tensor, p: float, shape: tuple[int, ...]) -> Tensor:
    if p == 1:
        return input * 0
    scale = ((1 - p) * (1 + p * LOWEST_SELU**2)) ** -0.5
    kept = _kept(input, p, shape)
    number = input.dtype.type
    shift = np.where(kept, number(-scale * p * LOWEST_SELU), number(scale * (1 - p) * LOWEST_SELU))
    return input * Tensor((kept * number(scale)).astype(input.dtype, copy=False)) + Tensor(shift.astype(input.dtype, copy=False))


def _kept(input: Tensor, p: float, shape: tuple[int, ...]) -> np.ndarray:
    """Booleans, each true with probability 1 - p; images channels-last in memory, as the images themselves are."""
    if input.is_meta:
        return meta.empty(shape, np.bool_)
    if len(shape) != 4:
        return random.uniform("dropout", shape, input.data) >= p
    N, C, H, W = shape
    return to_nchw(random.uniform("dropout", (N, H, W, C), input.data) >= p)


def _check(input: Tensor, p: float) -> None:
    check_floating("input", input)
    check_probability("p", p)
