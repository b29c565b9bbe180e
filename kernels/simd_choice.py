"""Choosing between the lanes of tiles, which is what a maximum needs: beside `kernels/simd.py`, where tiles are explained.

A register has no `if`. Both results are computed, and a mask of one bit per lane picks from one or the other:

    tile_choose(a, b, x, y)                          x in the lanes where a > b or a is NaN, y in the others
    tile_store_integers(tile, base, y, i, columns)   y[i + lane] = base + int(tile[lane]) for lanes < `columns`, into an array of int64

A running maximum that remembers where it was found keeps two tiles: the best value so far, and its place, as a floating-point number,
which is exact up to 2^24 in float32.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from kernels.simd import INDEX, _assemble, _mask, _splat


@intrinsic
def tile_choose(typing, a, b, x, y):
    """x in the lanes where a > b or a is NaN, y in the others; all four are tiles of one shape."""

    def generate(context, builder, signature, arguments):
        registers = []
        for _, _, number in a.places():
            left, right, first, second = (builder.extract_value(value, number) for value in arguments)
            wins = builder.or_(builder.fcmp_ordered(">", left, right), builder.fcmp_unordered("uno", left, left))
            registers.append(builder.select(wins, first, second))
        return _assemble(builder, a, registers)

    return a(a, a, a, a), generate


@intrinsic
def tile_store_integers(typing, tile, base, y, i, columns):
    """y[i + lane] = base + int(tile[lane]) for lanes < `columns`; the tile has one register, y is an array of int64."""

    def generate(context, builder, signature, arguments):
        value, base, array, start, columns = arguments
        integers = ir.VectorType(INDEX, tile.W)
        places = builder.add(builder.fptosi(builder.extract_value(value, 0), integers), _splat(builder, base, integers))
        data = context.make_array(y)(context, builder, array).data
        pointer = builder.bitcast(builder.gep(data, [start]), integers.as_pointer())
        bits = ir.VectorType(ir.IntType(1), tile.W)
        store = cgutils.get_or_insert_function(
            builder.module,
            ir.FunctionType(ir.VoidType(), [integers, integers.as_pointer(), ir.IntType(32), bits]),
            f"llvm.masked.store.v{tile.W}i64.p0",
        )
        builder.call(store, [places, pointer, ir.IntType(32)(8), _mask(builder, tile, 0, 0, INDEX(1), columns)])
        return context.get_dummy_value()

    return types.void(tile, types.intp, y, types.intp, types.intp), generate
