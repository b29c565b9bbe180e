"""Inception-ResNet, in its two sizes.

C. Szegedy, S. Ioffe, V. Vanhoucke, A. Alemi: Inception-v4, Inception-ResNet and the Impact of Residual Connections on Learning.
AAAI 2017, arXiv:1602.07261.

What was new: an Inception module that adds what its branches compute to its input trains much faster than one without the shortcut,
to about the same accuracy. Where a module has over a thousand channels, training only stays stable if that is scaled by 0.1 to 0.3
before it is added.

    maps     Inception-ResNet-v1  Inception-ResNet-v2
    35x35    5 x A, 256           10 x A, 320           modules and their channels
    17x17    10 x B, 896          20 x B, 1088
    8x8      5 x C, 1792          10 x C, 2080

Keys and numbers of v2 are timm's, and v1 uses the same names.
NOTE: v2 is the network that was released, not that of the paper's figures, which has the stem of v4, half as many modules, and 384,
1154 and 2048 channels. v1 follows the figures (3, 7, 10 to 15), and takes the factors, which they leave open, from v2.
The paper counts no parameters; it says that v1 costs about what Inception v3 does. Here they have 22.8 and 23.8 million parameters,
6.2 and 5.7 thousand million multiply-adds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

import minitorch_cv.functional as F
from minitorch_cv import Tensor, nn
from models.blocks import initialise, shallow
from models.inception_blocks import MAX_HALVES, MEAN_INSIDE, Branches, Conv, Step, Table
from models.inception_v4 import PAPER, reduction_a
from models.recipes import cifar, photographs
from models.registry import register


@dataclass(frozen=True)
class Residual:
    """A step of modules that are added to their input.

    scale: what the sum of the branches is multiplied by. count: so many in a row, in a Sequential; None for one alone. relu: at the end.
    """

    table: Table
    scale: float
    count: int | None = None
    relu: bool = True

    def build(self, in_channels: int, width: float) -> tuple[nn.Module, int]:
        modules = [ResidualBranches(in_channels, self, width) for _ in range(self.count or 1)]
        return modules[0] if self.count is None else nn.Sequential(*modules), in_channels


class ResidualBranches(Branches):
    """relu(x + scale * conv2d(branches(x))), the 1x1 convolution `conv2d` making as many channels as x has."""

    def __init__(self, in_channels: int, step: Residual, width: float) -> None:
        super().__init__(in_channels, step.table, width)
        self.scale, self.relu = step.scale, step.relu
        self.conv2d = nn.Conv2d(self.out_channels, in_channels, 1)
        self.out_channels = in_channels

    def forward(self, x: Tensor) -> Tensor:  # (N, in_channels, H, W)
        x = x + self.scale * self.conv2d(super().forward(x))
        return F.relu(x) if self.relu else x


STEM: dict[str, Step] = {  # figure 14
    "conv2d_1a": Conv(32, 3, 2),  # (N, 32, 149, 149)
    "conv2d_2a": Conv(32, 3, padding=0),
    "conv2d_2b": Conv(64, 3),  # (N, 64, 147, 147)
    "maxpool_3a": MAX_HALVES,
    "conv2d_3b": Conv(80),
    "conv2d_4a": Conv(192, 3, padding=0),  # (N, 192, 71, 71)
}


def a(n1: int, n2: int) -> Table:
    """Figures 10 and 16, the last two convolutions with n1 and n2 channels."""
    return Table({"branch0": Conv(32)}, {"branch1": [Conv(32), Conv(32, 3)]}, {"branch2": [Conv(32), Conv(n1, 3), Conv(n2, 3)]})


def b_or_c(size: int, n: int, reduced: int, n1: int, n2: int) -> Table:
    """Figures 11, 13, 17 and 19: a 1x1 convolution, and 1 x size before size x 1."""
    return Table({"branch0": Conv(n)}, {"branch1": [Conv(reduced), Conv(n1, (1, size)), Conv(n2, (size, 1))]})


def reduction_b(n0: int, n1: int, n2: int, n3: int) -> Table:
    """Figures 12 and 18: halves maps of 17x17."""
    return Table(
        {"branch0": [Conv(256), Conv(n0, 3, 2)]},
        {"branch1": [Conv(256), Conv(n1, 3, 2)]},
        {"branch2": [Conv(256), Conv(n2, 3), Conv(n3, 3, 2)]},
        {"branch3": MAX_HALVES},
    )


V1_STEM: dict[str, Step] = {**STEM, "conv2d_4b": Conv(256, 3, 2)}  # (N, 256, 35, 35)
V1: dict[str, Step] = {
    "repeat": Residual(a(32, 32), 0.17, 5),
    "mixed_6a": reduction_a(192, 192, 256, 384),  # (N, 896, 17, 17)
    "repeat_1": Residual(b_or_c(7, 128, 128, 128, 128), 0.10, 10),
    "mixed_7a": reduction_b(384, 256, 256, 256),  # (N, 1792, 8, 8)
    "repeat_2": Residual(b_or_c(3, 192, 192, 192, 192), 0.20, 5),
}
V2_STEM: dict[str, Step] = {**STEM, "maxpool_5a": MAX_HALVES}  # (N, 192, 35, 35)
V2: dict[str, Step] = {
    "mixed_5b": Table(
        {"branch0": Conv(96)},
        {"branch1": [Conv(48), Conv(64, 5)]},
        {"branch2": [Conv(64), Conv(96, 3), Conv(96, 3)]},
        {"branch3": [MEAN_INSIDE, Conv(64)]},
    ),  # (N, 320, 35, 35)
    "repeat": Residual(a(48, 64), 0.17, 10),
    "mixed_6a": reduction_a(256, 256, 384, 384),  # (N, 1088, 17, 17)
    "repeat_1": Residual(b_or_c(7, 192, 128, 160, 192), 0.10, 20),
    "mixed_7a": reduction_b(384, 288, 288, 320),  # (N, 2080, 8, 8)
    "repeat_2": Residual(b_or_c(3, 192, 192, 224, 256), 0.20, 9),
    "block8": Residual(b_or_c(3, 192, 192, 224, 256), 1.0, relu=False),
    "conv2d_7b": Conv(1536),
}


class InceptionResNet(nn.Module):
    """The steps of `stem` and of `body`, then the mean over each map and one linear layer.

    cifar_channels: of the 3x3 convolution that is the whole stem with `cifar`: then images have 32x32 pixels. dropout: before the
    last layer. width: multiplies channels. depth: multiplies the numbers of modules of a stage.
    """

    def __init__(
        self, stem: Mapping[str, Step], body: Mapping[str, Step], cifar_channels: int, in_channels: int = 3, num_classes: int = 1000, *,
        dropout: float = 0.2, width: float = 1.0, depth: float = 1.0, cifar: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        steps = {**({"conv2d_1a": Conv(cifar_channels, 3)} if cifar else stem), **body}
        self.names = list(steps)
        channels = in_channels
        for name, step in steps.items():
            if isinstance(step, Residual) and step.count is not None:
                step = replace(step, count=shallow([step.count], depth)[0])
            layer, channels = step.build(channels, width)
            self.add_module(name, layer)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.head_drop = nn.Dropout(dropout)
        self.classif = nn.Linear(channels, num_classes)
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:  # (N, in_channels, 299, 299)
        for name in self.names:
            x = getattr(self, name)(x)
        return self.classif(self.head_drop(F.flatten(self.avgpool(x), 1)))  # (N, 1792 or 1536, 8, 8) -> (N, num_classes)


MODELS = {  # name: how it is built, parameters, multiply-adds, top-1 accuracy on ImageNet
    "inception_resnet_v1": (partial(InceptionResNet, V1_STEM, V1, 256), 22_756_328, 6_206_361_696, 78.7),
    "inception_resnet_v2": (partial(InceptionResNet, V2_STEM, V2, 192), 55_843_464, 13_155_794_016, 80.1),
}
for _name, (_build, _parameters, _macs, _accuracy) in MODELS.items():
    register(
        _name, input_shape=(3, 299, 299), parameters=_parameters, macs=_macs, paper=PAPER,
        recipes=photographs(cifar(image_size=(32, 32), cifar=True)), small={"width": 1 / 32, "depth": 0.1}, small_input=(3, 75, 75),
        accuracy=(_accuracy, "Szegedy et al. 2017, table 2"),
    )(_build)  # fmt: skip
