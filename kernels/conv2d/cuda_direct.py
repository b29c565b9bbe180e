"""Convolution of images of few channels on a GPU: see direct.cu. Functions have the arguments of `kernels.conv2d`; groups is 1.

Any number of channels will do for `conv2d` and `conv2d_weight`, and up to MOST_CHANNELS for `conv2d_input`.
"""

from functools import cache
from typing import Any

from kernels import gpu
from kernels.conv2d import cuda_im2col
from kernels.geometry import Pair, output_size, window_extent
from kernels.gpu.images import FILLED, LONGEST_SUM, next_power_of_2
from kernels.layout import contiguous, to_nchw, to_nhwc

SOURCE = gpu.CudaSource("direct.cu")
THREADS = 256
PIXELS = 8  # of a thread in the forward kernel
SPREAD = 4  # of a thread in the input's gradient
MOST_CHANNELS = 4
SHARED_MEMORY = 47 * 1024  # bytes; a block may have 48 KiB without asking for more
STAGED = 4096  # numbers in shared memory at a time, in the gradient of the weight


def conv2d(x: Any, weight: Any, bias: Any, stride: Pair, padding: Pair, dilation: Pair, groups: int = 1) -> Any:
    """y; see `kernels.conv2d`."""
    kernel_size = weight.shape[2:]
    size = output_size(x.shape[2:], kernel_size, stride, padding, dilation)
    item = gpu.wide_dtype(x.dtype).itemsize
    tile = _tile(*size, weight.shape[0], x.shape[1], item, *kernel_size, *stride, *dilation)
    if tile is None:
        return cuda_im2col.conv2d(x, weight, bias, stride, padding, dilation, groups)
    channels, beside, down, deep, shared = tile
    x, taps = to_nhwc(x), contiguous(weight.transpose(2, 3, 1, 0))  # (KH, KW, C, OC)
    bias = None if bias is None else contiguous(bias)
    (N, H, W, C), OC = x.shape, weight.shape[0]
    y = gpu.empty((N, *size, OC), x.dtype)
    tiles = -(-size[0] // down) * -(-size[1] // (PIXELS * beside))
    SOURCE.launch("direct_forward", x.dtype, (tiles, -(-OC // (8 * channels)), min(N, 65535)), (channels, beside * down),
                  x, taps, bias, y, N, C, OC, beside, deep, H, W, *size, *kernel_size, *stride, *padding, *dilation,
                  shared_memory=shared)  # fmt: skip
    return to_nchw(y)


def conv2d_input(gy: Any, weight: Any, input_size: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int = 1) -> Any:
    """gx; see `kernels.conv2d`."""
    gy, taps = to_nhwc(gy), contiguous(weight.transpose(2, 3, 1, 0))  # (KH, KW, C, OC)
    (N, OH, OW, OC), (H, W), C = gy.shape, input_size, weight.shape[1]
    gx = gpu.empty((N, H, W, C), gy.dtype)
    team = min(32, next_power_of_2(OC))
    teams = -(-W // (SPREAD * stride[1])) * stride[1]  # in a row of the image
    across = min(THREADS // team, max(32 // team, next_power_of_2(teams)))
    SOURCE.launch("direct_input", gy.dtype, (-(-teams // across), min(H, 65535), min(N, 65535)), (team, across), gy, taps, gx, N, C, OC,
                  H, W, OH, OW, *weight.shape[2:], *stride, *padding, *dilation)  # fmt: skip
    return to_nchw(gx)


def conv2d_weight(x: Any, gy: Any, kernel_size: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int = 1) -> Any:
    """gw; see `kernels.conv2d`. Blocks add up parts of the positions, one more launch adds up the parts."""
    x, gy = to_nhwc(x), to_nhwc(gy)
    (N, H, W, C), (OH, OW, OC), (KH, KW) = x.shape, gy.shape[1:], kernel_size
    channels, taps, count = _squares(OC, KH * KW * C)
    turns, positions = THREADS // (channels * taps), N * OH * OW
    tiles = -(-OC // (8 * channels)) * -(-KH * KW * C // (8 * taps))
    enough = max(-(-positions // (turns * LONGEST_SUM)), -(-FILLED // tiles))
    parts = max(1, min(enough, -(-positions // count), 65535))
    wide = gpu.wide_dtype(x.dtype)
    partial, gw = gpu.empty((parts, KH, KW, C, OC), wide), gpu.empty((OC, C, KH, KW), x.dtype)
    SOURCE.launch("direct_weight_parts", x.dtype, (tiles, parts), THREADS, x, gy, partial, N, C, OC, channels, taps, count,
                  H, W, OH, OW, KH, KW, *stride, *padding, *dilation,
                  shared_memory=max(count * 8 * (channels + taps), 8 * THREADS) * wide.itemsize)  # fmt: skip
    SOURCE.launch("direct_weight", x.dtype, -(-gw.size // 32), (32, 8), partial, gw, parts, KH * KW, C, OC)
    return gw


@cache
def _tile(OH: int, OW: int, OC: int, C: int, item: int, KH: int, KW: int, sh: int, sw: int, dh: int, dw: int) -> tuple[int, ...] | None:
    """How the forward kernel cuts its work; None where not one row of the window finds room in shared memory.

    (groups of 8 channels of a block, places beside one another in a tile, and below one another, rows of the window at a time, bytes).

    Of the tiles for most threads that find room, the one with the fewest pixels beyond the image.
    """
    channels = min(8, next_power_of_2(-(-OC // 8)))
    for threads in (THREADS, THREADS // 2, THREADS // 4):
        found = []
        for beside in (4, 2, 1, 8, 16):
            down, columns = threads // channels // beside, PIXELS * beside
            row = (window_extent(KW, dw) + (columns - 1) * sw) * C  # of the patch of input, in numbers
            shared = [((((down - 1) * sh + window_extent(d, dh)) * row) + d * KW * C * 8 * channels) * item for d in range(1, KH + 1)]
            deep = sum(size <= SHARED_MEMORY for size in shared)
            if down and deep:
                waste = -(-OH // down) * down * -(-OW // columns) * columns
                found.append((waste, (channels, beside, down, deep, shared[deep - 1])))
        if found:
            return min(found, key=lambda tile: tile[0])[1]
    return None


@cache
def _squares(OC: int, taps: int) -> tuple[int, int, int]:
    """How the weight's gradient cuts its work: (8s of output channels of a block, 8s of taps, positions in shared memory at a time)."""
    channels = min(8, next_power_of_2(-(-OC // 8)))
    eights = -(-taps // 8)
    teams = min((8, 4, 2, 1), key=lambda t: -(-eights // t) * t)
    count = 1 << (STAGED // (8 * (channels + teams))).bit_length() - 1
    return channels, teams, min(count, THREADS)
