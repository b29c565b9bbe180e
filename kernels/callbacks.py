"""One parallel loop for many functions: it calls them through their addresses.

A parallel loop takes about a second to compile, the two or three lines of arithmetic inside it a tenth of that. Where a family has
many functions of one shape (each activation function, each gradient, in each type of numbers), the loop is therefore compiled once,
and told which *worker* to call for each block of the arrays, by a number: where the worker's machine code begins. The call costs
nanoseconds, a block is thousands of elements.

A worker is a Python function of C's types: what it does to one block of up to `size` elements,

    def worker(first, second, result, size, width, numbers): ...

first, second, result: pointers to the block in the three arrays (`numba.carray(first, size)` is an array). width: the length of a row,
where the arrays are rows of a matrix; blocks never cut a row. numbers: a pointer to the call's parameters, in the type of the arrays.

    run(address(worker, dtype), first, second, result, width, numbers)

is what a kernel does then. The workers are compiled when they are first asked for, and kept on disk like all compiled code.
"""

from collections.abc import Callable
from functools import cache

import numba
import numpy as np
from llvmlite import ir
from numba import prange, types
from numba.extending import intrinsic

from kernels.jit import jit, jit_callback

Worker = Callable[..., None]

BLOCK = 1 << 14  # elements that a worker is given at a time, about: three arrays of them fit into the second-level cache


@cache
def address(worker: Worker, dtype: np.dtype) -> int:
    """Where the machine code of `worker` for arrays of `dtype` begins; compiled at the first call."""
    pointer = types.CPointer(numba.from_dtype(dtype))
    return jit_callback(worker, types.void(pointer, pointer, pointer, types.intp, types.intp, pointer))


def run(worker: int, first: np.ndarray, second: np.ndarray, result: np.ndarray, width: int, numbers: np.ndarray) -> None:
    """Call a worker for each block of whole rows of `width` elements of the three contiguous arrays of one size, on several threads."""
    if result.size:
        block = max(1, BLOCK // width) * width
        first, second, result = first.reshape(-1), second.reshape(-1), result.reshape(-1)
        _run_blocks(-(-result.size // block), worker, first, second, result, block, width, numbers)


@jit(parallel=True)
def _run_blocks(blocks, worker, first, second, result, block, width, numbers):
    for b in prange(blocks):
        _run_block(np.intp(b), worker, first, second, result, block, width, numbers)


@jit
def _run_block(b, worker, first, second, result, block, width, numbers):
    start = b * block
    _call(worker, first, second, result, start, min(block, result.size - start), width, numbers)


@intrinsic
def _call(typing, worker, first, second, result, start, size, width, numbers):
    """Call the machine code at the address `worker` with pointers to element `start` of the three arrays, and to the numbers."""

    def generate(context, builder, signature, arguments):
        code, *arrays, start, size, width, numbers = arguments
        array = context.make_array(signature.args[1])
        pointers = [builder.gep(array(context, builder, value).data, [start]) for value in arrays]
        numbers = array(context, builder, numbers).data
        arguments = [*pointers, size, width, numbers]
        function = ir.FunctionType(ir.VoidType(), [argument.type for argument in arguments])
        builder.call(builder.inttoptr(code, function.as_pointer()), arguments)
        return context.get_dummy_value()

    return types.void(types.intp, first, second, result, types.intp, types.intp, types.intp, numbers), generate
