"""Layers that put a border around images."""

from minitorch_cv import functional as F
from minitorch_cv.functional.arguments import checked
from minitorch_cv.nn.module import Module
from minitorch_cv.tensor import Tensor

Border = int | tuple[int, int, int, int]


class _Pad2d(Module):
    """What the layers share. padding: (left, right, top, bottom) in pixels, or one number for all; `mode` is that of `functional.pad`."""

    mode = "constant"

    @checked
    def __init__(self, padding: Border) -> None:
        super().__init__()
        widths = tuple(padding) if isinstance(padding, (tuple, list)) else (padding,) * 4
        if len(widths) != 4 or not all(hasattr(width, "__index__") for width in widths):
            raise ValueError(f"padding: got {padding!r}, expected an integer, or four of them: left, right, top, bottom")
        self.padding = widths

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, self.mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ConstantPad2d(_Pad2d):
    """A border of `value`."""

    @checked
    def __init__(self, padding: Border, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, self.mode, self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class ZeroPad2d(_Pad2d):
    """A border of zeros."""


class ReflectionPad2d(_Pad2d):
    """A border of the image's pixels, mirrored at the outermost ones."""

    mode = "reflect"


class ReplicationPad2d(_Pad2d):
    """A border of copies of the outermost pixels."""

    mode = "replicate"


class CircularPad2d(_Pad2d):
    """A border of the pixels from the opposite edge."""

    mode = "circular"
