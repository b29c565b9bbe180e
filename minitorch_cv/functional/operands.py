"""What may stand on either side of an operator, and the dtype that comes out."""

from typing import Any

import numpy as np

from kernels.dtypes import is_floating, is_number
from kernels.meta import as_array
from minitorch_cv.autograd.modes import current_mode
from minitorch_cv.device import beside
from minitorch_cv.tensor import DEFAULT_DTYPE, Tensor


def operands(name: str, x: Any, y: Any, arguments: tuple[str, str] = ("input", "other")) -> tuple[Tensor, Tensor]:
    """The operands of the function `name`, whose arguments are called so, as two Tensors of one dtype.

    A number or a bare array is a constant and takes the tensor's dtype; so does a tensor without dimensions. Of an integer and a
    floating point tensor, the integers are converted. float32 and float64 do not mix: TypeError.
    """
    if isinstance(x, Tensor) and isinstance(y, Tensor):
        return (x, y) if x.data.dtype is y.data.dtype else _converted(name, x, y)
    if isinstance(x, Tensor):
        return _matched(name, x, y, arguments[1])
    if isinstance(y, Tensor):
        return _matched(name, y, x, arguments[0])[::-1]
    return operands(name, as_tensor(arguments[0], x, name), y, arguments)


def as_tensor(argument: str, x: Any, function: str | None = None, like: Tensor | None = None) -> Tensor:
    """`x`, an argument of a function, if it is a Tensor, else a constant: Python floats are float32, arrays keep their dtype.

    A constant array goes to the device of the tensor `like`.
    """
    if isinstance(x, Tensor):
        return x
    array = as_array(x)
    if not is_number(array.dtype):
        where = f"{argument} of {function}" if function else argument
        raise TypeError(f"{where}: got {type(x).__name__}, expected a Tensor, a number or an array of numbers")
    if is_floating(array.dtype) and array is not x and not isinstance(x, np.generic):
        array = array.astype(DEFAULT_DTYPE)
    return Tensor(array if like is None or array.ndim == 0 else beside(array, like.data))


def _matched(name: str, tensor: Tensor, constant: Any, argument: str) -> tuple[Tensor, Tensor]:
    """`tensor`, and `constant` as a Tensor of its dtype; an integer tensor gives way to floating point and larger integers."""
    dtype = tensor.data.dtype
    if (type(constant) is int and dtype.kind in "fiu") or (type(constant) is float and is_floating(dtype)):  # by far the most frequent
        return tensor, Tensor(np.array(constant, dtype))
    other = as_tensor(argument, constant, name, tensor)
    if is_floating(dtype) or (other.ndim == 0 and other.dtype.kind == dtype.kind):
        return tensor, Tensor(other.data.astype(dtype))
    return _converted(name, tensor, other)


def _converted(name: str, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    if x.dtype == y.dtype:
        return x, y
    if is_floating(x.dtype) and is_floating(y.dtype):
        if x.ndim and y.ndim and current_mode().autocast is None:
            raise TypeError(f"{name}: got tensors of {x.dtype} and {y.dtype}; convert one of them with .to()")
        dtype = np.promote_types(x.dtype, y.dtype) if x.ndim and y.ndim else x.dtype if x.ndim else y.dtype
    elif is_floating(x.dtype) or is_floating(y.dtype):
        dtype = x.dtype if is_floating(x.dtype) else y.dtype
    else:
        dtype = np.promote_types(x.dtype, y.dtype)
    return x.to(dtype), y.to(dtype)


def floating(x: Tensor) -> Tensor:
    """`x` itself if it is of floating point, else as float32."""
    return x if is_floating(x.data.dtype) else x.to(DEFAULT_DTYPE)
