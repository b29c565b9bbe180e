"""Pixels and channels in another order: the same numbers, rearranged.

Channels come last in memory. Rearranging a view in which they also come last by shape takes one copy, and the result is channels-last
again.
"""

from minitorch_cv.functional.checks import check_floating
from minitorch_cv.tensor import Tensor


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """(*, C*r*r, H, W) -> (*, C, H*r, W*r) for r = upscale_factor: every r*r channels become a block of r x r pixels.

    (Shi et al. 2016, "Real-time single image and video super-resolution using an efficient sub-pixel convolutional neural network".)
    """
    r = _factor("upscale_factor", upscale_factor)
    C, H, W = _planes(input)
    if C % (r * r):
        raise ValueError(f"input: got {C} channels, expected a multiple of upscale_factor * upscale_factor = {r * r}")
    x = _channels_last(input).reshape(-1, H, W, C // (r * r), r, r)
    x = x.permute(0, 1, 4, 2, 5, 3)  # (N, H, r, W, r, C/r/r)
    return _channels_first(x.reshape(*input.shape[:-3], H * r, W * r, C // (r * r)))


def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """(*, C, H*r, W*r) -> (*, C*r*r, H, W) for r = downscale_factor: the inverse of `pixel_shuffle`."""
    r = _factor("downscale_factor", downscale_factor)
    C, H, W = _planes(input)
    if H % r or W % r:
        raise ValueError(f"input: got {H} x {W} pixels, expected multiples of downscale_factor = {r}")
    x = _channels_last(input).reshape(-1, H // r, r, W // r, r, C)
    x = x.permute(0, 1, 3, 5, 2, 4)  # (N, H/r, W/r, C, r, r)
    return _channels_first(x.reshape(*input.shape[:-3], H // r, W // r, C * r * r))


def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """(N, C, *) with the channels dealt out anew: group by group becomes the first of each group, the second of each, and so on.

    (Zhang et al. 2018, "ShuffleNet: an extremely efficient convolutional neural network for mobile devices".)
    """
    check_floating("input", input)
    if input.ndim < 3:
        raise ValueError(f"input: got shape {input.shape}, expected at least 3 dimensions (N, C, *)")
    C = input.shape[1]
    if _factor("groups", groups) and C % groups:
        raise ValueError(f"groups: got {groups}, expected a divisor of the {C} channels")
    x = input.permute(0, *range(2, input.ndim), 1)  # (N, *, C)
    x = x.reshape(*x.shape[:-1], groups, C // groups).transpose(-1, -2).reshape(*x.shape)
    return x.permute(0, -1, *range(1, input.ndim - 1))


def _factor(name: str, value: int) -> int:
    if not hasattr(value, "__index__") or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name}: got {value!r}, expected a positive integer")
    return int(value)


def _planes(input: Tensor) -> tuple[int, int, int]:
    """(C, H, W) of images (*, C, H, W)."""
    check_floating("input", input)
    if input.ndim < 3:
        raise ValueError(f"input: got shape {input.shape}, expected images (*, C, H, W)")
    return input.shape[-3], input.shape[-2], input.shape[-1]


def _channels_last(x: Tensor) -> Tensor:
    """(*, C, H, W) -> (*, H, W, C)"""
    return x.permute(*range(x.ndim - 3), -2, -1, -3)


def _channels_first(x: Tensor) -> Tensor:
    """(*, H, W, C) -> (*, C, H, W)"""
    return x.permute(*range(x.ndim - 3), -1, -3, -2)
