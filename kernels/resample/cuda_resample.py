"""Resampling on a GPU: see resample.cu."""

from typing import Any

import numpy as np

from kernels import gpu
from kernels.gpu.constants import constant
from kernels.gpu.images import channel_vector, image_grid
from kernels.layout import to_nchw, to_nhwc
from kernels.resample.taps import Taps

SOURCE = gpu.CudaSource("resample.cu")


def resample2d(x: Any, rows: Taps, columns: Taps) -> Any:
    """See `kernels.resample`."""
    x, OH, OW = to_nhwc(x), rows.out_size, columns.out_size
    N, H, W, C = x.shape
    y = gpu.empty((N, OH, OW, C), x.dtype)
    if y.size:
        width = channel_vector(C, x)
        SOURCE.launch("resample2d", x.dtype, *image_grid(C // width, OW, OH, N), x, y, *_tables(rows, x.dtype), *_tables(columns, x.dtype),
                      N, C, H, W, OH, OW, width)  # fmt: skip
    return to_nchw(y)


def _tables(taps: Taps, dtype: Any) -> tuple[Any, Any, Any]:
    wide = np.float64 if gpu.wide_dtype(dtype) == np.float64 else np.float32
    return constant(taps.start), constant(taps.index), constant(taps.weight, wide)
