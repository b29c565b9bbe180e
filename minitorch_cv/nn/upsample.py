"""Layers that change the size of images, or rearrange their pixels."""

from kernels.checks import check_number
from kernels.geometry import Pair
from minitorch_cv import functional as F
from minitorch_cv.functional.arguments import checked
from minitorch_cv.functional.resample import Scale
from minitorch_cv.nn.module import Module
from minitorch_cv.tensor import Tensor


class Upsample(Module):
    """Images resampled to a size, or by a scale factor; see `functional.interpolate`."""

    @checked
    def __init__(
        self, size: int | Pair | None = None, scale_factor: Scale | None = None, mode: str = "nearest",
        align_corners: bool | None = None, recompute_scale_factor: bool | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.size, self.mode, self.align_corners, self.recompute_scale_factor = size, mode, align_corners, recompute_scale_factor
        self.scale_factor: Scale | None = scale_factor
        if isinstance(scale_factor, (tuple, list)):
            self.scale_factor = tuple(map(_as_factor, scale_factor))
        elif scale_factor is not None:
            self.scale_factor = _as_factor(scale_factor)

    def forward(self, input: Tensor) -> Tensor:
        return F.interpolate(input, self.size, self.scale_factor, self.mode, self.align_corners, self.recompute_scale_factor)

    def extra_repr(self) -> str:
        size = f"size={self.size!r}" if self.scale_factor is None else f"scale_factor={self.scale_factor!r}"
        return f"{size}, mode={self.mode!r}"


def _as_factor(value: object) -> float:
    check_number("scale_factor", value)
    return float(value)  # type: ignore[arg-type]


class UpsamplingNearest2d(Upsample):
    """Upsample by the nearest pixel."""

    @checked
    def __init__(self, size: int | Pair | None = None, scale_factor: Scale | None = None) -> None:
        super().__init__(size, scale_factor, "nearest")


class UpsamplingBilinear2d(Upsample):
    """Upsample by bilinear interpolation between corners that stay where they are (`align_corners`)."""

    @checked
    def __init__(self, size: int | Pair | None = None, scale_factor: Scale | None = None) -> None:
        super().__init__(size, scale_factor, "bilinear", align_corners=True)


class PixelShuffle(Module):
    """Channels become blocks of pixels; see `functional.pixel_shuffle`."""

    @checked
    def __init__(self, upscale_factor: int) -> None:
        super().__init__()
        self.upscale_factor = upscale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.pixel_shuffle(input, self.upscale_factor)

    def extra_repr(self) -> str:
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """Blocks of pixels become channels; see `functional.pixel_unshuffle`."""

    @checked
    def __init__(self, downscale_factor: int) -> None:
        super().__init__()
        self.downscale_factor = downscale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.pixel_unshuffle(input, self.downscale_factor)

    def extra_repr(self) -> str:
        return f"downscale_factor={self.downscale_factor}"


class ChannelShuffle(Module):
    """Channels dealt out anew among groups; see `functional.channel_shuffle`."""

    @checked
    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, input: Tensor) -> Tensor:
        return F.channel_shuffle(input, self.groups)

    def extra_repr(self) -> str:
        return f"groups={self.groups}"
