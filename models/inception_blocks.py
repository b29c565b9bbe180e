"""What the Inception papers share: convolution with batch norm, and branches side by side, written as tables.

An Inception module gives its input to several branches and concatenates what they return. A table is a list of branches, and
a branch is a dictionary: names of the module's attributes, and so its `state_dict` keys, to the steps behind them, in order.

    [{"branch1": Conv(64)}, {"branch2": [Conv(96), Conv(128, 3)]}, {"branch3_1": Conv(16), "branch3_2": Conv(32, 3)}]

has the keys branch1.conv, branch2.0.conv, branch2.1.conv, branch3_1.conv, branch3_2.conv, and a `bn` beside each `conv`.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

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


class Conv(NamedTuple):
    """A `BasicConv2d` of a table. padding: None for the one that keeps the size at stride 1, and for none ("V") at stride 2."""

    channels: int
    kernel: int | tuple[int, int] = 1
    stride: int = 1
    padding: int | None = None

    def build(self, in_channels: int, width: float) -> tuple[nn.Module, int]:
        """The layer, and the channels that come out of it."""
        channels = narrow(self.channels, width)
        padding = 0 if self.padding is None and self.stride > 1 else self.padding
        return BasicConv2d(in_channels, channels, self.kernel, self.stride, padding), channels


class Pool(NamedTuple):
    """A 3x3 pooling of a table: by the layer `kind`, with the padding that keeps the size at stride 1, and none ("V") at stride 2."""

    kind: type[nn.MaxPool2d] | type[nn.AvgPool2d]
    stride: int = 1
    padding: int | None = None
    options: Mapping[str, bool] = {}

    def build(self, in_channels: int, width: float) -> tuple[nn.Module, int]:
        padding = int(self.stride == 1) if self.padding is None else self.padding
        return self.kind(3, self.stride, padding, **self.options), in_channels


class Fork(NamedTuple):
    """The end of a branch: the 1x3 and the 3x1 convolution side by side, named with "a" and "b" at the end."""

    channels: int


MAX = Pool(nn.MaxPool2d)
MAX_HALVES = Pool(nn.MaxPool2d, stride=2)
MEAN = Pool(nn.AvgPool2d)
MEAN_INSIDE = Pool(nn.AvgPool2d, options={"count_include_pad": False})  # the mean of the pixels that there are, at the border too

Step = Conv | Pool | Fork | Sequence[Conv | Pool]
Table = Sequence[Mapping[str, Step]]


class Branches(nn.Module):
    """An Inception module: the branches of `table` side by side, their outputs concatenated.

    width: multiplies the channels of every convolution. out_channels: of all branches together.
    """

    def __init__(self, in_channels: int, table: Table, width: float = 1.0) -> None:
        super().__init__()
        self.out_channels = 0
        self.paths = [self._add_branch(in_channels, branch, width) for branch in table]

    def _add_branch(self, channels: int, branch: Mapping[str, Step], width: float) -> list[tuple[str, ...]]:
        """Register the layers of one branch. Returns the attributes to go through, those of a fork together."""
        path: list[tuple[str, ...]] = []
        for name, step in branch.items():
            if isinstance(step, Fork):
                kernels = {f"{name}a": (1, 3), f"{name}b": (3, 1)}
                ends = {end: Conv(step.channels, kernel).build(channels, width) for end, kernel in kernels.items()}
                for end, (layer, _) in ends.items():
                    self.add_module(end, layer)
                channels = sum(out for _, out in ends.values())
                path.append(tuple(ends))
            else:
                layer, channels = build(channels, step, width)
                self.add_module(name, layer)
                path.append((name,))
        self.out_channels += channels
        return path

    def forward(self, x: Tensor) -> Tensor:  # (N, in_channels, H, W) -> (N, out_channels, OH, OW)
        outputs = []
        for path in self.paths:
            ends = [x]
            for names in path:
                ends = [getattr(self, name)(ends[0]) for name in names]
            outputs += ends
        return F.cat(outputs, 1)


def build(in_channels: int, step: Conv | Pool | Sequence[Conv | Pool], width: float) -> tuple[nn.Module, int]:
    """The layer of a step, or a Sequential of several steps; and the channels that come out of it."""
    if isinstance(step, Conv | Pool):
        return step.build(in_channels, width)
    layers: list[nn.Module] = []
    for single in step:
        layer, in_channels = single.build(in_channels, width)
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
