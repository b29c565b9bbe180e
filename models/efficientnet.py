"""EfficientNet: depth, width and resolution grow together.

M. Tan, Q. Le: EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks. ICML 2019, arXiv:1905.11946.

New in it: a network that may cost more should become deeper, wider and see larger images at once, each by a constant factor for each
doubling of the cost; one number phi gives all three. The smallest, B0, comes from a search like MNASNet's, for few multiply-adds. Its
blocks are MobileNet v2's with squeeze and excitation and SiLU.

    image -> 3x3 convolution -> seven stages of MBConv -> 1x1 convolution -> mean of each map -> dropout -> 1000

Names and keys are torchvision's, and so are batch norm's eps and momentum.

NOTE: torchvision's B2 is evaluated at 288x288; the paper's is 260x260 (about 0.9 instead of 1.09 billion multiply-adds).
"""

import math
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import minitorch_cv.functional as F
from minitorch_cv import Tensor, nn
from models.blocks import ConvNormActivation, Layer, SqueezeExcitation, initialise, keep_size, make_divisible, shallow
from models.recipes import DEPTHWISE, cifar, photographs
from models.registry import register

PAPER = "Tan and Le 2019, EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks"


# --- Compound scaling: equations 2 and 3 of the paper ---

ALPHA, BETA, GAMMA = 1.2, 1.1, 1.15  # depth, width, resolution; cost grows by ALPHA * BETA**2 * GAMMA**2 = 1.92, nearly 2, for each phi
BASE_RESOLUTION = 224


class Scaling(NamedTuple):
    """Factors of the numbers of blocks and channels, and the side of the image in pixels."""

    depth: float
    width: float
    resolution: int


# What the authors published for B0 to B7, by phi. Up to B3 it is the formula, rounded: factors to one decimal, 257.6 and 296.2 pixels to
# 260 and 300. From B4 on it is larger: B7 has the depth that the formula has at phi = 6.2, the width of 7.3, the resolution of 7. Weights
# for B4 to B7 need the published numbers.
PUBLISHED = {
    0.0: Scaling(1.0, 1.0, 224),
    0.5: Scaling(1.1, 1.0, 240),
    1.0: Scaling(1.2, 1.1, 260),
    2.0: Scaling(1.4, 1.2, 300),
    3.0: Scaling(1.8, 1.4, 380),
    4.0: Scaling(2.2, 1.6, 456),
    5.0: Scaling(2.6, 1.8, 528),
    6.0: Scaling(3.1, 2.0, 600),
}


def compound_scaling(phi: float, published: bool = True) -> Scaling:
    """How a network that costs 2**phi times as much as B0 is made: depth 1.2**phi, width 1.1**phi, resolution 224 * 1.15**phi.

    published: take the authors' own numbers where phi is that of one of B0 to B7 (0, 0.5, 1, 2, 3, 4, 5, 6); see `PUBLISHED`.
    """
    if published and phi in PUBLISHED:
        return PUBLISHED[phi]
    return Scaling(ALPHA**phi, BETA**phi, round(BASE_RESOLUTION * GAMMA**phi))


# --- The network ---


class Stage(NamedTuple):
    """Blocks of the same kind; the first of them changes the number of channels and has the stride.

    fused: expand by one full convolution instead of 1x1 and depthwise, without squeeze and excitation (EfficientNetV2).
    """

    expansion: int
    kernel: int
    stride: int
    channels: int
    blocks: int
    fused: bool = False


# Table 1 of the paper
STAGES = (
    Stage(1, 3, 1, 16, 1),  # 112 x 112
    Stage(6, 3, 2, 24, 2),  # 56 x 56
    Stage(6, 5, 2, 40, 2),  # 28 x 28
    Stage(6, 3, 2, 80, 3),  # 14 x 14
    Stage(6, 5, 1, 112, 3),
    Stage(6, 5, 2, 192, 4),  # 7 x 7
    Stage(6, 3, 1, 320, 1),
)
STEM = 32  # and four times the last stage's channels in the last convolution


