"""Pooling, one tap of all windows at a time: the definition, in plain NumPy."""

from collections.abc import Iterator

import numpy as np

from kernels.geometry import Pair
from kernels.layout import to_nchw, to_nhwc


def taps(out_size: Pair, kernel_size: Pair, stride: Pair, padding: Pair, dilation: Pair) -> Iterator[tuple[np.ndarray,
np.ndarray]]:
    """For every tap (i, j), in row-major order: the rows (OH, 1) and columns (1, OW) that it sees, which may lie outside the image."""
    row, column = np.ogrid[: out_size[0], : out_size[1]]
    for i in range(kernel_size[0]):
        for j in range(kernel_size[1]):
            yield row * stride[0] - padding[0] + i * dilation[0], column * stride[1] - padding[1] + j * dilation[1]


def inside(row: np.ndarray, column: np.ndarray, size: Pair) -> np.ndarray:
    """(OH, OW): whether a tap lies in the image."""
    return (row >= 0) & (row < size[0]) & (column >= 0) & (column < size[1])


def places_error(indices: np.ndarray, size: Pair) -> ValueError:
    """The error for indices that are not all places h*W + w in a plane of `size` (H, W), or -1."""
    return ValueError(f"indices: got {indices.min()} to {indices.max()}, expected places in a plane of size {tuple(size)}, or -1")


def max_pool2d(
    x: np.ndarray, kernel_size: Pair, stride: Pair, padding: Pair, dilation: Pair, out_size: Pair
) -> tuple[np.ndarray, np.ndarray]:
    """The running maximum over the taps; see `kernels.pool2d`."""
    (N, C), (H, W) = x.shape[:2], x.shape[2:]
    y = to_nchw(np.full((N, *out_size, C), -np.inf, x.dtype))
    indices = to_nchw(np.full((N, *out_size, C), -1, np.int64))
    for row, column in taps(out_size, kernel_size, stride, padding, dilation):
        value = x[:, :, row.clip(0, H - 1), column.clip(0, W - 1)]  # (N, C, OH, OW)
        wins = ((value > y) | np.isnan(value) | (indices < 0)) & inside(row, column, (H, W))
        y[...] = np.where(wins, value, y)
        indices[...] = np.where(wins, row * W + column, indices)
    return y, indices


def max_pool2d_backward(gy: np.ndarray, indices: np.ndarray, input_size: Pair) -> np.ndarray:
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


def avg_pool2d(x: np.ndarray, kernel_size: Pair, stride: Pair, padding: Pair, scale: np.ndarray) -> np.ndarray:
    """The sum over the taps, in float64 at least, times `scale` (OH, OW); see `kernels.pool2d`."""
    (N, C), (H, W) = x.shape[:2], x.shape[2:]
    total = np.zeros((N, C, *scale.shape), np.result_type(x, np.float64))
    for row, column in taps(scale.shape, kernel_size, stride, padding, (1, 1)):
        value = x[:, :, row.clip(0, H - 1), column.clip(0, W - 1)]
        total += np.where(inside(row, column, (H, W)), value, 0)
    return to_nchw(to_nhwc((total * scale).astype(x.dtype)))


def avg_pool2d_backward(
    gy: np.ndarray, input_size: Pair, kernel_size: Pair, stride: Pair, padding: Pair, scale: np.ndarray
) -> np.ndarray:
    """Every gy * scale added to the pixels of its window; see `kernels.pool2d`."""
    gx = np.zeros((*gy.shape[:2], *input_size), gy.dtype)
    scaled = gy * scale
    for row, column in taps(scale.shape, kernel_size, stride, padding, (1, 1)):
        rows, columns = np.nonzero(inside(row, column, input_size))  # each pixel meets one tap at most once
        gx[:, :, row[rows, 0], column[0, columns]] += scaled[:, :, rows, columns]
    return to_nchw(to_nhwc(gx))


def global_avg_pool2d(x: np.ndarray) -> np.ndarray:
    """The mean of every plane, summed in float64 at least; see `kernels.pool2d`."""
    return x.mean(axis=(2, 3), keepdims=True, dtype=np.result_type(x, np.float64)).astype(x.dtype)


def global_avg_pool2d_backward(gy: np.ndarray, input_size: Pair) -> np.ndarray:
    """gy / (H*W) everywhere in its plane; see `kernels.pool2d`."""
    H, W = input_size
    share = gy / gy.dtype.type(H * W)
    return to_nchw(to_nhwc(np.broadcast_to(share, (*gy.shape[:2], H, W))))
