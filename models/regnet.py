"""RegNet: not one network, but a rule that makes good ones.

I. Radosavovic, R. Kosaraju, R. Girshick, K. He, P. Dollar: Designing Network Design Spaces. CVPR 2020, arXiv:2003.13678.

New in it: instead of one network, a space of networks was searched, and narrowed step by step as long as its average member got better.
What was left is a rule with few numbers: the width of the blocks grows linearly with their depth, and is rounded so that stages of equal
blocks arise. The blocks are ResNeXt's, without a narrower middle; RegNetY has squeeze and excitation too.

    image 3 x 224 x 224 -> 32 x 112 x 112 -> four stages, each at half the resolution of the one before -> mean of each map -> 1000

The paper: `regnet_y_400mf` has 0.4 billion multiply-adds, 4.3 million parameters, 74.1 % of ImageNet. Names and keys are
torchvision's.

NOTE: at last the rule makes widths whole groups. The paper takes the nearest multiple, torchvision MobileNet's rule, which is what is done
here: `regnet_x_400mf` ends with 400 channels instead of 384, `regnet_y_8gf` begins with 224 instead of 168, and stages 2 and 4 of
`regnet_y_800mf` have 144 and 784 instead of 128 and 768.
"""

import math
from functools import partial
from itertools import groupby
from typing import NamedTuple

import minitorch_cv.functional as F
from minitorch_cv import Tensor, nn
from models.blocks import ConvNormActivation, SqueezeExcitation, initialise, make_divisible, narrow, shallow
from models.recipes import photographs
from models.registry import register

PAPER = "Radosavovic et al. 2020, Designing Network Design Spaces"

STEM = 32
SE_RATIO = 0.25  # of a block's input


class Rule(NamedTuple):
    """depth: the number of blocks d. w_0, w_a: width and slope of the line. w_m: the step between stages. group: channels of a group."""

    depth: int
    w_0: int
    w_a: float
    w_m: float
    group: int


def stages_of(rule: Rule) -> list[tuple[int, int]]:
    """(channels, blocks) of each stage, by equations 2 to 4 of the paper.

    Block j would have u_j = w_0 + w_a * j channels: a line. It gets the nearest power w_0 * w_m**s_j instead, s_j an integer, as a
    multiple of 8: blocks with the same s_j are a stage. At last, widths become multiples of the size of the groups.
    """
    widths = []
    for j in range(rule.depth):
        u = rule.w_0 + rule.w_a * j
        s = round(math.log(u / rule.w_0) / math.log(rule.w_m))
        widths.append(round(rule.w_0 * rule.w_m**s / 8) * 8)
    return [(make_divisible(width, min(rule.group, width)), len(list(blocks))) for width, blocks in groupby(widths)]


class Block(nn.Module):
    """1x1 convolution ("a"), 3x3 in groups ("b") with `stride`, squeeze and excitation ("se"), 1x1 ("c"); all of the same width.

    Where the shape changes, the shortcut is a 1x1 convolution with batch norm ("proj").
    """

    def __init__(self, in_channels: int, channels: int, stride: int, groups: int, se: bool) -> None:
        super().__init__()
        self.proj = None
        if stride != 1 or in_channels != channels:
            self.proj = ConvNormActivation(in_channels, channels, 1, stride, activation=None)
        layers: dict[str, nn.Module] = {
            "a": ConvNormActivation(in_channels, channels, 1),
            "b": ConvNormActivation(channels, channels, 3, stride, groups=groups),
        }
        if se:
            layers["se"] = SqueezeExcitation(channels, max(1, round(SE_RATIO * in_channels)))
        layers["c"] = ConvNormActivation(channels, channels, 1)  # with the shortcut before its ReLU
        self.f = nn.Sequential(layers)

    def forward(self, x: Tensor) -> Tensor:  # (N, in_channels, H, W)
        *layers, last = self.f
        out = x
        for layer in layers:
            out = layer(out)  # (N, channels, H/stride, W/stride) from "b" on
        return last(out, x if self.proj is None else self.proj(x))


