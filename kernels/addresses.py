"""Arrays from addresses, inside compiled code: how one call works on a list of arrays.

Numba would compile a function of ten arrays again for eleven. A table of addresses and sizes has the same type for any number of arrays;
`view` makes an array of one of its entries again. Who fills the table keeps the arrays alive during the call.
"""

import numba
import numpy as np
from numba import types
from numba.extending import intrinsic

from kernels.jit import jit


def address(array: np.ndarray) -> int:
    """Where the first element of `array` lies in memory."""
    return array.__array_interface__["data"][0]


@intrinsic
def _pointer(typing, address, like):
    """The number `address` as a pointer to elements of the dtype of array `like`."""
    pointer = types.CPointer(like.dtype)

    def generate(context, builder, signature, arguments):
        return builder.inttoptr(arguments[0], context.get_value_type(pointer))

    return pointer(types.intp, like), generate


@jit(inline=True)
def view(address, start, size, like):
    """The elements start, ..., start + size - 1 of the array at `address`, which has the dtype of array `like`."""
    return numba.carray(_pointer(address + start * like.itemsize, like), (size,))
