"""Convolution in groups."""

from collections.abc import Callable

import numpy as np

from cases import Case
from kernels.conv2d import cuda_grouped, numpy_conv2d
from kernels.geometry import Pair, output_size

ALL = ("float32", "float64", "float16", "bfloat16")


def rows(name: str, shape: tuple[int, int, int, int], outs: int, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int,
         dtypes: tuple[str, ...] = ALL) -> list[Case]:  # fmt: skip
    """A convolution and its two gradients."""
    N, C, H, W = shape
    out = output_size((H, W), kernel, stride, padding, dilation)
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}

    def images(rng: np.random.Generator, channels: int, size: Pair) -> np.ndarray:
        return rng.standard_normal((N, *size, channels)).transpose(0, 3, 1, 2)

    def weight(rng: np.random.Generator) -> np.ndarray:
        return rng.standard_normal((outs, C // groups, *kernel))

    def row(function: str, arguments: Callable, launches: str) -> Case:
        return Case(getattr(cuda_grouped, function), arguments, options, launches, dtypes=dtypes,
                    definition=getattr(numpy_conv2d, function), name=f"{function}_{name}")  # fmt: skip

    return [
        row("conv2d", lambda rng: (images(rng, C, (H, W)), weight(rng), rng.standard_normal(outs)), "grouped_forward"),
        row("conv2d_input", lambda rng: (images(rng, outs, out), weight(rng), (H, W)), "grouped_input"),
        row("conv2d_weight", lambda rng: (images(rng, C, (H, W)), images(rng, outs, out), kernel), "grouped_weight_parts grouped_weight"),
    ]


CASES = [
    *rows("resnext", (2, 16, 5, 9), 16, (3, 3), (1, 1), (1, 1), (1, 1), 4),
    *rows("resnext_stride_2", (1, 16, 6, 11), 32, (3, 3), (2, 2), (1, 1), (1, 1), 2, ("float32",)),
    *rows("shuffle", (2, 24, 3, 4), 36, (1, 1), (1, 1), (0, 0), (1, 1), 3, ("float32",)),
    *rows("ragged", (2, 6, 7, 10), 9, (2, 5), (2, 3), (1, 2), (3, 1), 3),
    *rows("multiplier", (1, 3, 4, 4), 6, (3, 3), (1, 1), (1, 1), (1, 1), 3, ("float32",)),
]
