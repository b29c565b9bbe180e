"""Convolution of few channels: tiles of every shape, windows whose rows find room in shared memory a few at a time."""

from collections.abc import Callable

import numpy as np

from cases import Case
from kernels.conv2d import cuda_direct, numpy_conv2d
from kernels.geometry import Pair, output_size

ALL = ("float32", "float64", "float16", "bfloat16")


def rows(name: str, shape: tuple[int, int, int, int], outs: int, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair,
         dtypes: tuple[str, ...] = ALL) -> list[Case]:  # fmt: skip
    """A convolution and its two gradients."""
    N, C, H, W = shape
    out = output_size((H, W), kernel, stride, padding, dilation)
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": 1}

    def images(rng: np.random.Generator, channels: int, size: Pair) -> np.ndarray:
        return rng.standard_normal((N, *size, channels)).transpose(0, 3, 1, 2)

    def weight(rng: np.random.Generator) -> np.ndarray:
        return rng.standard_normal((outs, C, *kernel))

    def row(function: str, arguments: Callable, launches: str) -> Case:
        return Case(getattr(cuda_direct, function), arguments, options, launches, dtypes=dtypes,
                    definition=getattr(numpy_conv2d, function), name=f"{function}_{name}")  # fmt: skip

    return [
        row("conv2d", lambda rng: (images(rng, C, (H, W)), weight(rng), rng.standard_normal(outs)), "direct_forward"),
        row("conv2d_input", lambda rng: (images(rng, outs, out), weight(rng), (H, W)), "direct_input"),
        row("conv2d_weight", lambda rng: (images(rng, C, (H, W)), images(rng, outs, out), kernel), "direct_weight_parts direct_weight"),
    ]


CASES = [
    *rows("lenet", (2, 1, 12, 13), 6, (5, 5), (1, 1), (2, 2), (1, 1)),
    *rows("resnet", (1, 3, 21, 37), 64, (7, 7), (2, 2), (3, 3), (1, 1), ("float32", "float16")),
    *rows("cifar", (3, 3, 6, 6), 20, (3, 3), (1, 1), (1, 1), (1, 1), ("float32",)),
    *rows("strided_widely", (2, 4, 19, 17), 9, (4, 2), (4, 3), (1, 2), (1, 2), ("float32", "float16")),
    *rows("dilated", (1, 2, 9, 11), 130, (3, 3), (1, 1), (2, 2), (2, 2), ("float32",)),
    *rows("narrow", (1, 3, 300, 1), 8, (3, 1), (1, 1), (1, 0), (1, 1), ("float32",)),
    *rows("one", (1, 1, 1, 1), 1, (1, 1), (1, 1), (0, 0), (1, 1), ("float32",)),
]
