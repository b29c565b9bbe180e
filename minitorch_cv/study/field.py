"""Receptive fields: what the positions of a map see of the image, along its height or its width.

Two descriptions go side by side. One is exact, for an image of this size: the first and the last pixel that each position sees. The
other is what papers state, for an image without borders: all positions see windows of one size at equal distances.

A. Araujo, W. Norris, J. Sim: Computing Receptive Fields of Convolutional Neural Networks. Distill 2019.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from minitorch_cv.study.window import Window

NO_PIXEL = np.iinfo(np.int64).max // 2  # the first pixel that a position in the padding sees

Place = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Field:
    """What a map sees along one line of the image.

    place: (dim, inner), where the positions lie in the tensor: the one with index i in dimension `dim` is number i // inner (modulo how
        many there are), so that a flattened map is described too. None where all elements of the tensor see the same.
    first, last: (positions,) int64, the pixels that each sees, in an image of this size.
    pixels: the length of the image's line.
    stride, centre, size: in pixels, for an image without borders: from one position to the next; the middle of what position 0 sees,
        0 being the first pixel; how many pixels a position sees.
    enlarged: the map, or one before it, was made larger, so that neighbours see windows of different sizes: those above are means.
    whole: a layer has looked at all positions at once (global pooling, a linear layer, a gate): stride and size do not apply.
    """

    place: Place | None
    first: np.ndarray
    last: np.ndarray
    pixels: int
    stride: Fraction = Fraction(1)
    centre: Fraction = Fraction(0)
    size: Fraction = Fraction(1)
    enlarged: bool = False
    whole: bool = False

    def __len__(self) -> int:
        return len(self.first)

    def through(self, window: Window) -> "Field":
        """What a layer's results see that looks at windows of these positions."""
        inside = (window.taps >= 0) & (window.taps < len(self))
        taps = np.where(inside, window.taps, 0)
        first = np.where(inside, self.first[taps], NO_PIXEL).min(axis=1)
        last = np.where(inside, self.last[taps], -1).max(axis=1)
        return replace(
            self, first=first, last=last, stride=self.stride * window.stride, centre=self.centre + window.centre * self.stride,
            size=self.size + window.reach * self.stride, enlarged=self.enlarged or window.stride < 1,
        )  # fmt: skip

    def collapsed(self) -> "Field":
        """What results see that look at all positions."""
        return replace(self, place=None, first=self.first.min(keepdims=True), last=self.last.max(keepdims=True), whole=True)

    def at(self, place: Place | None) -> "Field":
        """The same positions elsewhere in the tensor."""
        return replace(self, place=place)

    def along(self, dim: int, length: int) -> "Field | None":
        """With the positions being those of the whole dimension `dim`; None where they are not."""
        if len(self) == 1:
            return replace(self, place=(dim, 1), first=np.repeat(self.first, length), last=np.repeat(self.last, length))
        return self if self.place == (dim, 1) and len(self) == length else None

    # --- What users are told

    def described(self) -> dict[str, Any]:
        """{"size", "stride", "offset", "whole"}: in pixels.

        size: of the largest window, where they differ. offset: the middle of what position 0 sees; 0 is the centre of the first pixel.
        """
        if not self.whole:
            return {"size": self._largest(), "stride": _number(self.stride), "offset": _number(self.centre), "whole": False}
        first, last = int(self.first.min()), int(self.last.max())
        stride = _number(self.stride) if len(self) > 1 else 0
        return {"size": last - first + 1, "stride": stride, "offset": _number(Fraction(first + last, 2)), "whole": True}

    def _largest(self) -> int | float:
        """The size of the window; where neighbours see windows of different sizes, of the largest that does not touch the borders."""
        sizes = (self.last - self.first + 1)[(self.first > 0) & (self.last < self.pixels - 1)]
        return int(sizes.max()) if self.enlarged and len(sizes) else _number(self.size)


def union(fields: Sequence[Field]) -> Field:
    """What results see that are computed from one position of each."""
    if len(fields) == 1:
        return fields[0]
    places = {field.place for field in fields if len(field) > 1}
    lengths = {len(field) for field in fields if len(field) > 1}
    if len(places) > 1 or len(lengths) > 1:  # positions that do not correspond to each other
        return union([field.collapsed() for field in fields])
    first, last = fields[0].first, fields[0].last
    for field in fields[1:]:
        first, last = np.minimum(first, field.first), np.maximum(last, field.last)
    regular = [field for field in fields if not field.whole] or list(fields)
    start = min(field.centre - (field.size - 1) / 2 for field in regular)
    end = max(field.centre + (field.size - 1) / 2 for field in regular)
    place = next(iter(places)) if places else fields[0].place
    return Field(
        place, first, last, fields[0].pixels, stride=max(field.stride for field in regular), centre=(start + end) / 2, size=end - start + 1,
        enlarged=any(field.enlarged for field in fields), whole=any(field.whole for field in fields),
    )  # fmt: skip


def of_image(dim: int, length: int) -> Field:
    """The field of the image itself: every pixel sees itself."""
    pixels = np.arange(length)
    return Field((dim, 1), pixels, pixels, length)


def _number(value: Fraction) -> int | float:
    return int(value) if value.denominator == 1 else float(value)
