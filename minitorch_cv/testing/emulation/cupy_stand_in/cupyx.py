"""`cupyx`: pinned arrays and scattered sums."""

from typing import Any

import numpy as np

from .pinned import alloc_pinned_memory


def empty_pinned(shape: Any, dtype: Any = float, order: str = "C") -> np.ndarray:
    """A NumPy array in pinned memory."""
    count = int(np.prod(shape, dtype=np.int64))
    values = np.frombuffer(alloc_pinned_memory(count * np.dtype(dtype).itemsize), dtype, count)
    return values.reshape(shape, order=order)  # type: ignore[call-overload]


def zeros_pinned(shape: Any, dtype: Any = float, order: str = "C") -> np.ndarray:
    array = empty_pinned(shape, dtype, order)
    array.fill(0)
    return array


def empty_like_pinned(a: Any, dtype: Any = None, order: str = "K", subok: None = None, shape: Any = None) -> np.ndarray:
    return empty_pinned(a.shape if shape is None else shape, dtype or a.dtype, "F" if order == "F" else "C")


def zeros_like_pinned(a: Any, dtype: Any = None, order: str = "K", subok: None = None, shape: Any = None) -> np.ndarray:
    return zeros_pinned(a.shape if shape is None else shape, dtype or a.dtype, "F" if order == "F" else "C")


def scatter_add(a: Any, slices: Any, value: Any) -> None:
    a._scatter(np.add, slices, value)


def scatter_max(a: Any, slices: Any, value: Any) -> None:
    a._scatter(np.maximum, slices, value)


def scatter_min(a: Any, slices: Any, value: Any) -> None:
    a._scatter(np.minimum, slices, value)
