"""New tensors."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from minitorch_cv import random
from minitorch_cv.functional.shape import as_shape
from minitorch_cv.tensor import DEFAULT_DTYPE, Tensor


def tensor(data: Any, dtype: DTypeLike = None, requires_grad: bool = False) -> Tensor:
    """A tensor with a copy of `data`: numbers, nested lists of them, arrays or tensors.

    Arrays, NumPy scalars and tensors keep their dtype; Python floats become float32, integers int64.
    """
    if isinstance(data, Tensor):
        data = data.data
    array = np.array(data, order="K") if isinstance(data, (np.ndarray, np.generic)) else _from_python(data)
    if dtype is not None:
        array = array.astype(dtype, order="K")
    if array.dtype.kind not in "fiub":
        raise TypeError(f"data: got elements of {array.dtype}, expected real numbers or booleans")
    return Tensor(array, requires_grad)


def _from_python(data: Any) -> np.ndarray:
    array = np.array(data)
    return array.astype(DEFAULT_DTYPE) if array.dtype == np.float64 else array


def from_numpy(array: np.ndarray) -> Tensor:
    """A tensor on the memory of `array`: a change of one is a change of the other (which autograd cannot see)."""
    if not isinstance(array, np.ndarray):
        raise TypeError(f"array: got {type(array).__name__}, expected a NumPy array")
    return Tensor(array)


def zeros(*shape: Any, dtype: DTypeLike = DEFAULT_DTYPE, requires_grad: bool = False) -> Tensor:
    """A tensor of zeros."""
    return Tensor(np.zeros(as_shape(shape), dtype), requires_grad)
