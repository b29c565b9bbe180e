"""Bands: the pieces of an image that fit into a core's cache, copied there with the padding around them."""

from kernels.conv2d.plan import Plan
from kernels.jit import jit

SCRATCH_BYTES = 1 << 17  # of input in one band: leaves room for the weights in a second-level cache of 512 KiB


def band_rows(plan: Plan, row_bytes: int, most: int) -> int:
    """How many rows of positions a unit takes: its input fits into the scratch, and there are not more than `most`."""
    fitting = (SCRATCH_BYTES // row_bytes - (plan.high[0] - plan.low[0] + 1)) // plan.in_stride[0] + 1
    return max(1, min(plan.rows, fitting, most))


def round_up(count: int, multiple: int) -> int:
    """The smallest multiple of `multiple` that is at least `count`."""
    return -(-count // multiple) * multiple


@jit
def copy_rows(x, n, first_row, rows, first_column, width, first_channel, channels, out, padded_channels):
    """out (rows, width, padded_channels) = that part of image n of x (N, H, W, C); zero where it lies outside."""
    _, H, W, C = x.shape
    pixels, start = x.reshape(-1), n * H * W
    left, right = min(max(0, -first_column), width), min(width, W - first_column)
    for row in range(rows):
        target, u = row * width * padded_channels, first_row + row
        if u < 0 or u >= H or right <= left:
            out[target : target + width * padded_channels] = 0
            continue
        out[target : target + left * padded_channels] = 0
        out[target + right * padded_channels : target + width * padded_channels] = 0
        source = (start + u * W + first_column) * C + first_channel
        if channels == C and channels == padded_channels:
            out[target + left * C : target + right * C] = pixels[source + left * C : source + right * C]
            continue
        for column in range(left, right):
            a, b = target + column * padded_channels, source + column * C
            for c in range(channels):
                out[a + c] = pixels[b + c]
            for c in range(channels, padded_channels):
                out[a + c] = 0
