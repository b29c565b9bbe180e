"""Pre-activation residual networks: nothing on the path of the shortcuts.

K. He, X. Zhang, S. Ren, J. Sun: Identity Mappings in Deep Residual Networks. ECCV 2016, arXiv:1603.05027.

What was new: batch norm and ReLU come before each convolution rather than after it, so that the sums themselves pass from block to block
unchanged. Forward and backward, a signal reaches any layer directly, and a network of 1001 layers becomes easy to train. Normalising
the input of every convolution also regularises: the deep networks got better, not only trainable.

    CIFAR      stem 3x3, 16 channels; stages of 16, 32, 64 channels, x 4 in bottlenecks; depth 9n + 2
    depth                 164               1001
    blocks (each stage)   18                111
    parameters            1,703,258         10,327,706      the paper: 1.7M and 10.2M, the latter without the batch norms
    error, CIFAR-10       5.46 %            4.92 %

    ImageNet   stem 7x7 stride 2, 64 channels, 3x3 maximum; stages of 64, 128, 256, 512 channels, x 4 in bottlenecks
    depth      18            34            50            101            152            200
    block      basic         basic         bottleneck    bottleneck     bottleneck     bottleneck
    blocks     2, 2, 2, 2    3, 4, 6, 3    3, 4, 6, 3    3, 4, 23, 3    3, 8, 36, 3    3, 24, 36, 3

Names and keys are timm's `resnetv2`, whose classifier is a 1x1 convolution; the networks for CIFAR have the same.

NOTE: the first block of the ImageNet networks normalises the output of the stem's pooling, as timm's does, where the authors' code
normalises before the pooling and not again.
"""

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

import minitorch_cv.functional as F
from minitorch_cv import Tensor, nn
from models.blocks import SqueezeExcitation, initialise, linear_rule, make_divisible, narrow, shallow
from models.recipes import SHORT, cifar
from models.registry import register
from models.resnet import RECIPES, small_form

PAPER = "He et al. 2016, Identity Mappings in Deep Residual Networks"


class PreActBlock(nn.Module):
    """What the blocks have in common: shortcut + branch, with nothing behind the sum.

    Where a block changes the shape, its shortcut is a 1x1 convolution of what the first ReLU gives; elsewhere it is the input itself.

    in_channels, channels, stride: `channels` is the number in the network's table, the block's output has `expansion` times as many.
    dropout: the probability before the last convolution (wide ResNets).
    se: squeeze and excitation of the branch. drop: the probability that stochastic depth adds nothing.
    """

    expansion: ClassVar[int]

    def __init__(
        self, in_channels: int, channels: int, stride: int = 1, dropout: float = 0.0, se: bool = False, drop: float = 0.0
    ) -> None:  # fmt: skip
        super().__init__()
        out_channels = channels * self.expansion
        changes = stride != 1 or in_channels != out_channels
        self.downsample = nn.Sequential({"conv": nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)}) if changes else None
        self.add_branch(in_channels, channels, stride)
        self.dropout = nn.Dropout(dropout) if dropout else None
        self.se = SqueezeExcitation(out_channels, make_divisible(out_channels / 16)) if se else None
        self.drop = nn.StochasticDepth(drop, "row") if drop else None

    def add_branch(self, in_channels: int, channels: int, stride: int) -> None:
        """Make the layers of the branch."""

    def last(self, convolution: nn.Module, x: Tensor) -> Tensor:
        """The branch's last convolution, and all that may stand around it."""
        if self.dropout is not None:
            x = self.dropout(x)
        x = convolution(x)
        if self.se is not None:
            x = self.se(x)
        return x if self.drop is None else self.drop(x)

    def shortcut(self, x: Tensor, activated: Tensor) -> Tensor:
        """x: the block's input; activated: relu(norm1(x))."""
        return x if self.downsample is None else self.downsample(activated)


class PreActBasic(PreActBlock):
    """Two 3x3 convolutions, the first with the stride."""

    expansion = 1

    def add_branch(self, in_channels: int, channels: int, stride: int) -> None:
        self.norm1 = nn.BatchNorm2d(in_channels)
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:  # (N, in_channels, H, W)
        activated = self.norm1(x, relu=True)
        out = self.norm2(self.conv1(activated), relu=True)  # (N, channels, H/stride, W/stride)
        return self.last(self.conv2, out) + self.shortcut(x, activated)


