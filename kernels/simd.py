"""Vector registers as values in Numba code: the layer that every fast CPU kernel stands on.

A CPU core multiplies not one pair of numbers at a time but a whole register of them: 16 floats side by side with
AVX-512, 8 with AVX2, 4 on any x86-64 or ARM ("SIMD": single instruction, multiple data). It has 16 or 32 such
registers, and can begin two multiply-adds on them in every cycle, provided that

  * the numbers are in registers already. A sum that lives in an array is loaded and stored again for every term,
    which is three times slower;
  * there are enough independent sums. The result of a multiply-add can be used only about four cycles later, so eight
    or more must be under way.

A convolution or a matrix product offers exactly that: a block of R output pixels by some output channels is R times K
registers of sums, and each input value is multiplied by K registers of weights. That block is the `Tile` here:

              <- K registers of W lanes ->
    row 0     [ ........ ] [ ........ ]          tile_outer(tile, x, i, step, w, j) adds the outer product of a column and a row:
    row 1     [ ........ ] [ ........ ]
    ...                                              tile[r, k] += x[i + r*step] * w[j + k*W : j + (k+1)*W]
    row R-1   [ ........ ] [ ........ ]

which is R + K loads for R * K multiply-adds. Numba sees a tile as one value, like a number: it is passed, returned
and assigned, never changed; LLVM keeps it in registers from the first term of the sum to the last. A kernel is then a
few plain loops around `tile_outer` (see `kernels/conv2d/numba_conv2d.py`), and does not mention the width of a
register, the type of its numbers or any unrolling. A vector is a tile of one row and one register.

Tiles are loaded from and stored to one-dimensional contiguous arrays; i, j, step and columns count elements. R and K
must be compile-time constants. Sizes that are not multiples of the tile are the business of `tile_load_part` and
`tile_store_part`, which touch no element outside of the part.

    tile_zero(like, R, K)                                     all zeros, of the dtype of array `like`
    tile_fill(value, R, K)                                    all `value`
    tile_load(x, i, step, R, K)                               tile[r, k] = x[i + r*step + k*W : +W]
    tile_load_part(x, i, step, rows, columns, R, K)           only rows < `rows` and columns < `columns`; zero elsewhere
    tile_store(tile, y, i, step)                              y[i + r*step + k*W : +W] = tile[r, k]
    tile_store_part(tile, y, i, step, rows, columns)          only that part
    tile_outer(tile, x, i, step, w, j)                        tile[r, k] + x[i + r*step] * w[j + k*W : +W]
    tile_fma(tile, a, b)                                      tile + a * b, element by element
    a + b, a - b, a * b                                       element by element
    lanes(like)                                               W, the number of lanes for the dtype of `like`
"""

import operator

import llvmlite.binding as llvm
import numba
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, overload, register_model

INDEX = ir.IntType(64)
LANE_NUMBER = ir.IntType(32)  # the type in which lane numbers are written


def host_features() -> dict[str, bool]:
    """The features of the CPU that Numba compiles for: this machine's, or what NUMBA_CPU_FEATURES and NUMBA_CPU_NAME pretend."""
    pretended = numba.config.CPU_FEATURES
    if pretended is not None:
        return {name[1:]: name[0] == "+" for name in pretended.split(",") if name}
    if numba.config.CPU_NAME == "generic":
        return {}
    return dict(llvm.get_host_cpu_features())


def vector_bytes(features: dict[str, bool]) -> int:
    """The width of a vector register in bytes: 64 with AVX-512, 32 with AVX2, else 16 (SSE2 and NEON)."""
    if features.get("avx512f"):
        return 64
    return 32 if features.get("avx2") else 16


VECTOR_BYTES = vector_bytes(host_features())
REGISTERS = 32 if VECTOR_BYTES == 64 else 16


class Tile(types.Type):
    """The Numba type of R rows of K registers of W lanes of dtype."""

    def __init__(self, dtype: types.Float, R: int, K: int) -> None:
        self.dtype, self.R, self.K, self.W = dtype, R, K, VECTOR_BYTES * 8 // dtype.bitwidth
        super().__init__(name=f"tile({dtype}, {R}, {K}, {self.W})")

    @property
    def vector(self) -> ir.VectorType:
        """The LLVM type of one register."""
        return ir.VectorType(ir.FloatType() if self.dtype == types.float32 else ir.DoubleType(), self.W)

    @property
    def alignment(self) -> int:
        """Bytes that a load may count on: one element's, since a tile may begin anywhere."""
        return self.dtype.bitwidth // 8

    def places(self) -> list[tuple[int, int, int]]:
        """(row, register, number of the register within the tile) for all of them."""
        return [(r, k, r * self.K + k) for r in range(self.R) for k in range(self.K)]


@register_model(Tile)
class TileModel(models.PrimitiveModel):
    """In LLVM a tile is an array of vectors: a plain value that is kept in registers."""

    def __init__(self, manager, tile: Tile) -> None:
        super().__init__(manager, tile, ir.ArrayType(tile.vector, tile.R * tile.K))


