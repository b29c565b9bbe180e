"""Convolution layers: Conv2d and ConvTranspose2d."""

from collections.abc import Sequence

import numpy as np

from kernels.geometry import Pair, pair, transposed_output_size
from minitorch_cv import functional as F
from minitorch_cv.device import DeviceLike
from minitorch_cv.functional.arguments import checked
from minitorch_cv.functional.checks import as_batch
from minitorch_cv.functional.conv import check_padding_name
from minitorch_cv.functional.padding import BORDERS
from minitorch_cv.nn import init
from minitorch_cv.nn.module import Module
from minitorch_cv.nn.parameter import new_parameter
from minitorch_cv.tensor import Tensor


class _Conv(Module):
    """What both layers share: the options, the parameters and how they are drawn and shown."""

    padding: Pair | str
    output_padding: Pair = (0, 0)

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int | Pair, stride: int | Pair, padding: int | Pair | str,
        dilation: int | Pair, groups: int, bias: bool, padding_mode: str, transposed: bool,
        device: DeviceLike, dtype: np.dtype | type,
    ) -> None:  # fmt: skip
        super().__init__()
        allowed = ("zeros",) if transposed else ("zeros", *BORDERS)
        if padding_mode not in allowed:
            raise ValueError(f"padding_mode: got {padding_mode!r}, expected {' or '.join(map(repr, allowed))}")
        for name, channels in (("in_channels", in_channels), ("out_channels", out_channels)):
            if channels < 1:
                raise ValueError(f"{name}: got {channels}, expected a positive integer")
            if groups < 1 or channels % groups:
                raise ValueError(f"groups: got {groups}, expected a positive integer that divides {name} = {channels}")
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size, self.stride = pair(kernel_size, "kernel_size", 1), pair(stride, "stride", 1)
        self.padding = padding if isinstance(padding, str) else pair(padding, "padding", 0)
        self.dilation, self.padding_mode = pair(dilation, "dilation", 1), padding_mode
        outer, inner = (in_channels, out_channels) if transposed else (out_channels, in_channels)
        self.weight = new_parameter((outer, inner // groups, *self.kernel_size), dtype, device)
        self.register_parameter("bias", new_parameter(out_channels, dtype, device) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew: uniform on [-1/sqrt(fan_in), 1/sqrt(fan_in)] with fan_in = weight[0].size, as PyTorch does."""
        init.default_weight_and_bias_(self.weight, self.bias)

    def extra_repr(self) -> str:
        parts = [f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"]
        unusual = {"padding": (0, 0), "dilation": (1, 1), "output_padding": (0, 0), "groups": 1}
        parts += [f"{name}={getattr(self, name)}" for name, usual in unusual.items() if getattr(self, name) != usual]
        parts += ["bias=False"] if self.bias is None else []
        return ", ".join(parts + ([f"padding_mode={self.padding_mode}"] if self.padding_mode != "zeros" else []))


class Conv2d(_Conv):
    """Convolution of images (N, in_channels, H, W) with a learned kernel; see `functional.conv2d` for the arithmetic and the options.

    padding_mode: what the padding consists of: "zeros", or the image's own pixels, by "reflect", "replicate" or "circular" of
    `functional.pad`.
    State: weight (out_channels, in_channels/groups, KH, KW), bias (out_channels,).
    """

    @checked
    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int | Pair, stride: int | Pair = 1, padding: int | Pair | str = 0,
        dilation: int | Pair = 1, groups: int = 1, bias: bool = True, padding_mode: str = "zeros",
        *, device: DeviceLike = None, dtype: np.dtype | type = np.float32,
    ) -> None:  # fmt: skip
        check_padding_name(padding, stride)
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode, False, device, dtype
        )

    def forward(self, input: Tensor) -> Tensor:
        padding: int | Pair | str = self.padding
        if self.padding_mode != "zeros" and padding not in ("valid", (0, 0)):
            input, padding = F.pad(input, self._border(), self.padding_mode), 0
        return F.conv2d(input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)

    def _border(self) -> list[int]:
        """(left, right, top, bottom): the padding, as `functional.pad` wants it."""
        if self.padding == "same":
            totals = [d * (k - 1) for d, k in zip(self.dilation, self.kernel_size, strict=True)][::-1]
            return [width for total in totals for width in (total // 2, total - total // 2)]
        vertical, horizontal = pair(self.padding, "padding", 0)  # type: ignore[arg-type]
        return [horizontal, horizontal, vertical, vertical]


class ConvTranspose2d(_Conv):
    """Transposed convolution of images (N, in_channels, H, W); see `functional.conv_transpose2d`.

    State: weight (in_channels, out_channels/groups, KH, KW), bias (out_channels,).
    """

    padding: Pair

    @checked
    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int | Pair, stride: int | Pair = 1, padding: int | Pair = 0,
        output_padding: int | Pair = 0, groups: int = 1, bias: bool = True, dilation: int | Pair = 1, padding_mode: str = "zeros",
        *, device: DeviceLike = None, dtype: np.dtype | type = np.float32,
    ) -> None:  # fmt: skip
        super().__init__(
            in_channels, out_channels, kernel_size, stride, pair(padding, "padding", 0), dilation, groups, bias, padding_mode, True,
            device, dtype,
        )  # fmt: skip
        self.output_padding = pair(output_padding, "output_padding", 0)

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """output_size: (OH, OW) that is wanted, or a shape that ends so; it takes the place of output_padding."""
        extra = self.output_padding if output_size is None else self._output_padding(input, output_size)
        return F.conv_transpose2d(input, self.weight, self.bias, self.stride, self.padding, extra, self.groups, self.dilation)

    def _output_padding(self, input: Tensor, output_size: Sequence[int]) -> Pair:
        """What is missing to the size that is wanted: of the sizes that a convolution would have brought to that of `input`, the one."""
        wanted, (_, _, H, W) = tuple(output_size)[-2:], as_batch(input)[0].shape
        least = transposed_output_size((H, W), self.kernel_size, self.stride, self.padding, self.dilation, (0, 0))
        most = tuple(n + s - 1 for n, s in zip(least, self.stride, strict=True))
        if len(wanted) != 2 or not all(low <= n <= high for low, n, high in zip(least, wanted, most, strict=True)):
            raise ValueError(f"output_size: got {tuple(output_size)}, expected from {least} to {most} for an input of shape {input.shape}")
        return wanted[0] - least[0], wanted[1] - least[1]
