"""Pieces of images on a GPU: see augment.cu."""

from typing import Any

from kernels import gpu
from kernels.geometry import Pair
from kernels.layout import contiguous, to_nchw, to_nhwc

SOURCE = gpu.CudaSource("augment.cu")
STORED = 16  # bytes that a thread stores at once
MOST_SHARED = 48 * 1024  # bytes: larger tables stay where they are


def augment(images: Any, picks: Any, size: Pair, values: Any, fill: int) -> Any:
    """See `kernels.augment`."""
    images, picks, values, (OH, OW) = to_nhwc(images), contiguous(picks), contiguous(values), size
    (N, H, W, C), B = images.shape, len(picks)
    y = gpu.empty((B, OH, OW, C), values.dtype)
    blocks, threads = gpu.launch_sizes(B * OH, -(-OW * C * y.dtype.itemsize // STORED))
    shared = values.nbytes if values.nbytes <= MOST_SHARED else 0
    SOURCE.launch("augment", y.dtype, blocks, threads, images, picks, values, y, N, C, H, W, B, OH, OW, int(fill), int(shared > 0),
                  shared_memory=shared)  # fmt: skip
    return to_nchw(y)
