"""Images of another size."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

import kernels
from kernels.checks import check_number
from kernels.geometry import Pair, pair
from kernels.resample.taps import Taps, table
from minitorch_cv.autograd import Function
from minitorch_cv.functional.checks import check_floating
from minitorch_cv.functional.pool import adaptive_avg_pool2d
from minitorch_cv.tensor import Tensor

Scale = float | Sequence[float]


class Resample2d(Function):
    """x -> rows @ x @ columns^T, for every plane. The gradient goes through the transposed tables."""

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, *, rows: Taps, columns: Taps) -> np.ndarray:
        return kernels.resample2d(x, rows, columns)

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> Tensor:
        return Resample2d.apply(gy, rows=ctx.options["rows"].adjoint, columns=ctx.options["columns"].adjoint)


MODES = ("nearest", "nearest-exact", "bilinear", "bicubic", "area")
SMOOTH = ("bilinear", "bicubic")  # the modes that align_corners and antialias are for


def interpolate(
    input: Tensor, size: int | Pair | None = None, scale_factor: Scale | None = None, mode: str = "nearest",
    align_corners: bool | None = None, recompute_scale_factor: bool | None = None, antialias: bool = False,
) -> Tensor:  # fmt: skip
    """Resample images (N, C, H, W) to (N, C, OH, OW).

    size: (OH, OW), or one number for both; or else scale_factor, one or two numbers: OH = floor(H * scale_factor).
    mode: "nearest" takes the pixel under the upper left corner of the new one, "nearest-exact" that under its centre; "bilinear" weighs the
    2 x 2 pixels around the centre, "bicubic" the 4 x 4 around it (Keys 1981, a = -3/4); "area" is the mean of all pixels that
    the new one touches (`adaptive_avg_pool2d`).
    align_corners: the centres of the corner pixels stay where they are, rather than the outer edges of the image.
    antialias: when shrinking, weigh all the pixels that the new one covers; bicubic then has a = -1/2.
    Both are for "bilinear" and "bicubic".
    recompute_scale_factor: take H / OH for the distance of the new pixels' centres, and not 1 / scale_factor, which differs where
    H * scale_factor is not a whole number.
    Errors: ValueError for both or neither of size and scale_factor, an unknown mode, or an option that the mode does not have.
    """
    check_floating("input", input)
    if input.ndim != 4 or 0 in input.shape[1:]:
        raise ValueError(f"input: got shape {input.shape}, expected images (N, C, H, W) that are not empty")
    _check_options(mode, align_corners, antialias)
    H, W = input.shape[2:]
    out_size, scales = _sizes((H, W), size, scale_factor, recompute_scale_factor)
    if mode == "area":
        return adaptive_avg_pool2d(input, out_size)
    rows, columns = (
        table(mode, *axis, bool(align_corners), bool(antialias)) for axis in zip((H, W), out_size, scales, strict=True)
    )
    return Resample2d.apply(input, rows=rows, columns=columns)


def _check_options(mode: str, align_corners: bool | None, antialias: bool) -> None:
    if mode not in MODES:
        raise ValueError(f"mode: got {mode!r}, expected one of {', '.join(MODES)}")
    for name, value in (("align_corners", align_corners is not None), ("antialias", antialias)):
        if value and mode not in SMOOTH:
            raise ValueError(f"{name}: got a value with mode {mode!r}, expected one of the modes {', '.join(SMOOTH)}")


def _sizes(
    old: Pair, size: int | Pair | None, scale_factor: Scale | None, recompute: bool | None
) -> tuple[Pair, tuple[float, float]]:
    """The new size, and for both axes how many old pixels there are to a new one."""
    if (size is None) == (scale_factor is None):
        raise ValueError(f"size: got {size} with scale_factor {scale_factor}, expected one of the two")
    if size is not None:
        if recompute:
            raise ValueError(f"recompute_scale_factor: got {recompute} with a size, expected a scale_factor")
        size = pair(size, "size", 1)
        return size, (old[0] / size[0], old[1] / size[1])
    factors: Any = tuple(scale_factor) if isinstance(scale_factor, (tuple, list)) else (scale_factor, scale_factor)
    for factor in factors:
        check_number("scale_factor", factor)
    if len(factors) != 2 or not all(0 < factor < math.inf for factor in factors):
        raise ValueError(f"scale_factor: got {scale_factor!r}, expected a positive number or a pair of them")
    H, W = (int(length * float(factor)) for length, factor in zip(old, factors, strict=True))
    if min(H, W) < 1:
        raise ValueError(f"scale_factor: got {scale_factor!r}, which leaves nothing of an image of {old[0]} x {old[1]} pixels")
    return (H, W), (old[0] / H, old[1] / W) if recompute else (1 / float(factors[0]), 1 / float(factors[1]))
