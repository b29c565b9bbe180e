"""Segmenting images of any size by overlapping tiles, seamlessly.

O. Ronneberger, P. Fischer, T. Brox: U-Net. MICCAI 2015, arXiv:1505.04597, figure 2.

A network of valid convolutions computes each pixel of its result from true pixels alone: those around it, as far as its border reaches.
So a piece of the result can be computed from a piece of the image, wider by that border, and is the same as if the whole image had
been seen. Beyond its own border the image is mirrored.
"""

from itertools import product
from typing import Protocol

import numpy as np

from minitorch_cv import empty
from minitorch_cv.autograd import no_grad
from minitorch_cv.data.pixels import image_size
from minitorch_cv.tensor import Tensor


class ValidNetwork(Protocol):
    """A segmentation network of valid convolutions; `models.create("unet")` is one.

    border: how many pixels the result lacks on each side. stride: the shift of the image that shifts the result and changes nothing else.
    """

    border: int
    stride: int

    def valid(self, x: Tensor) -> Tensor:
        """Images (N, C, h, w) -> logits (N, K, h - 2 border, w - 2 border)."""

    def input_size(self, size: int) -> int:
        """The least side of an image for which the result has a side of at least `size` pixels."""


def segment(model: ValidNetwork, images: Tensor, tile: int | tuple[int, int] | None = None) -> Tensor:
    """The logits (N, K, H, W) of all pixels of images (N, C, H, W), whose border is mirrored; computed tile by tile, without gradients.

    tile: the side of a tile, or (height, width), at least `model.stride`; None for the whole image at once. It is rounded down to a
    multiple of the stride, and then it changes nothing but time and memory. (NOTE: the paper's tiles of 388 x 388 pixels side by side
    are no multiple of 16: poolings in neighbouring tiles group the pixels differently, and a seam can be seen.)
    Call `model.eval()` before. Errors: TypeError for a model without `valid`, `border`, `stride` and `input_size`; ValueError for shapes.
    """
    if not all(hasattr(model, name) for name in ("valid", "border", "stride", "input_size")):
        raise TypeError(f"model: got {type(model).__name__}, expected a network of valid convolutions, with `border` and `stride`")
    if images.ndim != 4 or 0 in images.shape:
        raise ValueError(f"images: got shape {images.shape}, expected (N, C, H, W), not empty")
    H, W = images.shape[2:]
    height, width = (H, W) if tile is None else (_tile(size, model.stride) for size in image_size(tile, "tile"))
    result: Tensor | None = None
    for top, left in product(range(0, H, height), range(0, W, width)):
        rows = mirrored(H, top - model.border, model.input_size(min(height, H - top)))
        columns = mirrored(W, left - model.border, model.input_size(min(width, W - left)))
        with no_grad():
            logits = model.valid(images[:, :, rows[:, np.newaxis], columns])
            if result is None:
                result = empty(*logits.shape[:2], H, W, dtype=logits.dtype, device=logits.device)
            part = result[:, :, top : top + height, left : left + width]
            part.copy_(logits[:, :, : part.shape[2], : part.shape[3]])
    assert result is not None  # there is at least one tile
    return result


def _tile(size: int, stride: int) -> int:
    if size < stride:
        raise ValueError(f"tile: got {size}, expected at least {stride} pixels, the stride of the model")
    return size // stride * stride


def mirrored(length: int, start: int, count: int) -> np.ndarray:
    """The places of `count` pixels from `start` on, in a line of `length` pixels that goes on mirrored beyond both its ends, as often
    as needed: int64, from 0 to length - 1. The outermost pixel is not repeated: ... 2 1 0 1 2 ...
    """
    period = max(2 * (length - 1), 1)
    place = np.arange(start, start + count) % period
    return np.minimum(place, period - place) if length > 1 else np.zeros(count, np.int64)
