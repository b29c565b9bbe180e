"""MobileNet v3: found by a search, finished by hand.

A. Howard, M. Sandler, G. Chu, L.-C. Chen, B. Chen, M. Tan, W. Wang, Y. Zhu, R. Pang, V. Vasudevan, Q. Le, H. Adam: Searching for
MobileNetV3. ICCV 2019, arXiv:1905.02244.

New in it: a search chose kernel sizes, expansions and squeeze and excitation for each of the inverted residual blocks, by accuracy and by
the time that a telephone takes. The costly ends were redesigned: half the channels in the first convolution, and the last expansion only
after the mean, where a map is one pixel. Hard swish and hard sigmoid replace their smooth models, which cost more on a telephone.

    image 3 x 224 x 224 -> 16 x 112 x 112 -> the blocks below -> 1x1 convolution -> mean of each map -> linear -> dropout -> 1000

The paper: 219 (large) and 56 (small) million multiply-adds, 5.4 and 2.5 million parameters, 75.2 % and 67.4 % of ImageNet (tables 3, 4).
Names and keys are torchvision's.
"""

from functools import partial
from itertools import groupby
from typing import NamedTuple

import minitorch_cv.functional as F
from minitorch_cv import Tensor, nn
from models.blocks import ConvNormActivation, SqueezeExcitation, initialise, keep_size, make_divisible, shallow
from models.recipes import DEPTHWISE, cifar, photographs
from models.registry import register

PAPER = "Howard et al. 2019, Searching for MobileNetV3"


class Block(NamedTuple):
    """One row of the paper's tables 1 and 2: kernel size, channels inside and after the block, and what it has and does."""

    kernel: int
    expanded: int
    channels: int
    se: bool
    activation: type[nn.Module]
    stride: int


RE, HS = nn.ReLU, nn.Hardswish
LARGE = (
    Block(3, 16, 16, False, RE, 1),  # 112 x 112
    Block(3, 64, 24, False, RE, 2),  # 56 x 56
    Block(3, 72, 24, False, RE, 1),
    Block(5, 72, 40, True, RE, 2),  # 28 x 28
    Block(5, 120, 40, True, RE, 1),
    Block(5, 120, 40, True, RE, 1),
    Block(3, 240, 80, False, HS, 2),  # 14 x 14
    Block(3, 200, 80, False, HS, 1),
    Block(3, 184, 80, False, HS, 1),
    Block(3, 184, 80, False, HS, 1),
    Block(3, 480, 112, True, HS, 1),
    Block(3, 672, 112, True, HS, 1),
    Block(5, 672, 160, True, HS, 2),  # 7 x 7
    Block(5, 960, 160, True, HS, 1),
    Block(5, 960, 160, True, HS, 1),
)
SMALL = (
    Block(3, 16, 16, True, RE, 2),  # 56 x 56
    Block(3, 72, 24, False, RE, 2),  # 28 x 28
    Block(3, 88, 24, False, RE, 1),
    Block(5, 96, 40, True, HS, 2),  # 14 x 14
    Block(5, 240, 40, True, HS, 1),
    Block(5, 240, 40, True, HS, 1),
    Block(5, 120, 48, True, HS, 1),
    Block(5, 144, 48, True, HS, 1),
    Block(5, 288, 96, True, HS, 2),  # 7 x 7
    Block(5, 576, 96, True, HS, 1),
    Block(5, 576, 96, True, HS, 1),
)
STEM = 16

ConvNorm = partial(ConvNormActivation, norm=partial(nn.BatchNorm2d, eps=1e-3, momentum=0.01))


