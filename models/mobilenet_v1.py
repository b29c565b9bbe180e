"""MobileNet: convolutions taken apart.

A. Howard, M. Zhu, B. Chen, D. Kalenichenko, W. Wang, T. Weyand, M. Andreetto, H. Adam: MobileNets: Efficient Convolutional Neural
Networks for Mobile Vision Applications. arXiv:1704.04861 (2017).

New in it: every convolution but the first is taken apart into a depthwise one, which filters each channel by itself, and a 1x1 one, which
mixes channels; with 3x3 kernels that takes nearly nine times fewer multiply-adds (1/OC + 1/9 of them), for one percent of accuracy. Two
numbers then shrink the network to any budget: a width multiplier, and the resolution of the input. It has no pooling and no branches.

    image 3 x 224 x 224 -> 32 x 112 x 112 -> the stages below -> mean of each map -> 1000

Table 4 of the paper, and what `separable` chooses:

    standard convolutions     71.7 % of ImageNet    4866 million multiply-adds    29.3 million parameters
    depthwise separable       70.6 %                 569 million                   4.2 million

NOTE: the activation is ReLU6, as in the authors' TensorFlow code and in timm, whose names these are (`mobilenetv1_100`); in the paper it is
ReLU.
"""

import minitorch_cv.functional as F
from minitorch_cv import Tensor, nn
from models.blocks import initialise, keep_size, make_divisible, shallow
from models.recipes import DEPTHWISE, cifar, photographs
from models.registry import register

PAPER = "Howard et al. 2017, MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications"

# channels, blocks, stride of the first block: table 1 of the paper
STAGES = (
    (64, 1, 1),  # 112 x 112
    (128, 2, 2),  # 56 x 56
    (256, 2, 2),  # 28 x 28
    (512, 6, 2),  # 14 x 14
    (1024, 2, 2),  # 7 x 7
)


class SeparableBlock(nn.Module):
    """3x3 depthwise, then 1x1: batch norm and ReLU6 after each. 9 + OC multiply-adds for each pixel and input channel."""

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv_dw = nn.Conv2d(in_channels, in_channels, 3, stride, padding=1, groups=in_channels, bias=False)
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.conv_pw = nn.Conv2d(in_channels, channels, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:  # (N, in_channels, H, W)
        x = F.relu6(self.bn1(self.conv_dw(x)))  # (N, in_channels, H/stride, W/stride)
        return F.relu6(self.bn2(self.conv_pw(x)))  # (N, channels, H/stride, W/stride)


class StandardBlock(nn.Module):
    """What a separable block replaces: one 3x3 convolution. 9 * OC multiply-adds for each pixel and input channel."""

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, channels, 3, stride, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:  # (N, in_channels, H, W) -> (N, channels, H/stride, W/stride)
        return F.relu6(self.bn(self.conv(x)))


class MobileNetV1(nn.Module):
    """MobileNet.

    in_channels, num_classes: of the data.
    width: the paper's width multiplier alpha, for all numbers of channels (multiples of 8). Its resolution multiplier rho is the size of
        the images.
    depth: multiplies the numbers of blocks.
    separable: False for the same network of standard convolutions.
    cifar: the form for images of 32x32: the first two strides are 1, the last maps are 4x4.
    """

    def __init__(
        self, in_channels: int = 3, num_classes: int = 1000, *, width: float = 1.0, depth: float = 1.0, separable: bool = True,
        cifar: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        block = SeparableBlock if separable else StandardBlock
        stem, *widths = (make_divisible(channels * width) for channels in (32, *(channels for channels, _, _ in STAGES)))
        counts = shallow([blocks for _, blocks, _ in STAGES], depth)
        stem_stride, *strides = keep_size([2, *(stride for _, _, stride in STAGES)], halvings=2 if cifar else 0)

        self.conv_stem = nn.Conv2d(in_channels, stem, 3, stem_stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(stem)
        self.blocks = nn.Sequential()
        before = stem
        for channels, blocks, stride in zip(widths, counts, strides, strict=True):
            rest = (block(channels, channels, 1) for _ in range(blocks - 1))
            self.blocks.append(nn.Sequential(block(before, channels, stride), *rest))
            before = channels
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(before, num_classes)
        initialise(self, linear_std=0.01)

    def forward(self, x: Tensor) -> Tensor:  # (N, in_channels, 224, 224)
        x = F.relu6(self.bn1(self.conv_stem(x)))  # (N, 32, 112, 112)
        x = self.blocks(x)  # (N, 1024, 7, 7)
        return self.classifier(F.flatten(self.avgpool(x), 1))  # (N, num_classes)


register(
    "mobilenet_v1", input_shape=(3, 224, 224), parameters=4_231_976, macs=568_740_352, paper=PAPER,
    recipes=photographs(cifar(DEPTHWISE, image_size=(32, 32), cifar=True)), accuracy=(70.6, "table 4 of the paper"),
    small={"width": 0.25, "depth": 0.3}, small_input=(3, 64, 64),
)(MobileNetV1)  # fmt: skip
