r"""Resampling: images of another size, or with another border, of which each pixel is a weighted sum of a few pixels of the old ones.

    y[n, c, oh, ow] = sum over (h, w) of rows[oh, h] * columns[ow, w] * x[n, c, h, w]

for two sparse matrices `rows` (OH, H) and `columns` (OW, W), given as tables of `Taps`. `taps.py` makes those of nearest, linear and cubic
interpolation. Padding by reflection and the like are tables too, with one tap of weight 1 for each pixel.
The map is linear, and its adjoint is the same map with the transposed tables: `resample2d(gy, rows.adjoint, columns.adjoint)`.

Shapes: x (N, C, H, W), any strides; y (N, C, OH, OW), channels-last in memory. A pixel without taps is zero. A NaN or infinity
reaches the pixels that have a tap on it, and no others. An empty batch gives an empty result.
"""

import numpy as np

from kernels.backend import implementation
from kernels.checks import check_floating, check_ndim
from kernels.resample.taps import Taps


def resample2d(x: np.ndarray, rows: Taps, columns: Taps) -> np.ndarray:
    """rows @ x @ columns^T for every plane of x (N, C, H, W): (N, C, OH, OW)."""
    check_floating("x", x)
    check_ndim("x", x, 4)
    for name, taps, size in (("rows", rows, x.shape[2]), ("columns", columns, x.shape[3])):
        if taps.size != size:
            raise ValueError(f"{name}: got taps on {taps.size} pixels, expected {size} for x of shape {x.shape}")
    return implementation("resample", "resample2d", x)(x, rows, columns)
