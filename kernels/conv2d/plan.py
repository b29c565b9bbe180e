"""What a convolution and its transpose have in common: which input pixel an output pixel sees through each tap.

Both sum, over the taps (i, j) of the kernel, a product of weights with an input pixel at a fixed offset from a
running position (q, r):

    out[q*out_stride + origin] = sum over taps of  in[q*in_stride + offset] * weight[tap]            (and likewise for r, along the row)

For the convolution itself the positions are the output's pixels, in_stride is the stride and tap i has offset i*d - p.

The transpose runs the other way: pixel u receives gy[h] through tap i wherever h*s + i*d - p = u. For s > 1 most taps
do not reach most pixels; but all pixels u with the same remainder u0 = u mod s are reached by the same taps, those
where s divides u0 + p - i*d, and then h = q + (u0 + p - i*d)/s for u = q*s + u0. So the transpose is s*s ordinary
convolutions of stride 1 with a few taps each, the *phases*, whose results interleave; nothing is multiplied by
inserted zeros.

Taps that see neighbouring pixels of one row form a *run*. In channels-last memory the channels of these pixels are
one contiguous piece, so a kernel may sum over a run of three taps as if it were one tap with three times the
channels.
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
    # (P, 8): first tap, end of taps, first run, end of runs, origin (vertical, horizontal), rows and columns of positions
    phases: np.ndarray
    taps: np.ndarray  # (T, 3): offset (vertical, horizontal), number i*KW + j of the tap in the weights
    runs: np.ndarray  # (U, 4): offset (vertical, horizontal), first tap, number of taps
    rows: int  # most positions that a phase has vertically
    columns: int
    low: Pair  # smallest offsets
    high: Pair  # largest offsets


@lru_cache(maxsize=1024)
def forward_plan(size: Pair, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair) -> Plan:
    """For the convolution of an image of `size`: one phase that has all taps."""
    (KH, KW), (OH, OW) = kernel, output_size(size, kernel, stride, padding, dilation)
    taps = [(i * dilation[0] - padding[0], j * dilation[1] - padding[1], i * KW + j) for i in range(KH) for j in range(KW)]
    return _plan((OH, OW), stride, (1, 1), [((0, 0, OH, OW), taps)])


@lru_cache(maxsize=1024)
def transposed_plan(size: Pair, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair) -> Plan:
    """For the transpose, whose output is an image of `size`: one phase for each remainder of the pixel's position by the stride."""
    phases = []
    for u0 in range(min(stride[0], size[0])):
        for v0 in range(min(stride[1], size[1])):
            vertical = _reaching(u0, kernel[0], stride[0], padding[0], dilation[0])
            horizontal = _reaching(v0, kernel[1], stride[1], padding[1], dilation[1])
            positions = (u0, v0, -(-(size[0] - u0) // stride[0]), -(-(size[1] - v0) // stride[1]))
            phases.append((positions, [(dy, dx, i * kernel[1] + j) for i, dy in vertical for j, dx in horizontal]))
    return _plan(size, (1, 1), stride, phases)


def _reaching(u0: int, kernel: int, stride: int, padding: int, dilation: int) -> list[tuple[int, int]]:
    """(tap, offset) for the taps that reach pixels of remainder u0, along one axis."""
    distances = [(i, u0 + padding - i * dilation) for i in range(kernel)]
    return [(i, distance // stride) for i, distance in distances if distance % stride == 0]


def _plan(out_size: Pair, in_stride: Pair, out_stride: Pair, phases: list[tuple[tuple, list]]) -> Plan:
    """The tables for `phases`, each given by its positions (origin, rows, columns) and its taps."""
    phase_table: list[tuple] = []
    tap_table: list[tuple] = []
    run_table: list[list[int]] = []
    for positions, taps in phases:
        first_tap, first_run = len(tap_table), len(run_table)
        for dy, dx, tap in sorted(taps):
            if len(run_table) > first_run and _continues(run_table[-1], dy, dx):
                run_table[-1][3] += 1
            else:
                run_table.append([dy, dx, len(tap_table), 1])
            tap_table.append((dy, dx, tap))
        phase_table.append((first_tap, len(tap_table), first_run, len(run_table), *positions))
    table, offsets = np.array(phase_table, np.int64), np.array(tap_table, np.int64).reshape(-1, 3)
    seen = offsets[:, :2] if tap_table else np.zeros((1, 2), np.int64)  # a stride larger than the kernel can leave no tap at all
    low, high = seen.min(axis=0), seen.max(axis=0)
    return Plan(
        out_size, in_stride, out_stride, table, offsets, np.array(run_table, np.int64).reshape(-1, 4),
        int(table[:, 6].max()), int(table[:, 7].max()), (int(low[0]), int(low[1])), (int(high[0]), int(high[1])),
    )  # fmt: skip


def _continues(run: list[int], dy: int, dx: int) -> bool:
    """Whether a tap of offset (dy, dx) sees the pixel to the right of the last one of `run`."""
    return dy == run[0] and dx == run[1] + run[3]
