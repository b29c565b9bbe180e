"""RepVGG: trained with branches, used as a plain stack of 3x3 convolutions.

X. Ding, X. Zhang, N. Ma, J. Han, G. Ding, J. Sun: RepVGG: Making VGG-style ConvNets Great Again. CVPR 2021, arXiv:2101.03697.

New in it: the network that is trained and the network that is used are two. In training, each block adds up a 3x3 convolution, a 1x1
convolution and the identity, each with its batch norm, because branches train well; then `models.reparameterize` merges the three into
one 3x3 convolution that computes the same, because a plain stack runs fast and in little memory. The body has nothing else but ReLU.

    blocks of the four stages and channels of stem and stages, from 64, 64, 128, 256, 512 times a (the last times b; the stem at most 64)
    repvgg_a0  2, 4, 14, 1   a 0.75, b 2.5      repvgg_a2  2, 4, 14, 1   a 1.5, b 2.75
    repvgg_a1  2, 4, 14, 1   a 1,    b 2.5      repvgg_b0  4, 6, 16, 1   a 1,   b 2.5

Names of layers are those of timm.
"""

from collections.abc import Sequence
from functools import partial

import minitorch_cv.functional as F
from minitorch_cv import Tensor, nn
from models.blocks import initialise, narrow, shallow
from models.recipes import SHORT, cifar, photographs
from models.registry import register
from models.reparameterization import Branch, Mergeable, merge_branches

PAPER = "Ding et al. 2021, RepVGG: Making VGG-style ConvNets Great Again"


class RepVGGBlock(Mergeable):
    """relu(norm(conv 3x3) + norm(conv 1x1) + norm(identity)), the last only where the shape stays; or relu(one convolution)."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.identity = nn.BatchNorm2d(in_channels) if in_channels == out_channels and stride == 1 else None
        self.conv_kxk = Branch(in_channels, out_channels, 3, stride)
        self.conv_1x1 = Branch(in_channels, out_channels, 1, stride)
        self.reparam_conv: nn.Conv2d | None = None

    def forward(self, x: Tensor) -> Tensor:  # (N, in_channels, H, W) -> (N, out_channels, H/stride, W/stride)
        if self.reparam_conv is not None:
            return self.reparam_conv(x).relu()
        # Each branch adds itself to the sum of those before it in the pass in which it is normalised.
        total = None if self.identity is None else self.identity(x)
        return self.conv_kxk(x, residual=self.conv_1x1(x, residual=total), relu=True)

    def merge(self) -> None:
        if self.reparam_conv is None:
            self.reparam_conv = merge_branches([self.conv_kxk, self.conv_1x1], self.identity)
            del self.identity, self.conv_kxk, self.conv_1x1


class Head(nn.Module):
    """Means of the maps, then a linear classifier."""

    def __init__(self, channels: int, num_classes: int) -> None:
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(channels, num_classes)

    def forward(self, x: Tensor) -> Tensor:  # (N, C, H, W) -> (N, num_classes)
        return self.fc(F.flatten(self.avgpool(x), 1))


class RepVGG(nn.Module):
    """A stem of stride 2 and four stages, each of which starts with stride 2.

    blocks: of each stage. channels: of the stem and of each stage. in_channels, num_classes: of the data.
    width, depth: factors of channels and of blocks.
    cifar: for images of 32x32: the stem and the first stage keep the size.
    """

    def __init__(
        self, blocks: Sequence[int], channels: Sequence[int], in_channels: int = 3, num_classes: int = 1000, *,
        width: float = 1.0, depth: float = 1.0, cifar: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        first, *widths = [narrow(count, width) for count in channels]
        self.stem = RepVGGBlock(in_channels, first, stride=1 if cifar else 2)
        self.stages = nn.Sequential()
        previous = first
        for index, (count, out_channels) in enumerate(zip(shallow(blocks, depth), widths, strict=True)):
            stride = 1 if cifar and index == 0 else 2
            following = (RepVGGBlock(out_channels, out_channels, 1) for _ in range(count - 1))
            self.stages.append(nn.Sequential(RepVGGBlock(previous, out_channels, stride), *following))
            previous = out_channels
        self.head = Head(previous, num_classes)
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:  # (N, in_channels, H, W)
        return self.head(self.stages(self.stem(x)))  # the stages return (N, channels, H/32, W/32)


A, B = (2, 4, 14, 1), (4, 6, 16, 1)
# name: blocks, channels, parameters and multiply-adds (before merging), accuracy on ImageNet (the paper's, 120 epochs)
MODELS = {
    "repvgg_a0": (A, (48, 48, 96, 192, 1280), 9_108_968, 1_512_581_120, 72.41),
    "repvgg_a1": (A, (64, 64, 128, 256, 1280), 14_092_264, 2_626_488_320, 74.46),
    "repvgg_a2": (A, (64, 96, 192, 384, 1408), 28_210_600, 5_685_345_280, 76.48),
    "repvgg_b0": (B, (64, 64, 128, 256, 1280), 15_817_960, 3_397_191_680, 75.14),
}

for _name, (_blocks, _channels, _parameters, _macs, _accuracy) in MODELS.items():
    register(
        _name, input_shape=(3, 224, 224), parameters=_parameters, macs=_macs, paper=PAPER, accuracy=(_accuracy, f"{PAPER} (120 epochs)"),
        recipes=photographs(cifar(SHORT.with_options(lr=0.1), image_size=(32, 32), cifar=True)),
        small={"width": 0.1, "depth": 0.15}, small_input=(3, 32, 32),
    )(partial(RepVGG, _blocks, _channels))  # fmt: skip
