"""ShuffleNet v2: designed by the clock rather than by multiply-adds.

N. Ma, X. Zhang, H.-T. Zheng, J. Sun: ShuffleNet V2: Practical Guidelines for Efficient CNN Architecture Design. ECCV 2018,
arXiv:1807.11164.

New in it: measured time, not arithmetic, led to four guidelines: equal widths before and after a convolution, few groups, few branches,
few operations on single elements. A block therefore splits its channels into halves: one stays as it is, the other goes through three
convolutions, and the two are joined by concatenation, which adds nothing. Shuffling the channels afterwards lets the halves meet.

    image 3 x 224 x 224 -> 24 x 112 x 112 -> 24 x 56 x 56 -> stages of 28, 14, 7 pixels -> 1x1 convolution -> mean of each map -> 1000

Tables 5 and 8 of the paper: 41, 146, 299, 591 million multiply-adds for x0.5 ... x2.0, and 69.4 % of ImageNet for x1.0. Names and keys are
torchvision's.

NOTE: for x1.5 and x2.0 the paper counts a little more than these layers, which are torchvision's too, have: 296 and 583 million.
"""

from functools import partial

import minitorch_cv.functional as F
from minitorch_cv import Tensor, nn
from models.blocks import FusedSequential, narrow, shallow
from models.recipes import DEPTHWISE, cifar, photographs
from models.registry import register

PAPER = "Ma et al. 2018, ShuffleNet V2: Practical Guidelines for Efficient CNN Architecture Design"

BLOCKS = (4, 8, 4)  # of stages 2, 3, 4
STEM = 24
# name: channels of stages 2, 3, 4 and of the last convolution; parameters, multiply-adds
MODELS = {
    "shufflenet_v2_x0_5": ((48, 96, 192, 1024), 1_366_792, 40_476_448),
    "shufflenet_v2_x1_0": ((116, 232, 464, 1024), 2_278_604, 144_907_992),
    "shufflenet_v2_x1_5": ((176, 352, 704, 1024), 3_503_624, 295_759_392),
    "shufflenet_v2_x2_0": ((244, 488, 976, 2048), 7_393_996, 583_253_464),
}


def pointwise(in_channels: int, channels: int) -> tuple[nn.Module, ...]:
    """1x1 convolution, batch norm, ReLU."""
    return nn.Conv2d(in_channels, channels, 1, bias=False), nn.BatchNorm2d(channels), nn.ReLU()


def depthwise(channels: int, stride: int) -> tuple[nn.Module, ...]:
    """3x3 convolution of each channel by itself, batch norm; no activation."""
    return nn.Conv2d(channels, channels, 3, stride, padding=1, groups=channels, bias=False), nn.BatchNorm2d(channels)


class ShuffleBlock(nn.Module):
    """Stride 1: one half of the channels is transformed. Stride 2: the whole input is, twice, each time to half of `channels`."""

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        self.split = stride == 1
        half = channels // 2
        before = half if self.split else in_channels
        self.branch1 = FusedSequential(*(() if self.split else (*depthwise(before, stride), *pointwise(before, half))))
        self.branch2 = FusedSequential(*pointwise(before, half), *depthwise(half, stride), *pointwise(half, half))

    def forward(self, x: Tensor) -> Tensor:  # (N, in_channels, H, W)
        left, right = F.chunk(x, 2, 1) if self.split else (x, x)
        joined = F.cat([self.branch1(left), self.branch2(right)], 1)  # (N, channels, H/stride, W/stride)
        return F.channel_shuffle(joined, 2)


class ShuffleNetV2(nn.Module):
    """ShuffleNet v2 with so many channels in stages 2, 3, 4 and in the last convolution.

    in_channels, num_classes: of the data. width, depth: multiply the numbers of channels (even numbers) and of blocks.
    cifar: the form for images of 32x32: the first convolution has stride 1 and no pooling follows, the last maps are 4x4.
    """

    def __init__(
        self, channels: tuple[int, int, int, int], in_channels: int = 3, num_classes: int = 1000, *, width: float = 1.0, depth: float = 1.0,
        cifar: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        before, *widths, last = (narrow(count, width, 2) for count in (STEM, *channels))
        self.conv1 = FusedSequential(
            nn.Conv2d(in_channels, before, 3, 1 if cifar else 2, padding=1, bias=False), nn.BatchNorm2d(before), nn.ReLU()
        )
        self.maxpool = nn.Identity() if cifar else nn.MaxPool2d(3, 2, padding=1)
        stages = []
        for count, blocks in zip(widths, shallow(BLOCKS, depth), strict=True):
            rest = (ShuffleBlock(count, count, 1) for _ in range(blocks - 1))
            stages.append(nn.Sequential(ShuffleBlock(before, count, 2), *rest))
            before = count
        self.stage2, self.stage3, self.stage4 = stages
        self.conv5 = FusedSequential(*pointwise(before, last))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(last, num_classes)

    def forward(self, x: Tensor) -> Tensor:  # (N, in_channels, 224, 224); below, channels of x1.0
        x = self.maxpool(self.conv1(x))  # (N, 24, 56, 56)
        x = self.stage2(x)  # (N, 116, 28, 28)
        x = self.stage3(x)  # (N, 232, 14, 14)
        x = self.stage4(x)  # (N, 464, 7, 7)
        x = self.conv5(x)  # (N, 1024, 7, 7)
        return self.fc(F.flatten(self.avgpool(x), 1))  # (N, num_classes)


for _name, (_channels, _parameters, _macs) in MODELS.items():
    register(
        _name, input_shape=(3, 224, 224), parameters=_parameters, macs=_macs, paper=PAPER,
        recipes=photographs(cifar(DEPTHWISE, image_size=(32, 32), cifar=True)),
        small={"width": 0.25, "depth": 0.4}, small_input=(3, 32, 32),
    )(partial(ShuffleNetV2, _channels))  # fmt: skip