class InvertedResidual(nn.Module):
    """1x1 convolution that expands (where it would change nothing: none), depthwise convolution, squeeze and excitation, 1x1 back.

    in_channels: before it; row: the rest, its numbers of channels already multiplied by the width.
    """

    def __init__(self, in_channels: int, row: Block) -> None:
        super().__init__()
        self.residual = row.stride == 1 and in_channels == row.channels
        layers: list[nn.Module] = []
        if row.expanded != in_channels:
            layers.append(ConvNorm(in_channels, row.expanded, 1, activation=row.activation))
        layers.append(ConvNorm(row.expanded, row.expanded, row.kernel, row.stride, groups=row.expanded, activation=row.activation))
        if row.se:
            layers.append(SqueezeExcitation(row.expanded, make_divisible(row.expanded // 4), gate=nn.Hardsigmoid))
        layers.append(ConvNorm(row.expanded, row.channels, 1, activation=None))
        self.block = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:  # (N, in_channels, H, W)
        *layers, last = self.block
        out = x
        for layer in layers:
            out = layer(out)  # (N, expanded, H, W), then (N, expanded, H/stride, W/stride)
        return last(out, x if self.residual else None)  # (N, channels, H/stride, W/stride)


def deepened(rows: tuple[Block, ...], depth: float) -> tuple[Block, ...]:
    """The rows with the number of those of equal width multiplied by `depth`: the last ones left out, or the last one repeated."""
    stages = [list(stage) for _, stage in groupby(rows, key=lambda row: row.channels)]
    kept: list[Block] = []
    for stage, count in zip(stages, shallow([len(stage) for stage in stages], depth), strict=True):
        kept += stage[:count] + [stage[-1]._replace(stride=1)] * (count - len(stage))
    return tuple(kept)


class MobileNetV3(nn.Module):
    """MobileNet v3, of either size: rows of `LARGE` or `SMALL`, and the number of channels before the classifier.

    in_channels, num_classes: of the data. dropout: before the classifier.
    width: multiplies all numbers of channels (multiples of 8). depth: multiplies the numbers of blocks of equal width.
    cifar: the form for images of 32x32: the first two strides that are 2 are 1, the last maps are 4x4.
    """

    def __init__(
        self, rows: tuple[Block, ...], last: int, in_channels: int = 3, num_classes: int = 1000, *, dropout: float = 0.2,
        width: float = 1.0, depth: float = 1.0, cifar: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        rows = deepened(rows, depth)
        before, last = make_divisible(STEM * width), make_divisible(last * width)
        stem_stride, *strides = keep_size([2, *(row.stride for row in rows)], halvings=2 if cifar else 0)

        self.features = nn.Sequential(ConvNorm(in_channels, before, 3, stem_stride, activation=nn.Hardswish))
        for row, stride in zip(rows, strides, strict=True):
            channels, expanded = make_divisible(row.channels * width), make_divisible(row.expanded * width)
            self.features.append(InvertedResidual(before, row._replace(channels=channels, expanded=expanded, stride=stride)))
            before = channels
        self.features.append(ConvNorm(before, 6 * before, 1, activation=nn.Hardswish))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(
            nn.Linear(6 * before, last), nn.Hardswish(), nn.Dropout(dropout), nn.Linear(last, num_classes)
        )  # fmt: skip
        initialise(self, linear_std=0.01)

    def forward(self, x: Tensor) -> Tensor:  # (N, in_channels, 224, 224)
        x = self.features(x)  # (N, 960, 7, 7); small: (N, 576, 7, 7)
        return self.classifier(F.flatten(self.avgpool(x), 1))  # (N, num_classes)


# name, rows, channels before the classifier, parameters, multiply-adds
for _name, _rows, _last, _parameters, _macs in (
    ("mobilenet_v3_small", SMALL, 1024, 2_542_856, 56_510_400),
    ("mobilenet_v3_large", LARGE, 1280, 5_483_032, 216_589_760),
):
    register(
        _name, input_shape=(3, 224, 224), parameters=_parameters, macs=_macs, paper=PAPER,
        recipes=photographs(cifar(DEPTHWISE, image_size=(32, 32), cifar=True)),
        small={"width": 0.25, "depth": 0.4}, small_input=(3, 32, 32),
    )(partial(MobileNetV3, _rows, _last))  # fmt: skip
