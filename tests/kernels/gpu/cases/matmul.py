"""Matrix products: those of cuBLAS, our own by tiles, and the Numba CUDA version."""

import numpy as np

import kernels
from cases import Case
from cases.conv2d import SMALL, TF32, large_tiles, plain, within
from kernels.gpu.precision import tf32
from kernels.matmul.cuda_matmul import tiled_matmul


def matrices(rng: np.random.Generator, M: int, depth: int, N: int, with_bias: bool = True) -> tuple:
    bias = rng.standard_normal(N) if with_bias else None
    return rng.standard_normal((M, depth)), rng.standard_normal((depth, N)), bias


def case(name: str, *sizes: int, with_bias: bool = True, transposed: bool = False) -> Case:
    def arguments(rng: np.random.Generator) -> tuple:
        a, b, bias = matrices(rng, *sizes, with_bias)
        return (np.asfortranarray(a), np.asfortranarray(b), bias) if transposed else (a, b, bias)

    return Case(kernels.matmul, arguments, dtypes=("float32", "float64"), numba_cuda="multiply", name=name)


def tiled(name: str, *sizes: int, dtypes: tuple[str, ...] = ("float32", "float64", "float16", "bfloat16"), order: str = "ab",
          launches: str = "matmul_tiles", inside: tuple = (), batch: tuple[tuple, tuple] = ((), ())) -> Case:  # fmt: skip
    """Our own product. order: "a" for a matrix whose rows are contiguous, "A" for one whose columns are. batch: the leading dimensions."""

    def arguments(rng: np.random.Generator) -> tuple:
        M, depth, N = sizes
        a, b = rng.standard_normal((*batch[0], M, depth)), rng.standard_normal((*batch[1], depth, N))
        a, b = (np.ascontiguousarray(x.swapaxes(-1, -2)).swapaxes(-1, -2) if o.isupper() else x for x, o in zip((a, b), order, strict=True))
        return a, b, rng.standard_normal(N)

    return Case(within(tiled_matmul, *inside), arguments, launches=launches, dtypes=dtypes, tolerance=TF32 if tf32 in inside else {},
                definition=lambda a, b, bias: a @ b + bias, name=name)  # fmt: skip


PARTS = "matmul_parts matmul_sum"

CASES = [
    case("whole tiles", 16, 32, 16),
    case("odd", 19, 37, 33),
    case("one", 1, 1, 1, with_bias=False),
    case("empty sum", 5, 0, 7),
    case("transposed", 17, 20, 18, transposed=True),
    Case(kernels.matmul, lambda rng: matrices(rng, 9, 20, 300), dtypes=("float16",), launches="matmul_add_bias", name="cublas"),
    tiled("tiles", 70, 48, 72),
    tiled("tiles_odd", 67, 45, 71),
    tiled("tiles_narrow", 140, 40, 24, dtypes=("float32", "float16")),
    tiled("tiles_one", 1, 1, 1, dtypes=("float64", "bfloat16")),
    tiled("tiles_empty_sum", 5, 0, 7, dtypes=("float32", "float16")),
    tiled("tiles_columns", 72, 40, 80, order="Ab"),
    tiled("tiles_rows", 72, 40, 80, order="aB"),
    tiled("tiles_columns_odd", 71, 39, 33, order="AB", dtypes=("float32", "float16")),
    tiled("tiles_plain", 72, 40, 80, order="aB", dtypes=SMALL, inside=(plain,)),
    tiled("tiles_large", 136, 104, 152, dtypes=("float32", "float16"), inside=(large_tiles,)),
    tiled("tiles_tf32", 136, 104, 152, order="aB", dtypes=("float32",), inside=(large_tiles, tf32)),
    tiled("tiles_tf32_columns", 136, 104, 152, order="Ab", dtypes=("float32",), inside=(large_tiles, tf32)),
    tiled("tiles_long", 40, 1100, 8, launches=PARTS),
    tiled("tiles_long_columns", 24, 1030, 16, order="Ab", launches=PARTS, dtypes=("float32", "bfloat16")),
    tiled("tiles_batch", 20, 24, 16, batch=((2, 3), (2, 3))),
    tiled("tiles_batch_of_one", 20, 24, 16, batch=((3, 1), (1, 2)), order="aB", dtypes=("float32", "float16")),
    Case(kernels.batched_matmul, lambda rng: matrices(rng, 9, 20, 13)[:2], dtypes=("float32", "float64"), name="batch_of_cublas"),
    Case(kernels.batched_matmul, lambda rng: (rng.standard_normal((3, 9, 20)), rng.standard_normal((3, 20, 13))), launches="matmul_tiles",
         dtypes=("float16", "bfloat16"), name="batch"),
    Case(kernels.batched_matmul, lambda rng: (np.zeros((2, 0, 20)), rng.standard_normal((20, 13))), name="batch_of_nothing"),
    tiled("tiles_batch_long", 8, 600, 8, batch=((2,), ()), launches=PARTS, dtypes=("float32",)),
]  # fmt: skip
