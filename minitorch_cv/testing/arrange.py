"""The same values in other orders of memory: functions and kernels accept any strides."""

import numpy as np

ORDERS = ("contiguous", "channels-last", "transposed", "gaps", "reversed", "read-only")


def arranged(array: np.ndarray, order: str) -> np.ndarray:
    """The values of `array` in new memory, laid out in one of the ORDERS.

    contiguous: row after row. channels-last: dimension 1 varies fastest, as images lie in memory. transposed: the last two dimensions
    have changed places. gaps: every second element of something larger, whose other elements would show. reversed: backwards, with
    negative strides. read-only: contiguous, and writing into it raises.
    """
    array = np.asarray(array)
    if order not in ORDERS:
        raise ValueError(f"order: got {order!r}, expected one of {', '.join(ORDERS)}")
    if order == "channels-last" and array.ndim > 2:
        return np.moveaxis(np.moveaxis(array, 1, -1).copy(), -1, 1)
    if order == "transposed" and array.ndim > 1:
        return array.swapaxes(-1, -2).copy().swapaxes(-1, -2)
    if order == "gaps" and array.ndim:
        larger = np.full([2 * length + 1 for length in array.shape], -77, array.dtype)  # read by mistake, it shows
        inside = (slice(1, None, 2),) * array.ndim
        larger[inside] = array
        return larger[inside]
    if order == "reversed" and array.ndim:
        backwards = (slice(None, None, -1),) * array.ndim
        return array[backwards].copy()[backwards]
    result = array.copy()
    result.flags.writeable = order != "read-only"
    return result
