"""How the groups of an array become the rows of a matrix: for layer normalisation on every kind of array."""

import math
from typing import NamedTuple

import numpy as np

from kernels.layout import contiguous


class Arrangement(NamedTuple):
    """How an array becomes a matrix of groups: its axes in the order of memory, those of a group last."""

    shape: tuple[int, ...]
    order: tuple[int, ...]
    dims: int

    def rows(self, x: np.ndarray) -> np.ndarray:
        """x, or statistics with groups of one element, as (M, D): the same memory where its order allows, else a copy."""
        outer = x.ndim - self.dims
        return contiguous(x.transpose(self.order)).reshape(math.prod(x.shape[:outer]), math.prod(x.shape[outer:]))

    def group(self, weight: np.ndarray | None) -> np.ndarray | None:
        """What belongs to the members of a group as (D,); None stays None."""
        return None if weight is None else contiguous(weight.transpose(self._within())).reshape(-1)

    def from_rows(self, rows: np.ndarray) -> np.ndarray:
        """The inverse of `rows`, for (M, D) or (M, 1)."""
        outer = len(self.shape) - self.dims
        lengths = [self.shape[axis] if axis < outer or rows.shape[1] != 1 else 1 for axis in self.order]
        return rows.reshape(lengths).transpose(*np.argsort(self.order).tolist())

    def from_group(self, values: np.ndarray) -> np.ndarray:
        """The inverse of `group`."""
        lengths = [self.shape[axis] for axis in self.order[len(self.order) - self.dims :]]
        return values.reshape(lengths).transpose(*np.argsort(self._within()).tolist())

    def _within(self) -> tuple[int, ...]:
        outer = len(self.shape) - self.dims
        return tuple(axis - outer for axis in self.order[outer:])


def arrangement(x: np.ndarray, dims: int) -> Arrangement:
    """The one that leaves as much of x where it is as possible."""

    def slowest_first(axes: range) -> list[int]:
        return sorted(axes, key=lambda axis: -x.strides[axis])

    outer = x.ndim - dims
    return Arrangement(x.shape, (*slowest_first(range(outer)), *slowest_first(range(outer, x.ndim))), dims)
