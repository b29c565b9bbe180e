"""DenseNet: every layer sees the maps of all layers before it.

G. Huang, Z. Liu, L. van der Maaten, K. Weinberger: Densely Connected Convolutional Networks. CVPR 2017, arXiv:1608.06993.

New in it: within a block, a layer's input is the concatenation of everything that was computed before, where a residual network adds; so
each layer need only contribute a few maps of its own, the growth rate k. Bottlenecks (B: a 1x1 convolution to 4k maps before each 3x3)
and compression (C: transitions between blocks halve the number of maps) keep that affordable. DenseNets have half the parameters of
residual networks of the same accuracy, or fewer.

    ImageNet           layers of the four blocks      growth  first maps
    densenet121        6, 12, 24, 16                  32      64
    densenet161        6, 12, 36, 24                  48      96
    densenet169        6, 12, 32, 32                  32      64
    densenet201        6, 12, 48, 32                  32      64

    CIFAR              layers of the three blocks     growth  first maps  error on CIFAR-10, mirrored and shifted
    densenet40_12      12, 12, 12                     12      16          5.24 %
    densenet_bc100_12  16, 16, 16                     12      24          4.51 %
    densenet_bc250_24  41, 41, 41                     24      48          3.62 %
    densenet_bc190_40  31, 31, 31                     40      80          3.46 %

Memory: the concatenations of a block of n layers hold n(n + 1)/2 times k maps. With `recompute`, they are not kept but made again when
gradients need them: G. Pleiss, D. Chen, G. Huang, T. Li, L. van der Maaten, K. Weinberger: Memory-Efficient Implementation of
DenseNets, arXiv:1707.06990. NOTE: there, the first convolution of a layer is not repeated, only the concatenation and the normalisation
before it; here the three are one piece.
"""

from collections.abc import Sequence
from functools import partial

import minitorch_cv.functional as F
from minitorch_cv import Tensor, nn
from minitorch_cv.autograd import checkpoint
from models.blocks import initialise, narrow, shallow
from models.recipes import SHORT, cifar, photographs
from models.registry import register

PAPER = "Huang et al. 2017, Densely Connected Convolutional Networks"

BOTTLENECK = 4  # maps between the two convolutions of a layer, in growth rates


class DenseLayer(nn.Module):
    """`growth` new maps from all maps so far: norm, ReLU, 3x3 convolution, or the same with a bottleneck of 1x1 before it."""

    def __init__(self, in_channels: int, growth: int, bottleneck: bool, dropout: float, recompute: bool) -> None:
        super().__init__()
        middle = BOTTLENECK * growth
        self.norm1 = nn.BatchNorm2d(in_channels)
        if bottleneck:
            self.conv1 = nn.Conv2d(in_channels, middle, 1, bias=False)
            self.norm2 = nn.BatchNorm2d(middle)
            self.conv2 = nn.Conv2d(middle, growth, 3, padding=1, bias=False)
        else:
            self.conv1 = nn.Conv2d(in_channels, growth, 3, padding=1, bias=False)
        self.bottleneck, self.dropout, self.recompute = bottleneck, dropout, recompute

    def forward(self, maps: Sequence[Tensor]) -> Tensor:  # each (N, any, H, W)
        x = checkpoint(self.first, *maps) if self.recompute and self.training else self.first(*maps)
        if self.bottleneck:
            x = self.conv2(self.norm2(x, relu=True))
        return F.dropout(x, self.dropout, self.training) if self.dropout else x  # (N, growth, H, W)

    def first(self, *maps: Tensor) -> Tensor:
        """What reads all maps, and is cheap to do twice next to the memory that it takes."""
        return self.conv1(self.norm1(F.cat(maps, 1), relu=True))


class DenseBlock(nn.Sequential):
    """Layers that each see the input and what all layers before them have made; so does whatever comes after the block."""

    def __init__(self, layers: int, in_channels: int, growth: int, bottleneck: bool, dropout: float, recompute: bool) -> None:
        super().__init__({
            f"denselayer{i + 1}": DenseLayer(in_channels + i * growth, growth, bottleneck, dropout, recompute) for i in range(layers)
        })  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:  # (N, C, H, W)
        maps = [x]
        for layer in self:
            maps.append(layer(maps))
        return F.cat(maps, 1)  # (N, C + layers * growth, H, W)


