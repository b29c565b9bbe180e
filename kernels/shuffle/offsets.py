"""How results of shuffles are put together, for the versions that do so piece by piece.

A row of the result is made of pieces of equal length, each of numbers that lie near each other in x.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np


class Pieces(NamedTuple):
    """shape: of the result, (N, OH, OW, OC). offsets (kinds, elements of a piece): for each element, how far behind the beginning of its
    piece it lies in x; rows of the result are of each kind in turn, and `kinds` neighbours come from the same part of x.
    row_step, piece_step: how far apart in x these parts begin, and the pieces of a row.
    """

    shape: tuple[int, int, int, int]
    offsets: np.ndarray
    row_step: int
    piece_step: int


def channel_pieces(shape: tuple[int, ...], groups: int) -> Pieces:
    """One piece for each pixel."""
    N, C, H, W = shape
    return Pieces((N, H, W, C), _channel_offsets(C, groups), W * C, C)


def shuffled_pieces(shape: tuple[int, ...], r: int) -> Pieces:
    """`pixel_shuffle`: r rows of the result come from one row of x; a piece is what one pixel of x gives to one of these rows."""
    N, C, H, W = shape
    return Pieces((N, H * r, W * r, C // (r * r)), _shuffle_offsets(C, r), W * C, C)


def unshuffled_pieces(shape: tuple[int, ...], r: int) -> Pieces:
    """`pixel_unshuffle`: one row of the result comes from r rows of x; a piece is a block of r x r pixels."""
    N, C, H, W = shape
    return Pieces((N, H // r, W // r, C * r * r), _unshuffle_offsets(W, C, r), r * W * C, r * C)


@lru_cache(maxsize=256)
def _channel_offsets(C: int, groups: int) -> np.ndarray:
    return np.ascontiguousarray(np.arange(C).reshape(groups, C // groups).T).reshape(1, C)  # (channel of the group, group)


@lru_cache(maxsize=256)
def _shuffle_offsets(C: int, r: int) -> np.ndarray:
    blocks = np.arange(C).reshape(C // (r * r), r, r).transpose(1, 2, 0)  # (row, column in the block, channel)
    return np.ascontiguousarray(blocks).reshape(r, -1)


@lru_cache(maxsize=256)
def _unshuffle_offsets(W: int, C: int, r: int) -> np.ndarray:
    row, column, channel = np.arange(r)[:, None] * W * C, np.arange(r) * C, np.arange(C)[:, None, None]
    return (row + column + channel).reshape(1, -1)  # (channel, row in the block, column in the block)
