"""The same values, laid out in memory in different ways: kernels accept any strides."""

import numpy as np

ORDERS = ["first", "last", "sliced", "reversed", "read-only"]


def in_order(array: np.ndarray, order: str) -> np.ndarray:
    """`array` C-contiguous, channels-last, as a part of something larger, backwards in memory, or read-only; the values are the same."""
    array = np.asarray(array)
    if order == "last" and array.ndim > 2:
        return np.moveaxis(np.ascontiguousarray(np.moveaxis(array, 1, -1)), -1, 1)
    if order == "sliced" and array.ndim:
        larger = np.full((*array.shape[:-1], 2 * array.shape[-1] + 1), -77, array.dtype)  # read by mistake, it shows
        larger[..., 1::2] = array
        return larger[..., 1::2]
    if order == "reversed" and array.ndim:
        backwards = (slice(None, None, -1),) * array.ndim
        return array[backwards].copy()[backwards]
    result = array.copy()
    result.flags.writeable = order != "read-only"
    return result
