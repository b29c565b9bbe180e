"""Xception, "extreme Inception".

F. Chollet: Xception: Deep Learning with Depthwise Separable Convolutions. CVPR 2017, arXiv:1610.02357.

What was new: an Inception module taken to its extreme, with one window for each channel, is a depthwise separable convolution:
space and channels are looked at apart. The network is a row of such convolutions with residual connections and nothing else, has as
many parameters as Inception v3, and uses them better.

    entry flow   image 299x299 -> 64x147x147 -> 128x74x74 -> 256x37x37 -> 728x19x19
    middle flow  8 blocks of three separable convolutions, 728x19x19
    exit flow    1024x10x10 -> 1536 -> 2048 -> mean, linear

Keys and numbers are timm's `legacy_xception`; the 22,855,952 parameters are those of the paper's table 3.
"""

import minitorch_cv.functional as F
from minitorch_cv import Tensor, nn
from models.blocks import FusedSequential, initialise, narrow, shallow
from models.recipes import cifar, photographs
from models.registry import register

PAPER = "Chollet 2017, Xception: Deep Learning with Depthwise Separable Convolutions"

# The blocks, and the channels that their separable convolutions make. Those of the entry and exit flow halve the maps.
ENTRY = {"block1": (128, 128), "block2": (256, 256), "block3": (728, 728)}
MIDDLE = {f"block{number}": (728, 728, 728) for number in range(4, 12)}
EXIT = {"block12": (728, 1024)}


class SeparableConv2d(nn.Module):
    """A 3x3 window for each channel, then a mixture of the channels at each place."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, in_channels, 3, padding=1, groups=in_channels, bias=False)
        self.pointwise = nn.Conv2d(in_channels, out_channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:  # (N, in_channels, H, W) -> (N, out_channels, H, W)
        return self.pointwise(self.conv1(x))


class Block(nn.Module):
    """ReLU, separable convolution and batch norm in turn, added to the input.

    channels: of each convolution. relu_first: the block begins with a ReLU; the shortcut sees what was before it.
    halves: max pooling at the end, and a 1x1 convolution of stride 2 as shortcut.
    """

    def __init__(self, in_channels: int, channels: tuple[int, ...], *, halves: bool, relu_first: bool = True) -> None:
        super().__init__()
        if halves:
            self.skip = nn.Conv2d(in_channels, channels[-1], 1, stride=2, bias=False)
            self.skipbn = nn.BatchNorm2d(channels[-1])
        layers: list[nn.Module] = []
        for before, after in zip((in_channels, *channels), channels, strict=False):
            layers += [nn.ReLU(), SeparableConv2d(before, after), nn.BatchNorm2d(after)]
        self.rep = FusedSequential(*layers[0 if relu_first else 1 :], *[nn.MaxPool2d(3, stride=2, padding=1)] * halves)
        self.halves = halves

    def forward(self, x: Tensor) -> Tensor:  # (N, in_channels, H, W)
        out = self.rep(x)
        # One pass over memory: the normalised shortcut + what the block makes.
        return self.skipbn(self.skip(x), residual=out) if self.halves else x + out


class Xception(nn.Module):
    """Two convolutions, twelve blocks, two separable convolutions, the mean over each map and one linear layer.

    dropout: before the last layer. width: multiplies channels. depth: multiplies the number of blocks of the middle flow; at most 1.
    cifar: for images of 32x32: the first convolution has stride 1, and both are padded, so that the first block sees maps of 32x32.
    """

    def __init__(
        self, in_channels: int = 3, num_classes: int = 1000, *, dropout: float = 0.5, width: float = 1.0, depth: float = 1.0,
        cifar: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        c1, c2, c3, c4 = (narrow(channels, width) for channels in (32, 64, 1536, 2048))
        self.conv1 = nn.Conv2d(in_channels, c1, 3, stride=1 if cifar else 2, padding=int(cifar), bias=False)
        self.bn1 = nn.BatchNorm2d(c1)
        self.conv2 = nn.Conv2d(c1, c2, 3, padding=int(cifar), bias=False)
        self.bn2 = nn.BatchNorm2d(c2)
        middle = list(MIDDLE)[: shallow([len(MIDDLE)], depth, named=True)[0]]
        self.blocks = [*ENTRY, *middle, *EXIT]  # their names
        before = c2
        for name in self.blocks:
            channels = tuple(narrow(channels, width) for channels in {**ENTRY, **MIDDLE, **EXIT}[name])
            self.add_module(name, Block(before, channels, halves=name not in MIDDLE, relu_first=name != "block1"))
            before = channels[-1]
        self.conv3 = SeparableConv2d(before, c3)
        self.bn3 = nn.BatchNorm2d(c3)
        self.conv4 = SeparableConv2d(c3, c4)
        self.bn4 = nn.BatchNorm2d(c4)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(c4, num_classes)
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:  # (N, in_channels, 299, 299)
        x = self.bn1(self.conv1(x), relu=True)  # (N, 32, 149, 149)
        x = self.bn2(self.conv2(x), relu=True)  # (N, 64, 147, 147)
        for name in self.blocks:
            x = getattr(self, name)(x)
        # (N, 1024, 10, 10)
        x = self.bn3(self.conv3(x), relu=True)  # (N, 1536, 10, 10)
        x = self.bn4(self.conv4(x), relu=True)  # (N, 2048, 10, 10)
        return self.fc(self.dropout(F.flatten(self.avgpool(x), 1)))  # (N, num_classes)


register(
    "xception", input_shape=(3, 299, 299), parameters=22_855_952, macs=8_357_403_496, paper=PAPER,
    recipes=photographs(cifar(image_size=(32, 32), cifar=True)), small={"width": 1 / 16, "depth": 0.25}, small_input=(3, 39, 39),
    accuracy=(79.0, "Chollet 2017, table 1"),
)(Xception)  # fmt: skip
