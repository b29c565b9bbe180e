"""Matrix products. Those of CUDA C are cuBLAS's, through CuPy: it is the Numba CUDA version that is ours."""

import numpy as np

import kernels
from cases import Case


def matrices(rng: np.random.Generator, M: int, depth: int, N: int, with_bias: bool = True) -> tuple:
    bias = rng.standard_normal(N) if with_bias else None
    return rng.standard_normal((M, depth)), rng.standard_normal((depth, N)), bias


def case(name: str, *sizes: int, with_bias: bool = True, transposed: bool = False) -> Case:
    def arguments(rng: np.random.Generator) -> tuple:
        a, b, bias = matrices(rng, *sizes, with_bias)
        return (np.asfortranarray(a), np.asfortranarray(b), bias) if transposed else (a, b, bias)

    return Case(kernels.matmul, arguments, dtypes=("float32", "float64"), numba_cuda="multiply", name=name)


CASES = [
    case("whole tiles", 16, 32, 16),
    case("odd", 19, 37, 33),
    case("one", 1, 1, 1, with_bias=False),
    case("empty sum", 5, 0, 7),
    case("transposed", 17, 20, 18, transposed=True),
]
