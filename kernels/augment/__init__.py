"""Pieces of images of bytes, mirrored or not, as floating-point numbers: random crops, flips and normalisation in one pass.

    y[b, c, oh, ow] = values[c, images[n, c, top + oh, left + ow']]        (n, top, left, mirrored) = picks[b],
                                                                           ow' = OW - 1 - ow where mirrored is 1, else ow

A byte has 256 values, so that what becomes of it is a table, `values`: divided by 255, less the mean of its channel, by its deviation, ...
whatever it is, it is computed 256 times for each channel. Where a piece reaches beyond its image there are bytes `fill`.
A whole data set may be given as `images`, of which `picks` names a few: then it can stay where it is, in a GPU's memory, say.

Shapes: images (N, C, H, W), uint8, any strides, channels-last is fast; picks (B, 4), int64; values (C, 256). The result is
(B, C, OH, OW), of the type of values, channels-last in memory.
"""

import numpy as np

from kernels.backend import implementation
from kernels.checks import check_floating, check_ndim, check_shape
from kernels.geometry import Pair, pair
from kernels.gpu import is_gpu


def augment(images: np.ndarray, picks: np.ndarray, size: int | Pair, values: np.ndarray, fill: int = 0) -> np.ndarray:
    """The pieces of `size` (OH, OW) that `picks` names; see the module's text.

    ValueError for the number of an image that is none. On a GPU nobody waits to look at the numbers: such an image is NaN.
    """
    size = pair(size, "size", 1)
    check_ndim("images", images, 4)
    check_floating("values", values)
    check_shape("values", values, (images.shape[1], 256))
    if images.dtype != np.uint8:
        raise TypeError(f"images: got {images.dtype}, expected uint8")
    if picks.dtype != np.int64:
        raise TypeError(f"picks: got {picks.dtype}, expected int64")
    check_shape("picks", picks, (picks.shape[0] if picks.ndim else 0, 4))
    if not 0 <= fill <= 255:
        raise ValueError(f"fill: got {fill}, expected 0 to 255")
    if 0 in images.shape[1:]:
        raise ValueError(f"images: got shape {images.shape}, expected no empty dimension but the batch")
    if isinstance(picks, np.ndarray) and not is_gpu(picks) and picks.size and not 0 <= picks[:, 0].min() <= picks[:, 0].max() < len(images):
        raise ValueError(f"picks: got images {picks[:, 0].min()} to {picks[:, 0].max()}, expected 0 to {len(images) - 1}")
    return implementation("augment", "augment", values)(images, picks, size, values, fill)
