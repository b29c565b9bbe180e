"""MNASNet: a network found by a search that measures time on a telephone.

M. Tan, B. Chen, R. Pang, V. Vasudevan, M. Sandler, A. Howard, Q. Le: MnasNet: Platform-Aware Neural Architecture Search for Mobile.
CVPR 2019, arXiv:1807.11626.

New in it: the search is rewarded for accuracy and for the latency measured on a real device, not for few multiply-adds. It searches stage
by stage (kernel size, expansion, number of blocks), so that stages may differ from each other, as those of a hand-made network seldom
do. What it found mixes 3x3 and 5x5 kernels, and expansions of 3 and 6.

    image 3 x 224 x 224 -> 32 x 112 x 112 -> depthwise, 16 x 112 x 112 -> the stages below -> 1280 x 7 x 7 -> mean of each map -> 1000

NOTE: this is torchvision's network, names and keys too: MnasNet-B1, the paper's search without squeeze and excitation (74.5 % of ImageNet,
315 million multiply-adds, 4.4 million parameters).
NOTE: batch norm's momentum is 3e-4, as torchvision's is (1 - 0.9997): running statistics follow within some 10,000 updates.
"""

import math
from functools import partial

import minitorch_cv.functional as F
from minitorch_cv import Tensor, nn
from models.blocks import FusedSequential, initialise, make_divisible, shallow
from models.recipes import photographs
from models.registry import register

PAPER = "Tan et al. 2019, MnasNet: Platform-Aware Neural Architecture Search for Mobile"

# kernel size, expansion, channels, blocks, stride of the first block
STAGES = (
    (3, 3, 24, 3, 2),  # 56 x 56
    (5, 3, 40, 3, 2),  # 28 x 28
    (5, 6, 80, 3, 2),  # 14 x 14
    (3, 6, 96, 2, 1),
    (5, 6, 192, 4, 2),  # 7 x 7
    (3, 6, 320, 1, 1),
)
STEM, FIRST, HEAD = 32, 16, 1280

BatchNorm = partial(nn.BatchNorm2d, momentum=3e-4)


def convolution(in_channels: int, channels: int, kernel: int, stride: int = 1, groups: int = 1) -> tuple[nn.Module, nn.Module]:
    """A convolution that keeps the size at stride 1, and its batch norm."""
    return nn.Conv2d(in_channels, channels, kernel, stride, padding=kernel // 2, groups=groups, bias=False), BatchNorm(channels)


class InvertedResidual(nn.Module):
    """1x1 convolution to `expansion` times the channels, depthwise convolution, 1x1 back, and the shortcut where shapes allow it."""

    def __init__(self, in_channels: int, channels: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        self.residual = stride == 1 and in_channels == channels
        hidden = in_channels * expansion
        self.layers = FusedSequential(
            *convolution(in_channels, hidden, 1), nn.ReLU(),
            *convolution(hidden, hidden, kernel, stride, groups=hidden), nn.ReLU(),
            *convolution(hidden, channels, 1),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:  # (N, in_channels, H, W) -> (N, channels, H/stride, W/stride)
        out = self.layers(x)
        return x + out if self.residual else out


class MNASNet(nn.Module):
    """MNASNet whose numbers of channels, but the last, are multiplied by `multiplier`.

    in_channels, num_classes: of the data. dropout: before the classifier.
    width, depth: multiply the numbers of channels further (multiples of 8), and the numbers of blocks.
    """

    def __init__(
        self, multiplier: float = 1.0, in_channels: int = 3, num_classes: int = 1000, *, dropout: float = 0.2, width: float = 1.0,
        depth: float = 1.0,
    ) -> None:  # fmt: skip
        super().__init__()
        stem, first, *widths = (make_divisible(c * multiplier * width) for c in (STEM, FIRST, *(stage[2] for stage in STAGES)))
        counts = shallow([stage[3] for stage in STAGES], depth)
        layers: list[nn.Module] = [
            *convolution(in_channels, stem, 3, 2), nn.ReLU(),
            *convolution(stem, stem, 3, groups=stem), nn.ReLU(),
            *convolution(stem, first, 1),
        ]  # fmt: skip
        before = first
        for (kernel, expansion, _, _, stride), channels, blocks in zip(STAGES, widths, counts, strict=True):
            rest = (InvertedResidual(channels, channels, kernel, 1, expansion) for _ in range(blocks - 1))
            layers.append(nn.Sequential(InvertedResidual(before, channels, kernel, stride, expansion), *rest))
            before = channels
        self.layers = FusedSequential(*layers, *convolution(before, HEAD, 1), nn.ReLU())
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(HEAD, num_classes))

        initialise(self, linear_std=0.0)  # sets the biases to 0; the weights are drawn below
        bound = math.sqrt(3 / max(1, num_classes))  # Kaiming uniform by fan out, gain 1
        nn.init.uniform_(self.classifier[1].weight, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:  # (N, in_channels, 224, 224)
        x = self.layers(x)  # (N, 1280, 7, 7)
        return self.classifier(F.flatten(self.avgpool(x), 1))  # (N, num_classes)


# name, multiplier, parameters, multiply-adds
for _name, _multiplier, _parameters, _macs in (
    ("mnasnet0_5", 0.5, 2_218_512, 104_455_968),
    ("mnasnet0_75", 0.75, 3_170_208, 215_493_104),
    ("mnasnet1_0", 1.0, 4_383_312, 314_415_872),
    ("mnasnet1_3", 1.3, 6_282_256, 526_362_432),
):
    register(
        _name, input_shape=(3, 224, 224), parameters=_parameters, macs=_macs, recipes=photographs(), paper=PAPER,
        small={"width": 0.25, "depth": 0.3}, small_input=(3, 32, 32),
    )(partial(MNASNet, _multiplier))  # fmt: skip
