"""From many losses to one, and the checks that the losses share."""

import warnings
from collections.abc import Collection
from typing import Any

import numpy as np

from kernels.dtypes import is_floating
from minitorch_cv.functional.checks import check_floating
from minitorch_cv.functional.operands import as_tensor
from minitorch_cv.tensor import Tensor

REDUCTIONS = ("none", "mean", "sum")


def reduced(losses: Tensor, reduction: str) -> Tensor:
    """The losses themselves ("none"), their "sum", or their "mean": NaN where there are none."""
    if reduction == "none":
        return losses
    return losses.sum() if reduction == "sum" else losses.mean()


def check_reduction(reduction: str, allowed: Collection[str] = REDUCTIONS) -> None:
    """ValueError unless `reduction` is one of the allowed."""
    if reduction not in allowed:
        raise ValueError(f"reduction: got {reduction!r}, expected one of {', '.join(allowed)}")


def as_target(input: Tensor, target: Any, broadcast: bool = False) -> Tensor:
    """`target`, a Tensor, an array or a number, as a Tensor that can be compared with `input` element by element.

    Integers and booleans take the dtype of input; another floating-point dtype is a TypeError. Another shape is a ValueError; with
    `broadcast` it is a warning, for (N,) against (N, 1) are N * N losses, which nobody means.
    """
    check_floating("input", input)
    target = as_tensor("target", target, like=input)
    if not is_floating(target.dtype):
        target = target.to(input.dtype)
    if target.dtype != input.dtype:
        raise TypeError(f"target: got {target.dtype}, expected {input.dtype} like input")
    if target.shape != input.shape:
        if not broadcast:
            raise ValueError(f"target: got shape {target.shape}, expected {input.shape}, the shape of input")
        try:
            shape = np.broadcast_shapes(input.shape, target.shape)
        except ValueError:
            raise ValueError(f"target: got shape {target.shape}, which does not go with input of shape {input.shape}") from None
        message = f"target: got shape {target.shape} for input of shape {input.shape}; they are broadcast to {shape}, which is rarely meant"
        warnings.warn(message, stacklevel=3)
    return target


def check_weight(name: str, weight: Tensor, like: Tensor, shape: tuple[int, ...] | None, meaning: str) -> None:
    """Errors unless `weight` has the dtype of `like` and the shape `shape`, or, for None, one that broadcasts to that of `like`."""
    check_floating(name, weight)
    if shape is None:
        try:
            fits = np.broadcast_shapes(weight.shape, like.shape) == like.shape
        except ValueError:
            fits = False
    else:
        fits = weight.shape == shape
    if not fits:
        raise ValueError(f"{name}: got shape {weight.shape}, expected {like.shape if shape is None else shape}, {meaning}")
    if weight.dtype != like.dtype:
        raise TypeError(f"{name}: got {weight.dtype}, expected {like.dtype} like input")
