"""Convolution as an implicit matrix product: every size of tile, every kind of arithmetic, tails along all three sides of the product."""

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from unittest import mock

import numpy as np

import kernels
from cases import Case
from kernels.conv2d import cuda_implicit_gemm, numpy_conv2d
from kernels.geometry import Pair, output_size
from kernels.gpu.precision import tensor_cores, tf32

ALL = ("float32", "float64", "float16", "bfloat16")
SMALL = ("float16", "bfloat16")
TF32 = {"float32": 1e-3}  # of the largest result: factors are rounded by half a step of 10 bits, one part in 2048


def within(function: Callable, *contexts: Callable[[], AbstractContextManager]) -> Callable:
    """`function`, called inside of all `contexts`."""

    def call(*args: object, **options: object) -> object:
        with ExitStack() as stack:
            for context in contexts:
                stack.enter_context(context())
            return function(*args, **options)

    return call


def large_tiles() -> AbstractContextManager:
    """Inside, large tiles are taken for small products too."""
    return mock.patch("kernels.gpu.gemm.ENOUGH_BLOCKS", 2)


def plain() -> AbstractContextManager:
    """Inside, no tensor cores."""
    return tensor_cores(False)


def rows(name: str, shape: tuple[int, int, int, int], outs: int, kernel: Pair, stride: Pair = (1, 1), padding: Pair = (0, 0),
         dilation: Pair = (1, 1), groups: int = 1, dtypes: tuple[str, ...] = ALL, inside: tuple = ()) -> list[Case]:  # fmt: skip
    """A convolution and its two gradients."""
    N, C, H, W = shape
    out = output_size((H, W), kernel, stride, padding, dilation)
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}

    def images(rng: np.random.Generator, channels: int, size: Pair) -> np.ndarray:
        return rng.standard_normal((N, *size, channels)).transpose(0, 3, 1, 2)

    def weight(rng: np.random.Generator) -> np.ndarray:
        return rng.standard_normal((outs, C // groups, *kernel))

    def row(function: str, arguments: Callable, launches: str) -> Case:
        return Case(within(getattr(cuda_implicit_gemm, function), *inside), arguments, options, launches, dtypes=dtypes,
                    tolerance=TF32 if tf32 in inside else {}, definition=getattr(numpy_conv2d, function),
                    name=f"{function}_{name}")  # fmt: skip

    return [
        row("conv2d", lambda rng: (images(rng, C, (H, W)), weight(rng), rng.standard_normal(outs)), "conv2d_rows"),
        row("conv2d_input", lambda rng: (images(rng, outs, out), weight(rng), (H, W)), "conv2d_input_rows"),
        row("conv2d_weight", lambda rng: (images(rng, C, (H, W)), images(rng, outs, out), kernel), "conv2d_weight_parts conv2d_weight_sum"),
    ]


NARROW = ((2, 16, 9, 7), 24, (3, 3), (1, 1), (1, 1))  # tiles of 128 x 32
ODD = ((2, 5, 9, 8), 70, (3, 2), (2, 3), (1, 2), (2, 1))  # number by number, tiles of 64 x 64
LARGE = ((1, 24, 13, 12), 136, (3, 3), (1, 1), (1, 1))  # 156 pixels, 216 products, 136 channels: two tiles each way, with tails

CASES = [
    *rows("narrow", *NARROW),
    *rows("narrow_tf32", *NARROW, dtypes=("float32",), inside=(tf32,)),
    *rows("narrow_plain", *NARROW, dtypes=SMALL, inside=(plain,)),
    *rows("odd", *ODD),
    *rows("odd_tf32", *ODD, dtypes=("float32",), inside=(tf32,)),
    *rows("odd_plain", *ODD, dtypes=SMALL, inside=(plain,)),
    *rows("large", *LARGE, dtypes=("float32", "float16"), inside=(large_tiles,)),
    *rows("large_tf32", *LARGE, dtypes=("float32",), inside=(large_tiles, tf32)),
    *rows("large_plain", *LARGE, dtypes=("float16",), inside=(large_tiles, plain)),
    *rows("middle", (3, 40, 11, 13), 72, (2, 2), (2, 2), (1, 0)),
    *rows("parts", (3, 8, 20, 21), 40, (3, 3), (1, 1), (1, 1), dtypes=("float32", "float16")),
    *rows("groups", (2, 64, 6, 7), 48, (1, 3), (2, 2), (0, 1), groups=2, dtypes=("float32", "float16")),
    *rows("ragged_groups", (1, 9, 5, 6), 6, (2, 2), groups=3, dtypes=("float32", "float16")),
    *rows("classes_without_taps", (1, 8, 6, 7), 8, (1, 3), (4, 3), (0, 1), (1, 4), dtypes=("float32", "bfloat16")),
    *rows("a_stride_beyond_the_image", (2, 8, 3, 3), 8, (2, 2), (7, 9), (1, 1), dtypes=("float32",)),
    *rows("far_padding", (1, 8, 2, 3), 8, (3, 3), (1, 2), (6, 5), (2, 3), dtypes=("float32", "float16")),
    *rows("one", (1, 1, 1, 1), 1, (1, 1), dtypes=("float64", "bfloat16")),
    Case(kernels.conv2d, lambda rng: (rng.standard_normal((2, 12, 3, 5)), rng.standard_normal((7, 12, 1, 1)), rng.standard_normal(7)),
         dtypes=("float32", "float64", "float16"), launches="matmul_add_bias", name="a_product"),
    Case(kernels.conv2d, lambda rng: (rng.standard_normal((2, 12, 3, 5)), rng.standard_normal((7, 12, 1, 1)), rng.standard_normal(7)),
         dtypes=("bfloat16",), launches="matmul_tiles", name="a_product_by_tiles"),
]  # fmt: skip