class RegNet(nn.Module):
    """A RegNet by its rule; se: RegNetY, else RegNetX.

    in_channels, num_classes: of the data.
    width, depth: multiply the numbers of channels (of each group: the number of groups stays) and of blocks.
    """

    def __init__(
        self, rule: Rule, se: bool, in_channels: int = 3, num_classes: int = 1000, *, width: float = 1.0, depth: float = 1.0
    ) -> None:  # fmt: skip
        super().__init__()
        stages = stages_of(rule)
        counts = shallow([blocks for _, blocks in stages], depth)
        before = make_divisible(STEM * width)
        self.stem = ConvNormActivation(in_channels, before, 3, 2)
        self.trunk_output = nn.Sequential()
        for number, ((channels, _), blocks) in enumerate(zip(stages, counts, strict=True), 1):
            groups = channels // min(rule.group, channels)
            group = narrow(channels // groups, width)
            stage: dict[str, nn.Module] = {}
            for index in range(blocks):
                stage[f"block{number}-{index}"] = Block(before, groups * group, 2 if index == 0 else 1, groups, se)
                before = groups * group
            self.trunk_output.add_module(f"block{number}", nn.Sequential(stage))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(before, num_classes)
        initialise(self, linear_std=0.01)

    def forward(self, x: Tensor) -> Tensor:  # (N, in_channels, 224, 224); below, channels of Y 400MF
        x = self.stem(x)  # (N, 32, 112, 112)
        x = self.trunk_output(x)  # (N, 440, 7, 7)
        return self.fc(F.flatten(self.avgpool(x), 1))  # (N, num_classes)


# name: depth, w_0, w_a, w_m, size of groups (the best models of each cost, in the paper's figures); parameters, multiply-adds
MODELS = {
    "regnet_x_400mf": (Rule(22, 24, 24.48, 2.54, 16), 5_495_976, 413_812_608),
    "regnet_x_800mf": (Rule(16, 56, 35.73, 2.28, 16), 7_259_656, 799_699_712),
    "regnet_x_1_6gf": (Rule(18, 80, 34.01, 2.25, 24), 9_190_136, 1_602_849_792),
    "regnet_x_3_2gf": (Rule(25, 88, 26.31, 2.25, 48), 15_296_552, 3_176_621_952),
    "regnet_x_8gf": (Rule(23, 80, 49.56, 2.88, 120), 39_572_648, 7_995_132_416),
    "regnet_x_16gf": (Rule(22, 216, 55.59, 2.1, 128), 54_278_536, 15_940_755_456),
    "regnet_x_32gf": (Rule(23, 320, 69.86, 2.0, 168), 107_811_560, 31_735_929_792),
    "regnet_y_400mf": (Rule(16, 48, 27.89, 2.09, 8), 4_344_144, 401_842_848),
    "regnet_y_800mf": (Rule(14, 56, 38.84, 2.4, 16), 6_432_512, 833_856_256),
    "regnet_y_1_6gf": (Rule(27, 48, 20.71, 2.65, 24), 11_202_430, 1_612_076_160),
    "regnet_y_3_2gf": (Rule(21, 80, 42.63, 2.66, 24), 19_436_338, 3_176_482_752),
    "regnet_y_8gf": (Rule(17, 192, 76.82, 2.19, 56), 39_381_472, 8_473_070_592),
    "regnet_y_16gf": (Rule(18, 200, 106.23, 2.48, 112), 83_590_140, 15_911_510_272),
    "regnet_y_32gf": (Rule(20, 232, 115.89, 2.53, 232), 145_046_770, 32_279_552_832),
}

for _name, (_rule, _parameters, _macs) in MODELS.items():
    register(
        _name, input_shape=(3, 224, 224), parameters=_parameters, macs=_macs, recipes=photographs(), paper=PAPER,
        small={"width": 2 / _rule.group, "depth": 0.17}, small_input=(3, 32, 32),
    )(partial(RegNet, _rule, _name.startswith("regnet_y")))  # fmt: skip
