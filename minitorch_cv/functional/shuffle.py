"""Pixels and channels in other places: the same numbers, rearranged. The gradient of a permutation is its inverse."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

import kernels
from kernels.checks import check_positive
from minitorch_cv.autograd import Function
from minitorch_cv.functional.checks import check_floating
from minitorch_cv.tensor import Tensor

Step = tuple[Callable, int]  # a kernel and its argument


class Rearrange(Function):
    """x -> y by the kernel `there`; `back` undoes it."""

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, *, there: Step, back: Step) -> np.ndarray:
        kernel, argument = there
        return kernel(x, argument)

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> Tensor:
        return Rearrange.apply(gy, there=ctx.options["back"], back=ctx.options["there"])


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """(*, C*r*r, H, W) -> (*, C, H*r, W*r) for r = upscale_factor: every r*r channels become a block of r x r pixels.

    (Shi et al. 2016, "Real-time single image and video super-resolution using an efficient sub-pixel convolutional neural network".)
    """
    r = _factor("upscale_factor", upscale_factor)
    C, H, W = _planes(input)
    if C % (r * r):
        raise ValueError(f"input: got {C} channels, expected a multiple of upscale_factor * upscale_factor = {r * r}")
    y = Rearrange.apply(_images(input), there=(kernels.pixel_shuffle, r), back=(kernels.pixel_unshuffle, r))
    return y if input.ndim == 4 else y.reshape(*input.shape[:-3], C // (r * r), H * r, W * r)


def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """(*, C, H*r, W*r) -> (*, C*r*r, H, W) for r = downscale_factor: the inverse of `pixel_shuffle`."""
    r = _factor("downscale_factor", downscale_factor)
    C, H, W = _planes(input)
    if H % r or W % r:
        raise ValueError(f"input: got {H} x {W} pixels, expected multiples of downscale_factor = {r}")
    y = Rearrange.apply(_images(input), there=(kernels.pixel_unshuffle, r), back=(kernels.pixel_shuffle, r))
    return y if input.ndim == 4 else y.reshape(*input.shape[:-3], C * r * r, H // r, W // r)


def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """(N, C, *) with the channels dealt out anew: the first one of each group, then the second one of each, and so on.

    (Zhang et al. 2018, "ShuffleNet: an extremely efficient convolutional neural network for mobile devices".)
    """
    check_floating("input", input)
    if input.ndim < 3:
        raise ValueError(f"input: got shape {input.shape}, expected at least 3 dimensions (N, C, *)")
    N, C = input.shape[:2]
    if C % _factor("groups", groups):
        raise ValueError(f"groups: got {groups}, expected a divisor of the {C} channels")
    images = input if input.ndim == 4 else input.reshape(N, C, math.prod(input.shape[2:]), 1)
    y = Rearrange.apply(images, there=(kernels.channel_shuffle, groups), back=(kernels.channel_shuffle, max(C // groups, 1)))
    return y if input.ndim == 4 else y.reshape(*input.shape)


def _factor(name: str, value: int) -> int:
    check_positive(name, value)
    return int(value)


def _planes(input: Tensor) -> tuple[int, int, int]:
    """(C, H, W) of images (*, C, H, W)."""
    check_floating("input", input)
    if input.ndim < 3:
        raise ValueError(f"input: got shape {input.shape}, expected images (*, C, H, W)")
    return input.shape[-3], input.shape[-2], input.shape[-1]


def _images(input: Tensor) -> Tensor:
    """(*, C, H, W) -> (N, C, H, W)"""
    return input if input.ndim == 4 else input.reshape(math.prod(input.shape[:-3]), *input.shape[-3:])
