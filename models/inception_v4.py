"""Inception v4.

C. Szegedy, S. Ioffe, V. Vanhoucke, A. Alemi: Inception-v4, Inception-ResNet and the Impact of Residual Connections on Learning.
AAAI 2017, arXiv:1602.07261.

What was new: v4 is Inception v3 made uniform and larger, all modules of a stage being the same, and the stem branching too.
Its siblings with residual connections are in `inception_resnet.py`.

    image 299x299 -> stem 384x35x35 -> 4 x A -> reduction A 1024x17x17 -> 7 x B -> reduction B 1536x8x8 -> 3 x C -> mean, linear

Keys and numbers are timm's.
"""

import minitorch_cv.functional as F
from minitorch_cv import Tensor, nn
from models.blocks import initialise, shallow
from models.inception_blocks import MAX_HALVES, MEAN_INSIDE, Conv, Fork, Step, Table, build
from models.recipes import cifar, photographs
from models.registry import register

PAPER = "Szegedy et al. 2017, Inception-v4, Inception-ResNet and the Impact of Residual Connections on Learning"

STEM: list[Step] = [  # figure 3
    Conv(32, 3, 2),  # (N, 32, 149, 149)
    Conv(32, 3, padding=0),
    Conv(64, 3),  # (N, 64, 147, 147)
    Table({"maxpool": MAX_HALVES}, {"conv": Conv(96, 3, 2)}),  # (N, 160, 73, 73)
    Table(
        {"branch0": [Conv(64), Conv(96, 3, padding=0)]},
        {"branch1": [Conv(64), Conv(64, (1, 7)), Conv(64, (7, 1)), Conv(96, 3, padding=0)]},
    ),  # (N, 192, 71, 71)
    Table({"conv": Conv(192, 3, 2)}, {"maxpool": MAX_HALVES}),  # (N, 384, 35, 35)
]
A = Table(  # figure 4
    {"branch0": Conv(96)},
    {"branch1": [Conv(64), Conv(96, 3)]},
    {"branch2": [Conv(64), Conv(96, 3), Conv(96, 3)]},
    {"branch3": [MEAN_INSIDE, Conv(96)]},
)


def reduction_a(k: int, l: int, m: int, n: int) -> Table:
    """Figure 7, with the numbers of table 1: halves maps of 35x35."""
    return Table({"branch0": Conv(n, 3, 2)}, {"branch1": [Conv(k), Conv(l, 3), Conv(m, 3, 2)]}, {"branch2": MAX_HALVES})


B = Table(  # figure 5
    {"branch0": Conv(384)},
    {"branch1": [Conv(192), Conv(224, (1, 7)), Conv(256, (7, 1))]},
    {"branch2": [Conv(192), Conv(192, (7, 1)), Conv(224, (1, 7)), Conv(224, (7, 1)), Conv(256, (1, 7))]},
    {"branch3": [MEAN_INSIDE, Conv(128)]},
)
REDUCTION_B = Table(  # figure 8: halves maps of 17x17
    {"branch0": [Conv(192), Conv(192, 3, 2)]},
    {"branch1": [Conv(256), Conv(256, (1, 7)), Conv(320, (7, 1)), Conv(320, 3, 2)]},
    {"branch2": MAX_HALVES},
)
C = Table(  # figure 6
    {"branch0": Conv(256)},
    {"branch1_0": Conv(384), "branch1_1": Fork(256)},
    {"branch2_0": Conv(384), "branch2_1": Conv(448, (3, 1)), "branch2_2": Conv(512, (1, 3)), "branch2_3": Fork(256)},
    {"branch3": [MEAN_INSIDE, Conv(256)]},
)


class InceptionV4(nn.Module):
    """The stem and all modules in `features`, then the mean over each map and one linear layer.

    dropout: before the last layer. width: multiplies channels. depth: multiplies the numbers of modules of a stage.
    cifar: for images of 32x32: a 3x3 convolution is the whole stem, and the first modules see maps of 32x32, in place of 35x35.
    """

    def __init__(
        self, in_channels: int = 3, num_classes: int = 1000, *, dropout: float = 0.2, width: float = 1.0, depth: float = 1.0,
        cifar: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        a, b, c = shallow((4, 7, 3), depth)
        stem = [Conv(384, 3)] if cifar else STEM
        steps = [*stem, *[A] * a, reduction_a(192, 224, 256, 384), *[B] * b, REDUCTION_B, *[C] * c]
        self.features, channels = build(in_channels, steps, width)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.head_drop = nn.Dropout(dropout)
        self.last_linear = nn.Linear(channels, num_classes)
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:  # (N, in_channels, 299, 299)
        x = self.features(x)  # (N, 1536, 8, 8)
        return self.last_linear(self.head_drop(F.flatten(self.avgpool(x), 1)))  # (N, num_classes)


register(
    "inception_v4", input_shape=(3, 299, 299), parameters=42_679_816, macs=12_253_974_624, paper=PAPER,
    recipes=photographs(cifar(image_size=(32, 32), cifar=True)), small={"width": 1 / 32, "depth": 0.1}, small_input=(3, 75, 75),
    accuracy=(80.0, "Szegedy et al. 2017, table 2"),
)(InceptionV4)  # fmt: skip
