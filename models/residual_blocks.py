"""Residual blocks, after and before activation, and the stages that they form: what all residual networks are built from.

The papers stand in the files of the networks: resnet.py, preact_resnet.py, wide_resnet.py, resnext.py, senet.py.
"""

from collections.abc import Callable, Sequence
from typing import ClassVar

import minitorch_cv.functional as F
from minitorch_cv import Tensor, nn
from models.blocks import SqueezeExcitation, linear_rule, make_divisible


class Block(nn.Module):
    """What all residual blocks have in common.

    expansion: how many times the block's `channels`, the number in the network's table, its output has.
    se: the gates of what the branch adds, if there are any. drop: stochastic depth, if there is any.
    """

    expansion: ClassVar[int]
    se: SqueezeExcitation | None
    drop: nn.StochasticDepth | None

    def add_gates(self, channels: int, se: bool, drop: float) -> None:
        """Make what stands between branch and sum. drop: the probability that stochastic depth adds nothing."""
        # NOTE: a sixteenth of the channels but at least eight, as in timm's networks; the paper has no such bound.
        self.se = SqueezeExcitation(channels, make_divisible(channels / 16)) if se else None
        self.drop = nn.StochasticDepth(drop, "row") if drop else None

    def gated(self, branch: Tensor) -> Tensor:
        """The branch, each channel times its gate, and dropped by chance, where the block does so."""
        if self.se is not None:
            branch = self.se(branch)
        return branch if self.drop is None else self.drop(branch)


def stages(
    make: Callable[..., Block], in_channels: int, channels: Sequence[int], counts: Sequence[int], stochastic_depth: float
) -> list[nn.Sequential]:
    """Stages of blocks; every one but the first halves the resolution.

    make: make(in_channels, channels, stride, drop=probability) is a block. channels, counts: of the stages.
    stochastic_depth: the probability for the last block; it grows linearly from the first on.
    """
    drops = iter(linear_rule(stochastic_depth, sum(counts)))
    result = []
    for index, (width, count) in enumerate(zip(channels, counts, strict=True)):
        stage = nn.Sequential()
        for position in range(count):
            block = make(in_channels, width, 2 if index > 0 and position == 0 else 1, drop=next(drops))
            in_channels = width * block.expansion
            stage.append(block)
        result.append(stage)
    return result


# --- Activation after the sum ---


