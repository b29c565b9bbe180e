"""Argument checks that the functions on images share: one sentence that names the argument, what came and what was expected."""

from kernels.checks import check_number
from kernels.dtypes import is_floating
from minitorch_cv.tensor import Tensor


def check_floating(name: str, value: object) -> None:
    """TypeError unless `value` is a Tensor of floating-point numbers."""
    if not isinstance(value, Tensor):
        raise TypeError(f"{name}: got {type(value).__name__}, expected a Tensor")
    if not is_floating(value.dtype):
        raise TypeError(f"{name}: got dtype {value.dtype}, expected a floating-point type")


def check_probability(name: str, value: float) -> None:
    """TypeError or ValueError unless `value` is a number from 0 to 1."""
    check_number(name, value)
    if not 0 <= value <= 1:
        raise ValueError(f"{name}: got {value}, expected a probability from 0 to 1")


def check_channels(input: Tensor, least: int) -> None:
    """TypeError or ValueError unless `input` is a floating-point (N, C, *) of at least `least` dimensions, 2 or 3, that has channels."""
    check_floating("input", input)
    if input.ndim < least or input.shape[1] == 0:
        expected = "(N, C) or (N, C, *)" if least == 2 else "(N, C, *)"
        raise ValueError(f"input: got shape {input.shape}, expected {expected} with at least one channel")


def as_batch(input: Tensor) -> tuple[Tensor, bool]:
    """(images (N, C, H, W), whether `input` was a single image (C, H, W)); errors for anything else."""
    check_floating("input", input)
    if input.ndim not in (3, 4):
        raise ValueError(f"input: got shape {input.shape}, expected images (N, C, H, W), or one image (C, H, W)")
    return (input, False) if input.ndim == 4 else (input.unsqueeze(0), True)
