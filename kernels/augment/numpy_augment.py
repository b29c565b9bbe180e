"""Pieces of images, by indexing: the definition."""

import numpy as np

from kernels.geometry import Pair
from kernels.layout import contiguous, to_nchw


def augment(images: np.ndarray, picks: np.ndarray, size: Pair, values: np.ndarray, fill: int) -> np.ndarray:
    """See `kernels.augment`."""
    (_, C, H, W), (OH, OW) = images.shape, size
    number, top, left, mirrored = picks.T[..., None]  # (B, 1) each
    rows = top + np.arange(OH)  # (B, OH)
    columns = left + np.where(mirrored != 0, np.arange(OW)[::-1], np.arange(OW))  # (B, OW)
    inside = ((rows >= 0) & (rows < H))[:, :, None] & ((columns >= 0) & (columns < W))[:, None, :]  # (B, OH, OW)
    pixels = images.transpose(0, 2, 3, 1)[number[:, :, None], rows.clip(0, H - 1)[:, :, None], columns.clip(0, W - 1)[:, None, :]]
    pixels = np.where(inside[..., None], pixels, np.uint8(fill))  # (B, OH, OW, C)
    return to_nchw(contiguous(values[np.arange(C), pixels]))