class PreActBottleneck(PreActBlock):
    """1x1, 3x3 with the stride, 1x1."""

    expansion = 4
    strides_at: ClassVar[int] = 1  # the convolution that has the stride, counted from 0

    def add_branch(self, in_channels: int, channels: int, stride: int) -> None:
        first, second = (stride, 1) if self.strides_at == 0 else (1, stride)
        self.norm1 = nn.BatchNorm2d(in_channels)
        self.conv1 = nn.Conv2d(in_channels, channels, 1, first, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, second, padding=1, bias=False)
        self.norm3 = nn.BatchNorm2d(channels)
        self.conv3 = nn.Conv2d(channels, channels * self.expansion, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:  # (N, in_channels, H, W)
        activated = self.norm1(x, relu=True)
        out = self.norm2(self.conv1(activated), relu=True)  # (N, channels, H, W)
        out = self.norm3(self.conv2(out), relu=True)  # (N, channels, H/stride, W/stride)
        return self.last(self.conv3, out) + self.shortcut(x, activated)  # (N, 4 * channels, H/stride, W/stride)


class CifarPreActBottleneck(PreActBottleneck):
    """The authors' for CIFAR: the first 1x1 convolution has the stride."""

    strides_at = 0


class PreActResNet(nn.Module):
    """A pre-activation residual network.

    block, blocks: the kind of block, and how many in each stage.
    stem_channels, first_channels: of the first convolution, and of the first stage's blocks; each further stage doubles them.
    in_channels, num_classes: of the data.
    width, depth: multiply the numbers of channels, and of blocks.
    cifar: the stem for images of 32x32: a 3x3 convolution without stride, and no pooling.
    dropout: the probability before the last convolution of each block.
    stochastic_depth: the probability that the last block's branch is dropped in training; it grows linearly from the first block on.
    se: every block has squeeze and excitation (Hu et al. 2018).
    """

    def __init__(
        self, block: type[PreActBlock], blocks: Sequence[int], stem_channels: int, first_channels: int, in_channels: int = 3,
        num_classes: int = 1000, *, width: float = 1.0, depth: float = 1.0, cifar: bool = False, dropout: float = 0.0,
        stochastic_depth: float = 0.0, se: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        channels = narrow(stem_channels, width)
        size, stride = (3, 1) if cifar else (7, 2)
        self.stem = nn.Sequential({"conv": nn.Conv2d(in_channels, channels, size, stride, size // 2, bias=False)})
        if not cifar:
            self.stem.add_module("pool", nn.MaxPool2d(3, 2, 1))

        counts = shallow(blocks, depth)
        drops = iter(linear_rule(stochastic_depth, sum(counts)))
        self.stages = nn.Sequential()
        for index, count in enumerate(counts):
            stage_channels = narrow(first_channels * 2**index, width)
            stage = nn.Sequential()
            for position in range(count):
                stride = 2 if index > 0 and position == 0 else 1
                stage.append(block(channels, stage_channels, stride, dropout, se, next(drops)))
                channels = stage_channels * block.expansion
            self.stages.append(nn.Sequential({"blocks": stage}))
        self.norm = nn.BatchNorm2d(channels)
        self.head = nn.Sequential({"fc": nn.Conv2d(channels, num_classes, 1)})

        initialise(self)
        nn.init.normal_(self.head.fc.weight, 0.0, 0.01)

    def forward(self, x: Tensor) -> Tensor:  # (N, in_channels, H, W); the shapes below are those of resnetv2_50 at 224 x 224
        x = self.stem(x)  # (N, 64, 56, 56)
        x = self.stages(x)  # (N, 2048, 7, 7)
        x = F.adaptive_avg_pool2d(self.norm(x, relu=True), 1)  # (N, 2048, 1, 1)
        return F.flatten(self.head(x), 1)  # (N, num_classes)


# name: kind of block, blocks of the stages, parameters, multiply-adds, accuracy
IMAGENET: dict[str, tuple] = {
    "resnetv2_18": (PreActBasic, (2, 2, 2, 2), 11_687_720, 1_814_073_344, None),
    "resnetv2_34": (PreActBasic, (3, 4, 6, 3), 21_795_880, 3_663_761_408, None),
    "resnetv2_50": (PreActBottleneck, (3, 4, 6, 3), 25_549_352, 4_089_184_256, None),
    "resnetv2_101": (PreActBottleneck, (3, 4, 23, 3), 44_541_480, 7_801_405_440, None),
    "resnetv2_152": (PreActBottleneck, (3, 8, 36, 3), 60_185_128, 11_513_626_624, None),
    "resnetv2_200": (PreActBottleneck, (3, 24, 36, 3), 64_666_152, 15_007_481_856, (78.34, "github facebook/fb.resnet.torch, pretrained")),
}
CIFAR = {
    "preact_resnet164": (CifarPreActBottleneck, (18, 18, 18), 1_703_258, 244_500_992),
    "preact_resnet1001": (CifarPreActBottleneck, (111, 111, 111), 10_327_706, 1_487_849_984),
}

for _name, (_block, _blocks, _parameters, _macs, _accuracy) in IMAGENET.items():
    register(
        _name, input_shape=(3, 224, 224), parameters=_parameters, macs=_macs, recipes=RECIPES, paper=PAPER,
        small=small_form(_blocks), small_input=(3, 32, 32), accuracy=_accuracy,
    )(partial(PreActResNet, _block, _blocks, 64, 64))  # fmt: skip
for _name, (_block, _blocks, _parameters, _macs) in CIFAR.items():
    register(
        _name, input_shape=(3, 32, 32), parameters=_parameters, macs=_macs, recipes=cifar(SHORT), paper=PAPER,
        small={"width": 0.25, "depth": 2 / _blocks[0]},
    )(partial(PreActResNet, _block, _blocks, 16, 16, num_classes=10, cifar=True))  # fmt: skip