class ResidualBlock(Block):
    """relu(shortcut + branch), where the branch ends with a batch norm, whose name is `last_norm`.

    strided_projection: the size of the shortcut's convolution where it halves the resolution.
    """

    last_norm: ClassVar[str]
    strided_projection: ClassVar[int] = 1
    downsample: nn.Module | None

    def add_end(self, in_channels: int, out_channels: int, stride: int, se: bool, drop: float) -> None:
        """Make what follows the branch."""
        self.add_gates(out_channels, se, drop)
        self.downsample = self.projection(in_channels, out_channels, stride)

    def projection(self, in_channels: int, out_channels: int, stride: int) -> nn.Module | None:
        """The paper's option B: a 1x1 convolution where the shape changes, and nothing elsewhere."""
        if stride == 1 and in_channels == out_channels:
            return None
        size = self.strided_projection if stride > 1 else 1
        return nn.Sequential(nn.Conv2d(in_channels, out_channels, size, stride, size // 2, bias=False), nn.BatchNorm2d(out_channels))

    def shortcut(self, x: Tensor) -> Tensor | None:
        """What the branch is added to; None for nothing."""
        return x if self.downsample is None else self.downsample(x)

    def join(self, norm: nn.Module, branch: Tensor, shortcut: Tensor | None) -> Tensor:
        """relu(shortcut + gated(norm(branch)))."""
        if self.se is None and (self.drop is None or not self.training):
            return norm(branch, residual=shortcut, relu=True)  # one pass over memory
        out = self.gated(norm(branch))
        return F.relu(out if shortcut is None else out + shortcut)


class BasicBlock(ResidualBlock):
    """relu(x + bn(conv(relu(bn(conv(x)))))), both convolutions 3x3, the first with `stride`."""

    expansion = 1
    last_norm = "bn2"

    def __init__(
        self, in_channels: int, channels: int, stride: int = 1, groups: int = 1, width_per_group: int = 64, se: bool = False,
        drop: float = 0.0,
    ) -> None:  # fmt: skip
        super().__init__()
        if (groups, width_per_group) != (1, 64):
            raise ValueError(f"groups and width_per_group: got {groups} and {width_per_group}, but basic blocks have 1 and 64 only")
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.add_end(in_channels, channels, stride, se, drop)

    def forward(self, x: Tensor) -> Tensor:  # (N, in_channels, H, W)
        out = self.bn1(self.conv1(x), relu=True)  # (N, channels, H/stride, W/stride)
        return self.join(self.bn2, self.conv2(out), self.shortcut(x))


class Bottleneck(ResidualBlock):
    """relu(x + 1x1(3x3(1x1(x)))), each convolution normalised, the 3x3 with `stride`.

    groups, width_per_group: the 3x3 convolution has `groups` groups of `width_per_group` channels where `channels` is 64, of twice as many
        where it is 128, and so on.
    """

    expansion = 4
    last_norm = "bn3"
    first_squeeze: ClassVar[int] = 1  # how many times fewer channels the first 1x1 convolution makes than the 3x3

    def __init__(
        self, in_channels: int, channels: int, stride: int = 1, groups: int = 1, width_per_group: int = 64, se: bool = False,
        drop: float = 0.0,
    ) -> None:  # fmt: skip
        super().__init__()
        first = groups * max(1, round(channels * width_per_group / 64 / self.first_squeeze))
        inner, out_channels = first * self.first_squeeze, channels * self.expansion
        self.conv1 = nn.Conv2d(in_channels, first, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(first)
        self.conv2 = nn.Conv2d(first, inner, 3, stride, padding=1, groups=groups, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, out_channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out_channels)
        self.add_end(in_channels, out_channels, stride, se, drop)

    def forward(self, x: Tensor) -> Tensor:  # (N, in_channels, H, W)
        out = self.bn1(self.conv1(x), relu=True)  # (N, first, H, W)
        out = self.bn2(self.conv2(out), relu=True)  # (N, inner, H/stride, W/stride)
        return self.join(self.bn3, self.conv3(out), self.shortcut(x))  # (N, 4 * channels, H/stride, W/stride)


# --- Activation before each convolution ---


class PreActBlock(Block):
    """What the blocks have in common: shortcut + branch, with nothing behind the sum.

    Where a block changes the shape, its shortcut is a 1x1 convolution of what the first ReLU gives; elsewhere it is the input itself.

    in_channels, channels, stride: `channels` is the number in the network's table, the block's output has `expansion` times as many.
    dropout: the probability before the last convolution (wide ResNets).
    se: squeeze and excitation of the branch. drop: the probability that stochastic depth adds nothing.
    """

    def __init__(
        self, in_channels: int, channels: int, stride: int = 1, dropout: float = 0.0, se: bool = False, drop: float = 0.0
    ) -> None:  # fmt: skip
        super().__init__()
        out_channels = channels * self.expansion
        changes = stride != 1 or in_channels != out_channels
        self.downsample = nn.Sequential({"conv": nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)}) if changes else None
        self.add_branch(in_channels, channels, stride)
        self.dropout = nn.Dropout(dropout) if dropout else None
        self.add_gates(out_channels, se, drop)

    def add_branch(self, in_channels: int, channels: int, stride: int) -> None:
        """Make the layers of the branch."""

    def last(self, convolution: nn.Module, x: Tensor) -> Tensor:
        """The branch's last convolution, and all that may stand around it."""
        if self.dropout is not None:
            x = self.dropout(x)
        return self.gated(convolution(x))

    def shortcut(self, x: Tensor, activated: Tensor) -> Tensor:
        """x: the block's input; activated: relu(norm1(x))."""
        return x if self.downsample is None else self.downsample(activated)


class PreActBasic(PreActBlock):
    """Two 3x3 convolutions, the first with the stride."""

    expansion = 1

    def add_branch(self, in_channels: int, channels: int, stride: int) -> None:
        self.norm1 = nn.BatchNorm2d(in_channels)
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:  # (N, in_channels, H, W)
        activated = self.norm1(x, relu=True)
        out = self.norm2(self.conv1(activated), relu=True)  # (N, channels, H/stride, W/stride)
        return self.last(self.conv2, out) + self.shortcut(x, activated)


class PreActBottleneck(PreActBlock):
    """1x1, 3x3 with the stride, 1x1."""

    expansion = 4
    strides_at: ClassVar[int] = 1  # the convolution that has the stride, counted from 0

    def add_branch(self, in_channels: int, channels: int, stride: int) -> None:
        first, second = (stride, 1) if self.strides_at == 0 else (1, stride)
        self.norm1 = nn.BatchNorm2d(in_channels)
        self.conv1 = nn.Conv2d(in_channels, channels, 1, first, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, second, padding=1, bias=False)
        self.norm3 = nn.BatchNorm2d(channels)
        self.conv3 = nn.Conv2d(channels, channels * self.expansion, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:  # (N, in_channels, H, W)
        activated = self.norm1(x, relu=True)
        out = self.norm2(self.conv1(activated), relu=True)  # (N, channels, H, W)
        out = self.norm3(self.conv2(out), relu=True)  # (N, channels, H/stride, W/stride)
        return self.last(self.conv3, out) + self.shortcut(x, activated)  # (N, 4 * channels, H/stride, W/stride)
