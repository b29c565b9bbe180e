"""Depthwise convolution: windows that fit into registers, and others; channels in vectors, and one by one."""

from collections.abc import Callable

import numpy as np

import kernels
from cases import Case
from kernels.geometry import output_size, pair

FORWARD, WEIGHT = "depthwise", "depthwise_weight_parts depthwise_weight"
NUMBA = ("depthwise_forward", "depthwise_gather", "depthwise_weight_sum")


def rows(name: str, shape: tuple[int, int, int, int], kernel: int | tuple[int, int], stride: int | tuple[int, int] = 1,
         padding: int | tuple[int, int] = 0, dilation: int | tuple[int, int] = 1, dtypes: tuple[str, ...] = ("float32",),
         numba: bool = False) -> list[Case]:  # fmt: skip
    """A convolution and its two gradients."""
    N, C, H, W = shape
    size = pair(kernel, "kernel", 1)
    out = output_size((H, W), size, pair(stride, "stride", 1), pair(padding, "padding", 0), pair(dilation, "dilation", 1))
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": C}

    def images(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
        return rng.standard_normal((N, *size, C)).transpose(0, 3, 1, 2)

    def weight(rng: np.random.Generator) -> np.ndarray:
        return rng.standard_normal((C, 1, *size))

    def row(function: Callable, arguments: Callable, launches: str, numba_kernel: str) -> Case:
        return Case(function, arguments, options, launches, numba_kernel if numba else "", dtypes, name=f"{function.__name__}_{name}")

    return [
        row(kernels.conv2d, lambda rng: (images(rng, (H, W)), weight(rng), rng.standard_normal(C)), FORWARD, NUMBA[0]),
        row(kernels.conv2d_input, lambda rng: (images(rng, out), weight(rng), (H, W)),
            FORWARD if pair(stride, "stride", 1) == (1, 1) else "depthwise_input", NUMBA[1]),
        row(kernels.conv2d_weight, lambda rng: (images(rng, (H, W)), images(rng, out), size), WEIGHT, NUMBA[2]),
    ]  # fmt: skip


ALL = ("float32", "float64", "float16", "bfloat16")

CASES = [
    *rows("3x3", (2, 8, 9, 11), 3, 1, 1, dtypes=ALL, numba=True),
    *rows("3x3_stride_2", (2, 132, 8, 19), 3, 2, 1),
    *rows("5x5", (1, 4, 7, 9), 5, 1, 2),
    *rows("5x5_stride_2", (1, 4, 7, 9), 5, 2, 2),
    *rows("7x7", (1, 8, 17, 9), 7, 1, 3),
    *rows("7x7_stride_2", (1, 8, 13, 9), 7, 2, 3),
    *rows("9x11", (1, 4, 10, 12), (9, 11), 1, (4, 5)),
    *rows("even", (2, 4, 6, 6), (2, 4), (1, 2), (0, 3)),
    *rows("ragged", (3, 5, 6, 7), (3, 2), (2, 3), (2, 0), (1, 2), dtypes=ALL, numba=True),
    *rows("padded_widely", (1, 4, 2, 3), 3, 1, 4),
    *rows("one", (1, 1, 1, 1), 1),
]
