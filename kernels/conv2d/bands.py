"""Bands: the pieces of an image that fit into a core's cache, copied there with the padding around them."""

from kernels.conv2d.plan import Plan
from kernels.jit import jit
from kernels.simd import lanes, tile_load, tile_load_part, tile_store, tile_store_part, tile_zero

SCRATCH_BYTES = 1 << 17  # of input in one band: leaves room for the weights in a second-level cache of 512 KiB
MOST_PARTS = 16  # into which the batch is cut for a weight gradient; fixed, so that the result does not depend on the number of threads
UNITS = 16  # at least, where the image allows: enough for a few threads to share evenly


def cut_into_bands(plan: Plan, columns: int, pixel_bytes: int, most: int) -> tuple[int, int, int]:
    """(band, scratch rows, width): the rows of positions of a band, and the rows and pixels a row of the input that it sees.

    `columns` positions a row; a pixel of the scratch buffer takes `pixel_bytes`. A band's input fits into the buffer, and its rows are
    not more than `most`.
    """
    (low_y, low_x), (high_y, high_x), (step_y, step_x) = plan.low, plan.high, plan.in_stride
    width = (columns - 1) * step_x + high_x - low_x + 1
    fitting = (SCRATCH_BYTES // (width * pixel_bytes) - (high_y - low_y + 1)) // step_y + 1
    band = max(1, min(plan.rows, fitting, most))
    return band, (band - 1) * step_y + high_y - low_y + 1, width


def round_up(count: int, multiple: int) -> int:
    """The smallest multiple of `multiple` that is at least `count`."""
    return -(-count // multiple) * multiple


@jit
def copy_rows(x, n, first_row, rows, first_column, width, first_channel, channels, out, padded_channels):
    """out (rows, width, padded_channels) = that part of image n of x (N, H, W, C); zero where it lies outside."""
    _, H, W, C = x.shape
    pixels, start = x.reshape(-1), n * H * W
    left = min(max(0, -first_column), width)
    right = max(left, min(width, W - first_column))
    for row in range(rows):
        target, u = row * width * padded_channels, first_row + row
        if u < 0 or u >= H:
            fill_zero(out, target, width * padded_channels)
            continue
        source = (start + u * W + first_column + left) * C + first_channel
        inside = target + left * padded_channels
        fill_zero(out, target, left * padded_channels)
        fill_zero(out, target + right * padded_channels, (width - right) * padded_channels)
        if channels == C and channels == padded_channels:
            copy(pixels, source, out, inside, (right - left) * C)
        else:
            for column in range(right - left):
                place = inside + column * padded_channels
                copy(pixels, source + column * C, out, place, channels)
                fill_zero(out, place + channels, padded_channels - channels)


@jit
def copy(x, i, y, j, count):
    """y[j : j + count] = x[i : i + count], register by register (NumPy's slices check for broadcasting at every element)."""
    W = lanes(x)
    for k in range(0, count - W + 1, W):
        tile_store(tile_load(x, i + k, 0, 1, 1), y, j + k, 0)
    k = count // W * W
    if k < count:
        tile_store_part(tile_load_part(x, i + k, 0, 1, count - k, 1, 1), y, j + k, 0, 1, count - k)


@jit
def fill_zero(y, j, count):
    """y[j : j + count] = 0"""
    W = lanes(y)
    zero = tile_zero(y, 1, 1)
    for k in range(0, count - W + 1, W):
        tile_store(zero, y, j + k, 0)
    k = count // W * W
    if k < count:
        tile_store_part(zero, y, j + k, 0, 1, count - k)
