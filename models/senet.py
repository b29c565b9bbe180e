"""Squeeze-and-excitation networks: each channel is weighed by what the whole image holds.

J. Hu, L. Shen, G. Sun: Squeeze-and-Excitation Networks. CVPR 2018, arXiv:1709.01507.

What was new: a small network looks at the mean of every channel and multiplies each channel by a gate between 0 and 1, so that a layer's
answer depends on the image as a whole. It fits into any block of any network, and adds a tenth to the parameters and next to nothing to the
multiplications. SENet-154, built on it, won ILSVRC 2017, the last of these contests.

    name           network                                                       top-1 error on ImageNet, one crop
    seresnet50     ResNet-50, the branch of every block gated                    23.29 %    (ResNet-50: 24.80 %)
    se_inception   BN-Inception, every module gated                              24.23 %    (BN-Inception: 25.38 %)
    senet154       a 64x4d ResNeXt of 152 layers, gated, and changed as below    18.68 %
    seresnet20     ResNet-20 for CIFAR, gated

SENet-154: three 3x3 convolutions for the stem's 7x7; the first 1x1 of a bottleneck makes half as many channels; shortcuts that halve the
resolution are 3x3 convolutions; dropout of 0.2 before the classifier. Names and keys are timm's.
"""

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

from minitorch_cv import nn
from models.blocks import FusedSequential
from models.inception_v2 import InceptionV2
from models.recipes import SHORT, cifar, photographs
from models.registry import register
from models.residual_blocks import Bottleneck
from models.resnet import RECIPES, ResNet, small_form
from models.resnet_cifar import CifarResNet

PAPER = "Hu et al. 2018, Squeeze-and-Excitation Networks"

RESNET_50, SENET_154 = (3, 4, 6, 3), (3, 8, 36, 3)  # blocks of the four stages


class SENetBottleneck(Bottleneck):
    """A bottleneck whose first 1x1 convolution makes half as many channels, and whose shortcut sees every pixel when it skips some."""

    first_squeeze = 2
    strided_projection = 3


class SENet(ResNet):
    """SENet-154 and its relatives; for the options see `ResNet`. dropout: the probability before the classifier."""

    stem_channels: ClassVar[int] = 128

    def __init__(
        self, blocks: Sequence[int], in_channels: int = 3, num_classes: int = 1000, *, width: float = 1.0, depth: float = 1.0,
        cifar: bool = False, stochastic_depth: float = 0.0, dropout: float = 0.2, groups: int = 64, width_per_group: int = 4,
    ) -> None:  # fmt: skip
        super().__init__(
            SENetBottleneck, blocks, in_channels, num_classes, width=width, depth=depth, cifar=cifar, se=True,
            stochastic_depth=stochastic_depth, groups=groups, width_per_group=width_per_group,
        )  # fmt: skip
        self.avgpool = nn.Sequential(self.avgpool, nn.Dropout(dropout))

    def stem(self, in_channels: int, out_channels: int) -> nn.Module:
        """Three 3x3 convolutions, the last without the normalisation that follows it in every ResNet."""
        half = max(1, out_channels // 2)
        return FusedSequential(
            nn.Conv2d(in_channels, half, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(half), nn.ReLU(),
            nn.Conv2d(half, half, 3, padding=1, bias=False), nn.BatchNorm2d(half), nn.ReLU(),
            nn.Conv2d(half, out_channels, 3, padding=1, bias=False),
        )  # fmt: skip


register(
    "seresnet50", input_shape=(3, 224, 224), parameters=28_088_024, macs=4_091_699_200, recipes=RECIPES, paper=PAPER,
    small=small_form(RESNET_50), small_input=(3, 32, 32), accuracy=(76.71, PAPER),
)(partial(ResNet, Bottleneck, RESNET_50, se=True))  # fmt: skip

register(
    "senet154", input_shape=(3, 224, 224), parameters=115_088_984, macs=20_688_363_520, recipes=photographs(), paper=PAPER,
    small={**small_form(SENET_154), "groups": 4, "width_per_group": 32}, small_input=(3, 32, 32), accuracy=(81.32, PAPER),
)(partial(SENet, SENET_154))  # fmt: skip

register(
    "se_inception", input_shape=(3, 224, 224), parameters=11_823_488, macs=2_019_473_408, recipes=RECIPES, paper=PAPER,
    small={"width": 1 / 16, "depth": 0.5}, small_input=(3, 64, 64), accuracy=(75.77, PAPER),
)(partial(InceptionV2, se=True))  # fmt: skip

register(
    "seresnet20", input_shape=(3, 32, 32), parameters=275_506, macs=40_556_416, recipes=cifar(SHORT), paper=PAPER,
    small={"width": 0.25, "depth": 1 / 3},
)(partial(CifarResNet, 3, se=True))  # fmt: skip
