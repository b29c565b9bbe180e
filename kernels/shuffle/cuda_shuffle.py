"""Rearranging on a GPU: see shuffle.cu."""

from typing import Any

from kernels import gpu
from kernels.gpu.constants import constant
from kernels.layout import to_nchw, to_nhwc
from kernels.shuffle import numpy_shuffle
from kernels.shuffle.offsets import Pieces, channel_pieces, shuffled_pieces, unshuffled_pieces

SOURCE = gpu.CudaSource("shuffle.cu")
MOVED_AS = {2: "float16", 4: "float32", 8: "float64"}  # a type of the same size, by bytes


def channel_shuffle(x: Any, groups: int) -> Any:
    """See `kernels.shuffle`."""
    return _rearrange(x, channel_pieces(x.shape, groups)) if x.dtype.itemsize in MOVED_AS else numpy_shuffle.channel_shuffle(x, groups)


def pixel_shuffle(x: Any, upscale_factor: int) -> Any:
    """See `kernels.shuffle`."""
    if x.dtype.itemsize not in MOVED_AS:
        return numpy_shuffle.pixel_shuffle(x, upscale_factor)
    return _rearrange(x, shuffled_pieces(x.shape, upscale_factor))


def pixel_unshuffle(x: Any, downscale_factor: int) -> Any:
    """See `kernels.shuffle`."""
    if x.dtype.itemsize not in MOVED_AS:
        return numpy_shuffle.pixel_unshuffle(x, downscale_factor)
    return _rearrange(x, unshuffled_pieces(x.shape, downscale_factor))


def _rearrange(x: Any, pieces: Pieces) -> Any:
    y = gpu.empty(pieces.shape, x.dtype)
    if y.size:
        N, OH, OW, OC = pieces.shape
        blocks, threads = gpu.launch_sizes(N * OH, OW * OC)
        SOURCE.launch("gather_pieces", MOVED_AS[x.dtype.itemsize], blocks, threads, to_nhwc(x), y, constant(pieces.offsets),
                      N * OH, OW * OC, *pieces.offsets.shape, pieces.row_step, pieces.piece_step)  # fmt: skip
    return to_nchw(y)
