"""A border around an image: of a constant, or of the image's own pixels."""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from kernels.checks import check_number
from kernels.resample.taps import Taps, identity, picked
from minitorch_cv.autograd.function import Function
from minitorch_cv.functional.checks import check_floating
from minitorch_cv.functional.resample import Resample2d
from minitorch_cv.tensor import Tensor, method

Widths = tuple[int, int]  # before and after


class Pad(Function):
    """Positive widths add elements, negative ones cut off. The adjoint is padding by the opposite widths, with zeros."""

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, *, widths: tuple[Widths, ...], value: float) -> np.ndarray:
        shape = [length + before + after for length, (before, after) in zip(x.shape, widths, strict=True)]
        y = np.empty_like(x, shape=shape)  # in the memory order of x
        y.fill(value)
        source = tuple([slice(max(-b, 0), length - max(-a, 0)) for length, (b, a) in zip(x.shape, widths, strict=True)])
        target = tuple([slice(max(b, 0), length - max(a, 0)) for length, (b, a) in zip(shape, widths, strict=True)])
        y[target] = x[source]
        return y

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> Tensor:
        return Pad.apply(gy, widths=tuple([(-before, -after) for before, after in ctx.options["widths"]]), value=0)


@method()
def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """Widen `input` at its borders, or cut off where a width is negative.

    pad: (left, right, top, bottom, ...): two widths for the last dimension, then two for the one before it, and so on.
    mode: what the new places hold. "constant": `value`, 0 by default. "reflect": the elements mirrored at the outermost one, which is not
    repeated; "replicate": the outermost one; "circular": the elements from the opposite end.
    These three are for the last 1, 2 or 3 dimensions of a tensor that has one or two more; reflection takes widths less than the length,
    circular padding at most the length.
    """
    if mode != "constant" and mode not in BORDERS:
        raise ValueError(f"mode: got {mode!r}, expected 'constant', {', '.join(map(repr, BORDERS))}")
    if not isinstance(input, Tensor):
        raise TypeError(f"input: got {type(input).__name__}, expected a Tensor")
    if not isinstance(pad, (tuple, list)) or not all(hasattr(width, "__index__") for width in pad):
        raise TypeError(f"pad: got {pad!r}, expected a sequence of integers")
    if len(pad) % 2 or len(pad) > 2 * input.ndim:
        raise ValueError(f"pad: got {len(pad)} widths, expected two for each padded dimension, of at most {input.ndim}")
    pairs = [(int(pad[i]), int(pad[i + 1])) for i in range(0, len(pad), 2)][::-1]
    widths = ((0, 0),) * (input.ndim - len(pairs)) + tuple(pairs)
    if any(length + min(before, 0) + min(after, 0) < 0 for length, (before, after) in zip(input.shape, widths, strict=True)):
        raise ValueError(f"pad: got {tuple(pad)}, which cuts off more than there is of shape {input.shape}")
    if mode == "constant":
        filling = 0 if value is None else value
        check_number("value", filling)
        return Pad.apply(input, widths=widths, value=filling)
    if value is not None:
        raise ValueError(f"value: got {value} with mode {mode!r}, expected None")
    return _pad_with_own(input, pairs, mode)


# Networks ask for the same few tables at every step.
@lru_cache(maxsize=256)
def _table(mode: str, length: int, before: int, after: int) -> Taps:
    return picked(length, BORDERS[mode](length, before, after))


def _pad_with_own(input: Tensor, widths: list[Widths], mode: str) -> Tensor:
    """Padding with elements of the input is resampling: every new element is a copy of an old one."""
    check_floating("input", input)
    if not 1 <= len(widths) <= 3 or input.ndim - len(widths) not in (1, 2):
        raise ValueError(
            f"pad: got {2 * len(widths)} widths for shape {input.shape}, expected 2, 4 or 6 for the last 1, 2 or 3 dimensions, "
            f"before which one or two remain, with mode {mode!r}"
        )
    lead, lengths = input.shape[: -len(widths)], input.shape[-len(widths) :]
    tables = [_table(mode, length, *pair) for length, pair in zip(lengths, widths, strict=True)]
    size = [taps.out_size for taps in tables]
    x = input
    if len(widths) == 3:  # the planes first, as channels; then the depths, of planes that are rows
        x = _planes(x, (math.prod(lead), *lengths), tables[1], tables[2])
        plane = size[1] * size[2]
        x, tables, lengths = x.reshape(*lead, lengths[0], plane), [tables[0], identity(plane)], (lengths[0], plane)
    if len(widths) == 1:
        tables, lengths = [identity(1), *tables], (1, *lengths)
    batch = lead if len(lead) == 2 else (1, *lead)
    return _planes(x, (*batch, *lengths), *tables).reshape(*lead, *size)


def _planes(x: Tensor, shape: tuple[int, ...], rows: Taps, columns: Taps) -> Tensor:
    """`x` seen as images of `shape` (N, C, H, W), resampled; it stays as it is where it has that shape."""
    return Resample2d.apply(x if x.shape == shape else x.reshape(*shape), rows=rows, columns=columns)


# --- borders: for each place of the widened line, which element of the old one stands there


def _reflect(length: int, before: int, after: int) -> np.ndarray:
    if max(before, after) >= length:
        raise ValueError(f"pad: got {(before, after)} for a length of {length}, expected less than the length to reflect")
    place = np.abs(np.arange(-before, length + after))
    return np.minimum(place, 2 * (length - 1) - place)


def _replicate(length: int, before: int, after: int) -> np.ndarray:
    if length < 1:
        raise ValueError(f"pad: got {(before, after)} for a length of {length}, expected something to replicate")
    return np.arange(-before, length + after).clip(0, length - 1)


def _circular(length: int, before: int, after: int) -> np.ndarray:
    start, left = max(-before, 0), length - max(-before, 0) - max(-after, 0)
    if max(before, after) > left:
        raise ValueError(f"pad: got {(before, after)} for a length of {length}, expected at most what is left of it to go around")
    return start + np.arange(-max(before, 0), left + max(after, 0)) % max(left, 1)


BORDERS = {"reflect": _reflect, "replicate": _replicate, "circular": _circular}
