"""Parameter: a Tensor that a Module registers; and how layers make their tensors."""

import numpy as np
from numpy.typing import DTypeLike

from kernels.dtypes import is_floating
from kernels.meta import as_array
from minitorch_cv.device import DeviceLike, as_dtype, empty_array
from minitorch_cv.tensor import DEFAULT_DTYPE, Tensor


class Parameter(Tensor):
    """A Tensor to be trained: assigned to an attribute of a Module, it becomes one of the module's parameters.

    data: a Tensor or an array; it is shared, not copied. requires_grad: whether `backward` computes its gradient.
    """

    def __init__(self, data: Tensor | np.ndarray, requires_grad: bool = True) -> None:
        super().__init__(data.data if isinstance(data, Tensor) else as_array(data), requires_grad=requires_grad)

    def __repr__(self) -> str:
        return f"Parameter containing:\n{super().__repr__()}"


def new_parameter(
    shape: int | tuple[int, ...], dtype: DTypeLike = DEFAULT_DTYPE, device: DeviceLike = None, requires_grad: bool = True
) -> Parameter:
    """A Parameter for a layer to fill, its values undefined. device: "cpu" or "meta"; None is that of `with mt.device(...)`."""
    if not is_floating(as_dtype(dtype)):
        raise TypeError(f"dtype: got {as_dtype(dtype)}, expected a floating-point type")
    return Parameter(empty_array(_lengths(shape), dtype, device), requires_grad)


def new_buffer(shape: int | tuple[int, ...], dtype: DTypeLike = DEFAULT_DTYPE, device: DeviceLike = None) -> Tensor:
    """A Tensor for a layer to register as a buffer and fill, its values undefined; the arguments are those of `new_parameter`."""
    return Tensor(empty_array(_lengths(shape), dtype, device))


def check_length(name: str, value: int) -> None:
    """ValueError unless `value`, an integer, can be the length of a dimension of a parameter."""
    if value < 0:
        raise ValueError(f"{name}: got {value!r}, expected an integer of at least 0")


def _lengths(shape: int | tuple[int, ...]) -> tuple[int, ...]:
    return tuple(shape) if isinstance(shape, (tuple, list)) else (int(shape),)