def _pointer(context, builder, array_type, array, index, tile: Tile):
    """The address of array[index], as that of a vector."""
    data = context.make_array(array_type)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [index]), tile.vector.as_pointer())


def _place(builder, start, step, r: int, k: int, W: int):
    """start + r*step + k*W"""
    return builder.add(builder.add(start, builder.mul(step, INDEX(r))), INDEX(k * W))


def _splat(builder, value, vector: ir.VectorType):
    """`value` in all lanes."""
    first = builder.insert_element(ir.Constant(vector, ir.Undefined), value, LANE_NUMBER(0))
    return builder.shuffle_vector(first, ir.Constant(vector, ir.Undefined), ir.Constant(ir.VectorType(LANE_NUMBER, vector.count), None))


def _opaque(builder, pointer):
    """The same pointer, of unknown origin to the optimiser.

    The rows of `tile_outer` are `step` apart. Left alone, LLVM keeps a pointer to each of them, and sixteen pointers do
    not fit into the sixteen integer registers: it reloads them from the stack in every round, which costs a fifth of
    the speed. From one pointer for every four rows it makes the addresses p, p + step, p + 2*step, p + 3*step, which
    are free on x86.
    """
    same = ir.InlineAsm(ir.FunctionType(pointer.type, [pointer.type]), "", "=r,0")
    return builder.call(same, [pointer])


def _multiply_add(builder, tile: Tile):
    """LLVM's fmuladd for the tile's vectors.

    Fused where the host can, two instructions elsewhere, where llvm.fma would be a library call.
    """
    vector = tile.vector
    name = f"llvm.fmuladd.v{tile.W}f{tile.dtype.bitwidth}"
    return cgutils.get_or_insert_function(builder.module, ir.FunctionType(vector, [vector] * 3), name)


def _mask(builder, tile: Tile, r: int, k: int, rows, columns):
    """Lanes of register (r, k) that lie inside the part: lane + k*W < columns, and none where r >= rows."""
    inside = builder.icmp_signed("<", INDEX(r), rows)
    limit = builder.select(inside, columns, INDEX(0))
    numbers = ir.Constant(ir.VectorType(INDEX, tile.W), [k * tile.W + lane for lane in range(tile.W)])
    return builder.icmp_signed("<", numbers, _splat(builder, limit, ir.VectorType(INDEX, tile.W)))


def _masked(builder, tile: Tile, operation: str):
    """LLVM's masked load or store for the tile's vectors: lanes that are off touch no memory."""
    vector, bits = tile.vector, ir.VectorType(ir.IntType(1), tile.W)
    name = f"llvm.masked.{operation}.v{tile.W}f{tile.dtype.bitwidth}.p0"
    if operation == "load":
        signature = ir.FunctionType(vector, [vector.as_pointer(), ir.IntType(32), bits, vector])
    else:
        signature = ir.FunctionType(ir.VoidType(), [vector, vector.as_pointer(), ir.IntType(32), bits])
    return cgutils.get_or_insert_function(builder.module, signature, name)


def _assemble(builder, tile: Tile, registers: list):
    value = ir.Constant(ir.ArrayType(tile.vector, tile.R * tile.K), ir.Undefined)
    for number, register in enumerate(registers):
        value = builder.insert_value(value, register, number)
    return value


@intrinsic
def lanes(typing, like):
    """W: how many numbers of the dtype of array `like` one register holds."""
    W = Tile(like.dtype, 1, 1).W
    return types.intp(like), lambda context, builder, signature, arguments: INDEX(W)


@intrinsic(prefer_literal=True)
def tile_zero(typing, like, R, K):
    """A tile of zeros, of the dtype of array `like`."""
    tile = Tile(like.dtype, R.literal_value, K.literal_value)

    def generate(context, builder, signature, arguments):
        return ir.Constant(context.get_value_type(tile), None)

    return tile(like, R, K), generate


@intrinsic(prefer_literal=True)
def tile_fill(typing, value, R, K):
    """A tile with `value`, a float, in every lane."""
    dtype = value if isinstance(value, types.Float) else types.float64
    tile = Tile(dtype, R.literal_value, K.literal_value)

    def generate(context, builder, signature, arguments):
        register = _splat(builder, arguments[0], tile.vector)
        return _assemble(builder, tile, [register] * (tile.R * tile.K))

    return tile(dtype, R, K), generate


@intrinsic(prefer_literal=True)
def tile_load(typing, x, i, step, R, K):
    """tile[r, k] = x[i + r*step + k*W : +W]"""
    tile = Tile(x.dtype, R.literal_value, K.literal_value)

    def generate(context, builder, signature, arguments):
        array, start, step, *_ = arguments
        registers = []
        for r, k, _ in tile.places():
            load = builder.load(_pointer(context, builder, x, array, _place(builder, start, step, r, k, tile.W), tile))
            load.align = tile.alignment
            registers.append(load)
        return _assemble(builder, tile, registers)

    return tile(x, types.intp, types.intp, R, K), generate


