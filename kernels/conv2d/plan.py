"""What a convolution and its transpose have in common: which input pixel each output pixel sees through each tap of the kernel.

Both sum, over the taps (i, j) of the kernel, a product of weights with an input pixel at a fixed offset from a running position (q, r):

    out[q*out_stride + origin] = sum over taps of  in[q*in_stride + offset] * weight[tap]            (and likewise for r, along the row)

For the convolution itself the positions are the output's pixels, in_stride is the stride and tap i has offset i*d - p.

The transpose runs the other way: pixel u receives gy[h] through tap i wherever h*s + i*d - p = u. For s > 1 most taps do not reach most pixels; but all pixels u with
the same remainder u0 = u mod s are reached by the same taps, those where s divides u0 + p - i*d, and then h = q + (u0 + p - i*d)/s for u = q*s + u0.
So the transpose is s*s ordinary convolutions of stride 1 with a few taps each, the *phases*, whose results interleave; nothing is multiplied by inserted zeros.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from kernels.geometry import Pair, output_size


@dataclass(frozen=True)
class Plan:
    """The tables that the compiled loops follow; all int64."""

    out_size: Pair  # of the whole output image
    in_stride: Pair
    out_stride: Pair
    phases: np.ndarray  # (P, 6): first tap, end of taps, vertical origin, horizontal origin, rows, columns (numbers of positions)
    taps: np.ndarray  # (T, 3): vertical offset, horizontal offset, number of the weight tap i*KW + j
    rows: int  # most positions that a phase has vertically
    columns: int
    low: Pair  # smallest offsets
    high: Pair  # largest offsets


@lru_cache(maxsize=1024)
def forward_plan(size: Pair, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair) -> Plan:
    """For the convolution of an image of `size`: one phase that has all taps."""
    (KH, KW), (OH, OW) = kernel, output_size(size, kernel, stride, padding, dilation)
    taps = [(i * dilation[0] - padding[0], j * dilation[1] - padding[1], i * KW + j) for i in range(KH) for j in range(KW)]
    return _plan((OH, OW), stride, (1, 1), [(0, len(taps), 0, 0, OH, OW)], taps)


@lru_cache(maxsize=1024)
def transposed_plan(size: Pair, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair) -> Plan:
    """For the transpose, whose output is an image of `size`: one phase for each remainder of the pixel's position by the stride."""
    phases, taps = [], []
    for u0 in range(min(stride[0], size[0])):
        for v0 in range(min(stride[1], size[1])):
            first = len(taps)
            for i, dy in _reaching(u0, kernel[0], stride[0], padding[0], dilation[0]):
                for j, dx in _reaching(v0, kernel[1], stride[1], padding[1], dilation[1]):
                    taps.append((dy, dx, i * kernel[1] + j))
            phases.append((first, len(taps), u0, v0, -(-(size[0] - u0) // stride[0]), -(-(size[1] - v0) // stride[1])))
    return _plan(size, (1, 1), stride, phases, taps)


def _reaching(u0: int, kernel: int, stride: int, padding: int, dilation: int) -> list[tuple[int, int]]:
    """(tap, offset) for the taps that reach pixels of remainder u0, along one axis."""
    distances = [(i, u0 + padding - i * dilation) for i in range(kernel)]
    return [(i, distance // stride) for i, distance in distances if distance % stride == 0]


def _plan(out_size: Pair, in_stride: Pair, out_stride: Pair, phases: list, taps: list) -> Plan:
    offsets = np.array(taps, np.int64).reshape(-1, 3)
    low = offsets[:, :2].min(axis=0) if taps else np.zeros(2, np.int64)
    high = offsets[:, :2].max(axis=0) if taps else np.zeros(2, np.int64)
    table = np.array(phases, np.int64)
    return Plan(
        out_size, in_stride, out_stride, table, offsets, int(table[:, 4].max()), int(table[:, 5].max()),
        (int(low[0]), int(low[1])), (int(high[0]), int(high[1])),
    )  # fmt: skip
