"""Resampling, one axis after the other: the definition, in plain NumPy."""

import numpy as np

from kernels.layout import to_nchw, to_nhwc
from kernels.resample.taps import Taps


def resample2d(x: np.ndarray, rows: Taps, columns: Taps) -> np.ndarray:
    """See `kernels.resample`."""
    y = along_last(along_last(x.swapaxes(2, 3), rows).swapaxes(2, 3), columns)
    return to_nchw(to_nhwc(y))


def along_last(x: np.ndarray, taps: Taps) -> np.ndarray:
    """y[..., o] = the sum of weight[t] * x[..., index[t]] over the taps t of o: the first taps of all outputs, then all second ones, ..."""
    weight = taps.weights(x.dtype)
    y = np.zeros((*x.shape[:-1], taps.out_size), x.dtype)
    for k in range(taps.counts.max(initial=0)):
        o = np.flatnonzero(taps.counts > k)
        t = taps.start[o] + k
        y[..., o] += weight[t] * x[..., taps.index[t]]
    return y