class Transition(nn.Module):
    """Between blocks: fewer maps, of half the height and width."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(in_channels)
        self.conv = nn.Conv2d(in_channels, out_channels, 1, bias=False)
        self.pool = nn.AvgPool2d(2, 2)

    def forward(self, x: Tensor) -> Tensor:  # (N, in_channels, H, W) -> (N, out_channels, H/2, W/2)
        return self.pool(self.conv(self.norm(x, relu=True)))


class DenseNet(nn.Module):
    """The blocks between a first convolution and a linear classifier of the means of the last maps.

    layers: of each block. stem: maps of the first convolution. bottleneck: DenseNet-BC, with bottlenecks and compression to one half.
    in_channels, num_classes: of the data. growth: maps that each layer adds.
    width, depth: factors of the growth rate and the first maps, and of the layers of each block.
    dropout: probability, after each layer of a block; the paper has 0.2 where images are not augmented.
    cifar: for images of 32x32: the first convolution is 3x3 and keeps the size, instead of 7x7 with stride 2 and pooling.
    recompute: train in less memory, about half for densenet40_12, and a little more time; the gradients are the same.
    """

    def __init__(
        self, layers: Sequence[int], stem: int, bottleneck: bool, in_channels: int = 3, num_classes: int = 1000, *, growth: int = 32,
        width: float = 1.0, depth: float = 1.0, dropout: float = 0.0, cifar: bool = False, recompute: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        if growth < 1:
            raise ValueError(f"growth: got {growth}, expected at least one map")
        growth, channels = narrow(growth, width), narrow(stem, width)
        self.features = nn.Sequential()
        if cifar:
            self.features.add_module("conv0", nn.Conv2d(in_channels, channels, 3, padding=1, bias=False))
        else:
            self.features.add_module("conv0", nn.Conv2d(in_channels, channels, 7, stride=2, padding=3, bias=False))
            self.features.add_module("norm0", nn.BatchNorm2d(channels))
            self.features.add_module("pool0", nn.MaxPool2d(3, stride=2, padding=1))
        for index, count in enumerate(shallow(layers, depth), start=1):
            if index > 1:
                reduced = channels // 2 if bottleneck else channels
                self.features.add_module(f"transition{index - 1}", Transition(channels, reduced))
                channels = reduced
            self.features.add_module(f"denseblock{index}", DenseBlock(count, channels, growth, bottleneck, dropout, recompute))
            channels += count * growth
        self.features.add_module("norm5", nn.BatchNorm2d(channels))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(channels, num_classes)
        initialise(self)
        nn.init.zeros_(self.classifier.bias)

    def forward(self, x: Tensor) -> Tensor:  # (N, in_channels, H, W)
        for module in self.features:  # a norm that stands here alone, the first or the last, has ReLU after it
            x = module(x, relu=True) if isinstance(module, nn.BatchNorm2d) else module(x)  # at last (N, channels, H/32, W/32)
        return self.classifier(F.flatten(self.avgpool(x), 1))  # (N, num_classes)


# name: layers, first maps, growth, parameters, multiply-adds
IMAGENET = {
    "densenet121": ((6, 12, 24, 16), 64, 32, 7_978_856, 2_834_161_664),
    "densenet161": ((6, 12, 36, 24), 96, 48, 28_681_000, 7_727_907_072),
    "densenet169": ((6, 12, 32, 32), 64, 32, 14_149_480, 3_359_843_328),
    "densenet201": ((6, 12, 48, 32), 64, 32, 20_013_928, 4_291_365_888),
}
# name: layers of each of three blocks, first maps, growth, bottleneck, parameters, multiply-adds
CIFAR = {
    "densenet40_12": (12, 16, 12, False, 1_019_722, 264_812_928),
    "densenet_bc100_12": (16, 24, 12, True, 769_162, 287_929_692),
    "densenet_bc250_24": (41, 48, 24, True, 15_324_406, 5_418_785_724),
    "densenet_bc190_40": (31, 80, 40, True, 25_624_430, 9_301_945_740),
}

RECIPE = SHORT.with_options(lr=0.1, batch_size=64)  # the paper's learning rate and batch

for _name, (_layers, _stem, _growth, _parameters, _macs) in IMAGENET.items():
    register(
        _name, input_shape=(3, 224, 224), parameters=_parameters, macs=_macs, paper=PAPER,
        recipes=photographs(cifar(RECIPE, image_size=(32, 32), cifar=True)),
        small={"width": 0.125, "depth": 0.05}, small_input=(3, 32, 32),
    )(partial(DenseNet, _layers, _stem, True, growth=_growth))  # fmt: skip

for _name, (_each, _stem, _growth, _bottleneck, _parameters, _macs) in CIFAR.items():
    register(
        _name, input_shape=(3, 32, 32), parameters=_parameters, macs=_macs, paper=PAPER, recipes=cifar(RECIPE),
        small={"growth": 4, "width": 0.5, "depth": 0.05}, small_input=(3, 8, 8),
    )(partial(DenseNet, (_each,) * 3, _stem, _bottleneck, num_classes=10, growth=_growth, cifar=True))  # fmt: skip
