"""Running sums and products: element i of the result is that of the elements up to i."""

from typing import Any

import numpy as np

from kernels.dtypes import is_floating
from minitorch_cv.autograd.autocast import autocasts
from minitorch_cv.autograd.function import Function
from minitorch_cv.functional.arguments import checked
from minitorch_cv.functional.join import cat
from minitorch_cv.functional.shape import as_dim
from minitorch_cv.tensor import Tensor, method


class CumSum(Function):
    """y[i] = x[0] + ... + x[i], or, `from_end`, x[i] + ... + x[-1]: the adjoints of each other"""

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, *, dim: int, from_end: bool) -> np.ndarray:
        # As in Sum, float32 is added up in float64.
        accumulator = np.dtype(np.float64 if is_floating(x.dtype) else np.int64)
        y = np.cumsum(np.flip(x, dim) if from_end else x, axis=dim, dtype=accumulator)
        y = np.flip(y, dim) if from_end else y
        return y.astype(x.dtype, copy=False) if is_floating(x.dtype) else y

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> Tensor:
        return CumSum.apply(gy, dim=ctx.options["dim"], from_end=not ctx.options["from_end"])


@method()
@autocasts
@checked
def cumsum(input: Tensor, dim: int) -> Tensor:
    """The sums of the first 1, 2, 3, ... elements along `dim`; of integers and booleans, as int64."""
    if input.ndim == 0:
        return cumsum(input.reshape(1), dim).reshape(())
    return CumSum.apply(input, dim=as_dim(dim, input.ndim), from_end=False)


@method()
@autocasts
@checked
def cumprod(input: Tensor, dim: int) -> Tensor:
    """The products of the first 1, 2, 3, ... elements along `dim`; of integers and booleans, as int64.

    In each round every element is multiplied by the one that stands 1, 2, 4, ... before it (Hillis and Steele 1986, "Data parallel
    algorithms"): so zeros need no special case, and the gradient is that of multiplication.
    """
    if input.ndim == 0:
        return cumprod(input.reshape(1), dim).reshape(())
    dim = as_dim(dim, input.ndim)
    y = (input if is_floating(input.dtype) else input.long()).transpose(0, dim)
    distance = 1
    while distance < len(y):
        y = cat([y[:distance], y[distance:] * y[:-distance]])
        distance *= 2
    y = y.transpose(0, dim)
    return y if distance > 1 else y.clone()
