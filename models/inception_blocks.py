"""What the Inception papers share: convolution with batch norm, and branches side by side, written as tables.

An Inception module gives its input to several branches and concatenates what they return. A table lists the branches, each a
dictionary: attributes of the module, and so beginnings of `state_dict` keys, to the steps behind them, in their order.

    Table({"branch1": Conv(64)}, {"branch2": [Conv(96), Conv(128, 3)]}, {"branch3_1": Conv(16), "branch3_2": Conv(32, 3)})

has the keys branch1.conv, branch2.0.conv, branch2.1.conv, branch3_1.conv, branch3_2.conv, and a `bn` beside each `conv`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import minitorch_cv.functional as F
from minitorch_cv import Tensor, nn
from models.blocks import narrow
from models.recipes import IMAGENET

EPS = 1e-3  # of batch norm, in all Inception networks


class BasicConv2d(nn.Module):
    """relu(bn(conv(x))), the convolution without bias.

    padding: None for the one that keeps the size at stride 1, which is what the papers' figures mean where they do not say "V".
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int | tuple[int, int], stride: int = 1,
        padding: int | tuple[int, int] | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        if padding is None:
            size = (kernel_size, kernel_size) if isinstance(kernel_size, int) else kernel_size
            padding = (size[0] // 2, size[1] // 2)
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(out_channels, eps=EPS)

    def forward(self, x: Tensor) -> Tensor:  # (N, in_channels, H, W) -> (N, out_channels, OH, OW)
        return self.bn(self.conv(x), relu=True)


class Step(Protocol):
    """One layer of a table."""

    def build(self, in_channels: int, width: float) -> tuple[nn.Module, int]:
        """The layer for so many channels, and the channels that come out of it; width: multiplies channels."""


@dataclass(frozen=True)
class Conv:
    """A `BasicConv2d` of a table. padding: None for the one that keeps the size at stride 1, and for none ("V") at stride 2."""

    channels: int
    kernel: int | tuple[int, int] = 1
    stride: int = 1
    padding: int | None = None

    def build(self, in_channels: int, width: float) -> tuple[nn.Module, int]:
        channels = narrow(self.channels, width)
        padding = 0 if self.padding is None and self.stride > 1 else self.padding
        return BasicConv2d(in_channels, channels, self.kernel, self.stride, padding), channels


@dataclass(frozen=True)
class Pool:
    """A 3x3 pooling of a table; padding: None for the one that keeps the size at stride 1, and for none ("V") at stride 2."""

    kind: Callable[..., nn.Module]
    stride: int = 1
    padding: int | None = None

    def build(self, in_channels: int, width: float) -> tuple[nn.Module, int]:
        return self.kind(3, self.stride, int(self.stride == 1) if self.padding is None else self.padding), in_channels


@dataclass(frozen=True)
class Fork:
    """The end of a branch: a 1x3 and a 3x1 convolution side by side, their names ending in "a" and "b"."""

    channels: int

    def ends(self, name: str) -> dict[str, Conv]:
        return {f"{name}a": Conv(self.channels, (1, 3)), f"{name}b": Conv(self.channels, (3, 1))}


MAX = Pool(nn.MaxPool2d)
MAX_HALVES = Pool(nn.MaxPool2d, stride=2)
MEAN = Pool(nn.AvgPool2d)
MEAN_INSIDE = Pool(partial(nn.AvgPool2d, count_include_pad=False))  # at the border, the mean of those pixels that there are


class Table:
    """An Inception module as data, and a step itself: see the head of this file."""

    def __init__(self, *branches: Mapping[str, Step | Sequence[Step] | Fork]) -> None:
        self.branches = branches

    def build(self, in_channels: int, width: float) -> tuple[nn.Module, int]:
        module = Branches(in_channels, self, width)
        return module, module.out_channels


class Branches(nn.Module):
    """An Inception module: the branches of `table` side by side, their outputs concatenated.

    width: multiplies the channels of every convolution. out_channels: of all branches together.
    """

    def __init__(self, in_channels: int, table: Table, width: float = 1.0) -> None:
        super().__init__()
        self.out_channels = 0
        self.paths: list[list[list[str]]] = []  # branch -> attributes to go through, those of a fork together
        for branch in table.branches:
            channels, path = in_channels, []
            for name, step in branch.items():
                ends = step.ends(name) if isinstance(step, Fork) else {name: step}
                built = {end: build(channels, part, width) for end, part in ends.items()}
                for end, (layer, _) in built.items():
                    self.add_module(end, layer)
                channels = sum(out_channels for _, out_channels in built.values())
                path.append(list(built))
            self.paths.append(path)
            self.out_channels += channels

    def forward(self, x: Tensor) -> Tensor:  # (N, in_channels, H, W) -> (N, out_channels, OH, OW)
        outputs = []
        for path in self.paths:
            ends = [x]
            for names in path:
                ends = [getattr(self, name)(ends[0]) for name in names]
            outputs += ends
        return F.cat(outputs, 1)


def build(in_channels: int, part: Step | Sequence[Step], width: float) -> tuple[nn.Module, int]:
    """The layer of a step, or a Sequential of several; and the channels that come out of it."""
    if not isinstance(part, Sequence):
        return part.build(in_channels, width)
    layers: list[nn.Module] = []
    for step in part:
        layer, in_channels = step.build(in_channels, width)
        layers.append(layer)
    return nn.Sequential(*layers), in_channels


def stem(in_channels: int, width: float, cifar: bool) -> tuple[nn.Module, nn.Module, nn.Module, nn.Module, nn.Module]:
    """What stands before the first module of GoogLeNet and Inception v2: three convolutions and two poolings, of images of 224x224.

    cifar: for images of 32x32: the first convolution is a 3x3 one with all the channels, and the others are not there.
    """
    c1, c3 = narrow(64, width), narrow(192, width)
    if cifar:
        return BasicConv2d(in_channels, c3, 3), nn.Identity(), nn.Identity(), nn.Identity(), nn.Identity()
    return (
        BasicConv2d(in_channels, c1, 7, stride=2),  # (N, 64, 112, 112)
        nn.MaxPool2d(3, stride=2, ceil_mode=True),
        BasicConv2d(c1, c1, 1),  # (N, 64, 56, 56)
        BasicConv2d(c1, c3, 3),  # (N, 192, 56, 56)
        nn.MaxPool2d(3, stride=2, ceil_mode=True),  # (N, 192, 28, 28)
    )


def from_imagenet(x: Tensor) -> Tensor:
    """Images normalised by ImageNet's mean and deviation -> (pixel - 0.5) / 0.5, which the first Inception networks were trained on.

    Raises ValueError for images that have other than 3 channels: red, green and blue.
    """
    if x.shape[1] != 3:
        raise ValueError(f"transform_input: got images of {x.shape[1]} channels, expected 3: red, green and blue")
    channels = enumerate(zip(IMAGENET["mean"], IMAGENET["std"], strict=True))
    return F.cat([x[:, c : c + 1] * (std / 0.5) + (mean - 0.5) / 0.5 for c, (mean, std) in channels], 1)  # (N, 3, H, W)


def initialise_truncated(model: nn.Module, std: float, others: Mapping[str, float] | None = None) -> None:
    """Draw the weights of convolutions and linear layers from a normal distribution, cut off at 2 and -2.

    std: the standard deviation; others: name of a layer -> its own.
    """
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.trunc_normal_(module.weight, std=(others or {}).get(name, std))