@intrinsic(prefer_literal=True)
def tile_load_part(typing, x, i, step, rows, columns, R, K):
    """Like `tile_load` for rows < `rows` and columns < `columns`; zero elsewhere, where nothing is read."""
    tile = Tile(x.dtype, R.literal_value, K.literal_value)

    def generate(context, builder, signature, arguments):
        array, start, step, rows, columns, *_ = arguments
        load, zero, registers = _masked(builder, tile, "load"), ir.Constant(tile.vector, None), []
        for r, k, _ in tile.places():
            pointer = _pointer(context, builder, x, array, _place(builder, start, step, r, k, tile.W), tile)
            mask = _mask(builder, tile, r, k, rows, columns)
            registers.append(builder.call(load, [pointer, ir.IntType(32)(tile.alignment), mask, zero]))
        return _assemble(builder, tile, registers)

    return tile(x, types.intp, types.intp, types.intp, types.intp, R, K), generate


@intrinsic
def tile_store(typing, tile, y, i, step):
    """y[i + r*step + k*W : +W] = tile[r, k]"""

    def generate(context, builder, signature, arguments):
        value, array, start, step = arguments
        for r, k, number in tile.places():
            pointer = _pointer(context, builder, y, array, _place(builder, start, step, r, k, tile.W), tile)
            store = builder.store(builder.extract_value(value, number), pointer)
            store.align = tile.alignment
        return context.get_dummy_value()

    return types.void(tile, y, types.intp, types.intp), generate


@intrinsic
def tile_store_part(typing, tile, y, i, step, rows, columns):
    """Like `tile_store` for rows < `rows` and columns < `columns`; nothing else is written."""

    def generate(context, builder, signature, arguments):
        value, array, start, step, rows, columns = arguments
        store = _masked(builder, tile, "store")
        for r, k, number in tile.places():
            pointer = _pointer(context, builder, y, array, _place(builder, start, step, r, k, tile.W), tile)
            mask = _mask(builder, tile, r, k, rows, columns)
            builder.call(store, [builder.extract_value(value, number), pointer, ir.IntType(32)(tile.alignment), mask])
        return context.get_dummy_value()

    return types.void(tile, y, types.intp, types.intp, types.intp, types.intp), generate


@intrinsic
def tile_outer(typing, tile, x, i, step, w, j):
    """tile[r, k] + x[i + r*step] * w[j + k*W : +W]: R scalars times K vectors, a rank-one update."""

    def generate(context, builder, signature, arguments):
        value, x_array, start, step, w_array, j = arguments
        multiply_add = _multiply_add(builder, tile)
        vectors = []
        for k in range(tile.K):
            load = builder.load(_pointer(context, builder, w, w_array, builder.add(j, INDEX(k * tile.W)), tile))
            load.align = tile.alignment
            vectors.append(load)
        data = context.make_array(x)(context, builder, x_array).data
        for r in range(tile.R):
            if r % 4 == 0:
                pointer = _opaque(builder, builder.gep(data, [_place(builder, start, step, r, 0, tile.W)]))
            scalar = builder.load(builder.gep(pointer, [builder.mul(step, INDEX(r % 4))]))
            scalar = _splat(builder, scalar, tile.vector)
            for k in range(tile.K):
                number = r * tile.K + k
                total = builder.call(multiply_add, [scalar, vectors[k], builder.extract_value(value, number)])
                value = builder.insert_value(value, total, number)
        return value

    return tile(tile, x, types.intp, types.intp, w, types.intp), generate


@intrinsic
def tile_fma(typing, tile, a, b):
    """tile + a * b, element by element."""

    def generate(context, builder, signature, arguments):
        multiply_add = _multiply_add(builder, tile)
        tiles = [[builder.extract_value(value, number) for value in arguments] for _, _, number in tile.places()]
        return _assemble(builder, tile, [builder.call(multiply_add, [a, b, total]) for total, a, b in tiles])

    return tile(tile, tile, tile), generate


def _elementwise(method: str):
    """An intrinsic that applies the float instruction `method` ("fadd", ...) to every pair of registers of two tiles."""

    @intrinsic
    def instruction(typing, a, b):
        def generate(context, builder, signature, arguments):
            pairs = [[builder.extract_value(value, number) for value in arguments] for _, _, number in a.places()]
            return _assemble(builder, a, [getattr(builder, method)(left, right) for left, right in pairs])

        return a(a, b), generate

    return instruction


def _define_operator(python_operator, method: str) -> None:
    instruction = _elementwise(method)

    @overload(python_operator)
    def on_tiles(a, b):
        if isinstance(a, Tile) and a == b:
            return lambda a, b: instruction(a, b)
        return None


for _operator, _method in [(operator.add, "fadd"), (operator.sub, "fsub"), (operator.mul, "fmul")]:
    _define_operator(_operator, _method)
