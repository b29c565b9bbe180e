"""Pooling, one tap of all windows at a time: the definition, in plain NumPy."""

from collections.abc import Iterator

import numpy as np

from kernels.geometry import Pair
from kernels.layout import to_nchw, to_nhwc
from kernels.pool2d.windows import lengths, out_size


def taps(rows: np.ndarray, columns: np.ndarray, dilation: Pair) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """For tap (i, j) of all windows, in row-major order: its rows (OH, 1), its columns (1, OW), and whether it exists (OH, OW).

    rows, columns: the bounds of the windows; see `kernels.pool2d.windows`. Where a tap does not exist, its place is 0.
    """
    for i in range(lengths(rows, dilation[0]).max()):
        for j in range(lengths(columns, dilation[1]).max()):
            row, column = rows[0, :-1, None] + i * dilation[0], columns[0, None, :-1] + j * dilation[1]
            row_exists, column_exists = row < rows[1, :-1, None], column < columns[1, None, :-1]
            yield row * row_exists, column * column_exists, row_exists & column_exists


def places_error(indices: np.ndarray, size: Pair) -> ValueError:
    """The error for indices that are not all places h*W + w in a plane of `size` (H, W), or -1."""
    return ValueError(f"indices: got {indices.min()} to {indices.max()}, expected places in a plane of size {tuple(size)}, or -1")


def max_pool2d(x: np.ndarray, rows: np.ndarray, columns: np.ndarray, dilation: Pair) -> tuple[np.ndarray, np.ndarray]:
    """The running maximum over the taps; see `kernels.pool2d`."""
    N, C, _, W = x.shape
    y = to_nchw(np.full((N, *out_size((rows, columns)), C), -np.inf, x.dtype))
    indices = to_nchw(np.full((N, *out_size((rows, columns)), C), -1, np.int64))
    for row, column, exists in taps(rows, columns, dilation):
        value = x[:, :, row, column]  # (N, C, OH, OW)
        wins = ((value > y) | np.isnan(value) | (indices < 0)) & exists
        y[...] = np.where(wins, value, y)
        indices[...] = np.where(wins, row * W + column, indices)
    return y, indices


def max_pool2d_backward(gy: np.ndarray, indices: np.ndarray, input_size: Pair, windows: object = None) -> np.ndarray:
    """gx[indices[o]] += gy[o]; see `kernels.pool2d`."""
    N, C, OH, OW = gy.shape
    H, W = input_size
    if ((indices < -1) | (indices >= H * W)).any():
        raise places_error(indices, input_size)
    gx = np.zeros((N, C, H * W + 1), gy.dtype)  # the last place takes what index -1 sends
    n, c, _ = np.ogrid[:N, :C, :1]
    np.add.at(gx, (n, c, indices.reshape(N, C, OH * OW)), gy.reshape(N, C, OH * OW))
    return to_nchw(to_nhwc(gx[:, :, :-1].reshape(N, C, H, W)))


def max_pool2d_gather(x: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """y[o] = x[indices[o]]; see `kernels.pool2d`."""
    N, C, H, W = x.shape
    if ((indices < -1) | (indices >= H * W)).any():
        raise places_error(indices, (H, W))
    places = indices.reshape(N, C, indices.shape[2] * indices.shape[3])
    y = np.where(places < 0, 0, np.take_along_axis(x.reshape(N, C, H * W), places.clip(0), axis=2))
    return to_nchw(to_nhwc(y.astype(x.dtype).reshape(indices.shape)))


def avg_pool2d(x: np.ndarray, rows: np.ndarray, columns: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """The sum over the taps, in float64 at least, times `scale` (OH, OW); see `kernels.pool2d`."""
    total = np.zeros((*x.shape[:2], *scale.shape), np.result_type(x, np.float64))
    for row, column, exists in taps(rows, columns, (1, 1)):
        total += np.where(exists, x[:, :, row, column], 0)
    return to_nchw(to_nhwc((total * scale).astype(x.dtype)))


def global_avg_pool2d(x: np.ndarray) -> np.ndarray:
    """The mean of every plane, summed in float64 at least; see `kernels.pool2d`."""
    return x.mean(axis=(2, 3), keepdims=True, dtype=np.result_type(x, np.float64)).astype(x.dtype)


def global_avg_pool2d_backward(gy: np.ndarray, input_size: Pair) -> np.ndarray:
    """gy / (H*W) everywhere in its plane; see `kernels.pool2d`."""
    H, W = input_size
    share = gy / gy.dtype.type(H * W)
    return to_nchw(to_nhwc(np.broadcast_to(share, (*gy.shape[:2], H, W))))