class MBConv(nn.Module):
    """1x1 convolution that expands, depthwise convolution, squeeze and excitation, 1x1 back; fused, the first two are one convolution.

    The shortcut, where shapes allow it, meets a branch that is dropped with probability `drop` for each image in training. A block without
    expansion has no convolution that expands; fused, it is one convolution in all.
    """

    def __init__(self, in_channels: int, stage: Stage, stride: int, norm: Layer, drop: float) -> None:
        super().__init__()
        self.residual = stride == 1 and in_channels == stage.channels
        hidden = make_divisible(in_channels * stage.expansion)
        conv = partial(ConvNormActivation, norm=norm)
        layers: list[nn.Module] = []
        if stage.fused:
            out = hidden if stage.expansion > 1 else stage.channels
            layers.append(conv(in_channels, out, stage.kernel, stride, activation=nn.SiLU))
        else:
            if stage.expansion > 1:
                layers.append(conv(in_channels, hidden, 1, activation=nn.SiLU))
            layers.append(conv(hidden, hidden, stage.kernel, stride, groups=hidden, activation=nn.SiLU))
            layers.append(SqueezeExcitation(hidden, max(1, in_channels // 4), activation=nn.SiLU))
        if not stage.fused or stage.expansion > 1:
            layers.append(conv(hidden, stage.channels, 1, activation=None))
        self.block = nn.Sequential(*layers)
        self.stochastic_depth = nn.StochasticDepth(drop, "row")

    def forward(self, x: Tensor) -> Tensor:  # (N, in_channels, H, W) -> (N, channels, H/stride, W/stride)
        out = self.block(x)
        return x + self.stochastic_depth(out) if self.residual else out


class EfficientNet(nn.Module):
    """A network of MBConv stages: EfficientNet and EfficientNetV2.

    stages, stem, head: the table; channels of the first and of the last convolution. norm: makes batch norm for so many channels.
    dropout: before the classifier. stochastic_depth: the probability of dropping the branch of a block, from 0 for the first block to
        nearly this for the last.
    cifar: the form for images of 32x32: the first two strides that are 2 are 1, the last maps are 4x4.
    """

    def __init__(
        self, stages: Sequence[Stage], stem: int, head: int, in_channels: int, num_classes: int, *, norm: Layer, dropout: float,
        stochastic_depth: float, cifar: bool,
    ) -> None:  # fmt: skip
        super().__init__()
        stem_stride, *strides = keep_size([2, *(stage.stride for stage in stages)], halvings=2 if cifar else 0)
        total = sum(stage.blocks for stage in stages)
        drops = iter([stochastic_depth * index / total for index in range(total)])  # the first block is never dropped

        self.features = nn.Sequential(ConvNormActivation(in_channels, stem, 3, stem_stride, norm=norm, activation=nn.SiLU))
        before = stem
        for stage, stride in zip(stages, strides, strict=True):
            first = MBConv(before, stage, stride, norm, next(drops))
            rest = [MBConv(stage.channels, stage, 1, norm, next(drops)) for _ in range(stage.blocks - 1)]
            self.features.append(nn.Sequential(first, *rest))
            before = stage.channels
        self.features.append(ConvNormActivation(before, head, 1, norm=norm, activation=nn.SiLU))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(head, num_classes))

        initialise(self, linear_std=0.0)  # sets the biases to 0; the weights are drawn below
        bound = 1 / math.sqrt(max(1, num_classes))
        nn.init.uniform_(self.classifier[1].weight, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:  # (N, in_channels, H, W)
        x = self.features(x)  # (N, head, H/32, W/32)
        return self.classifier(F.flatten(self.avgpool(x), 1))  # (N, num_classes)


def scaled(stages: Sequence[Stage], width: float, depth: float) -> list[Stage]:
    """The stages with their numbers of channels (multiples of 8) and of blocks (rounded up) multiplied."""
    counts = shallow([stage.blocks for stage in stages], depth)
    return [s._replace(channels=make_divisible(s.channels * width), blocks=n) for s, n in zip(stages, counts, strict=True)]


def efficientnet(
    phi: float, in_channels: int = 3, num_classes: int = 1000, *, dropout: float = 0.2, stochastic_depth: float = 0.2,
    width: float = 1.0, depth: float = 1.0, cifar: bool = False,
) -> EfficientNet:  # fmt: skip
    """EfficientNet scaled by `phi`, any number: 0, 0.5, 1, 2, 3, 4, 5, 6 are B0 to B7, 0.25 lies between B0 and B1.

    width, depth: multiply the numbers of channels and blocks further. The resolution is that of the images given;
    `compound_scaling(phi)` names the one that belongs to phi. The rest: see `EfficientNet`.
    """
    scaling = compound_scaling(phi)
    width *= scaling.width
    # B5 to B7 have TensorFlow's numbers for batch norm, with which they were trained; the smaller ones have PyTorch's usual ones.
    norm = partial(nn.BatchNorm2d, eps=1e-3, momentum=0.01) if phi >= 4 else nn.BatchNorm2d
    stages = scaled(STAGES, width, depth * scaling.depth)
    return EfficientNet(
        stages, make_divisible(STEM * width), 4 * stages[-1].channels, in_channels, num_classes,
        norm=norm, dropout=dropout, stochastic_depth=stochastic_depth, cifar=cifar,
    )  # fmt: skip


# name, phi, dropout, side of the image, parameters, multiply-adds
for _name, _phi, _dropout, _side, _parameters, _macs in (
    ("efficientnet_b0", 0.0, 0.2, 224, 5_288_548, 385_814_752),
    ("efficientnet_b1", 0.5, 0.2, 240, 7_794_184, 686_802_832),
    ("efficientnet_b2", 1.0, 0.3, 288, 9_109_994, 1_087_529_456),
    ("efficientnet_b3", 2.0, 0.3, 300, 12_233_232, 1_827_141_392),
    ("efficientnet_b4", 3.0, 0.4, 380, 19_341_616, 4_393_771_024),
    ("efficientnet_b5", 4.0, 0.4, 456, 30_389_784, 10_266_384_752),
    ("efficientnet_b6", 5.0, 0.5, 528, 43_040_704, 19_067_593_536),
    ("efficientnet_b7", 6.0, 0.5, 600, 66_347_960, 37_745_884_192),
):
    _scaling = compound_scaling(_phi)
    register(
        _name, input_shape=(3, _side, _side), parameters=_parameters, macs=_macs, paper=PAPER,
        recipes=photographs(cifar(DEPTHWISE, image_size=(32, 32), cifar=True)),
        small={"width": 0.25 / _scaling.width, "depth": 0.3 / _scaling.depth}, small_input=(3, 32, 32),
    )(partial(efficientnet, _phi, dropout=_dropout))  # fmt: skip
