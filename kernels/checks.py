"""Argument checks that all contracts share: each raises one sentence that names the argument, what came and what was expected."""

import numpy as np

from kernels.dtypes import is_floating
from kernels.gpu import wide_dtype


def check_ndim(name: str, array: np.ndarray, ndim: int) -> None:
    """ValueError unless `array` has `ndim` dimensions."""
    if array.ndim != ndim:
        raise ValueError(f"{name}: got shape {array.shape}, expected {ndim} dimensions")


def check_shape(name: str, array: np.ndarray, shape: tuple[int, ...]) -> None:
    """ValueError unless `array` has exactly `shape`."""
    if array.shape != tuple(shape):
        raise ValueError(f"{name}: got shape {array.shape}, expected {tuple(shape)}")


def check_dtype(name: str, array: np.ndarray, like: np.ndarray) -> None:
    """TypeError unless `array` has the dtype of `like`: nothing is converted silently."""
    if array.dtype != like.dtype:
        raise TypeError(f"{name}: got {array.dtype}, expected {like.dtype} like the first argument")


def check_wide_dtype(name: str, array: np.ndarray, like: np.ndarray) -> None:
    """TypeError unless `array` has the type of numbers per channel beside `like`: its dtype, but float32 beside float16 and bfloat16."""
    if array.dtype != wide_dtype(like.dtype):
        raise TypeError(f"{name}: got {array.dtype}, expected {wide_dtype(like.dtype)} beside a first argument of {like.dtype}")


def check_floating(name: str, array: np.ndarray) -> None:
    """TypeError unless `array` holds floating-point numbers."""
    if not is_floating(array.dtype):
        raise TypeError(f"{name}: got {array.dtype}, expected a floating-point type")


def check_number(name: str, value: object) -> None:
    """TypeError unless `value` is a real number, of Python or NumPy."""
    if not isinstance(value, (int, float, np.integer, np.floating)) or isinstance(value, bool):
        raise TypeError(f"{name}: got {value!r}, expected a number")


def check_positive(name: str, value: object) -> None:
    """ValueError unless `value` is a whole number of at least 1."""
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name}: got {value!r}, expected a positive integer")
