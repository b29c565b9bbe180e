"""Network in Network, where every convolution is a small network.

M. Lin, Q. Chen, S. Yan: Network In Network. ICLR 2014, arXiv:1312.4400.

An "mlpconv" layer slides a small multilayer perceptron over the image instead of one linear filter; in today's words, a convolution is
followed by two of 1x1. There are no linear layers: the last mlpconv has one map for each class, and the mean over each map is its
logit. That global average pooling has no parameters to overfit with, and spares most of AlexNet's 60 million.

Each mlpconv: kernel size (stride) and channels of its three convolutions, ReLU after each; what follows it.

    nin        11 (4)  96- 96- 96, max | 5  256-256-256, max | 3  384-384-384, max, dropout | 3  1024-1024-classes, mean
    nin_cifar  5      192-160- 96, max, dropout | 5  192-192-192, mean, dropout | 3  192-192-classes, mean

The paper has no network for ImageNet and no table of channels: both are as the authors published them for cuda-convnet and Caffe (M. Lin's
nin_imagenet, 59.36 % top-1, which he trained with lr 0.01 and weight decay 5e-4). Pooling is 3x3 with stride 2, sizes rounded up.
Keys are `features.N.0`, `.2` and `.4`: three convolutions for each mlpconv.

NOTE: the authors start from normal weights of standard deviation 0.05 or 0.01; He's initialisation replaces them.
"""

from functools import partial
from typing import NamedTuple

from minitorch_cv import Tensor, nn
from models.blocks import Layer, global_average, initialise, narrow
from models.recipes import FOLDER, GENTLE, cifar, photographs
from models.registry import register

PAPER = "Lin, Chen and Yan 2014, Network In Network"


class Stage(NamedTuple):
    """One mlpconv layer; channels: of its convolutions, 0 for one for each class. pooling: "max", "mean" or none."""

    kernel_size: int
    stride: int
    padding: int
    channels: tuple[int, int, int]
    pooling: str = ""
    dropout: bool = False


IMAGENET = (
    Stage(11, 4, 0, (96, 96, 96), "max"),
    Stage(5, 1, 2, (256, 256, 256), "max"),
    Stage(3, 1, 1, (384, 384, 384), "max", dropout=True),
    Stage(3, 1, 1, (1024, 1024, 0)),
)
CIFAR = (
    Stage(5, 1, 2, (192, 160, 96), "max", dropout=True),
    Stage(5, 1, 2, (192, 192, 192), "mean", dropout=True),
    Stage(3, 1, 1, (192, 192, 0)),
)

POOLINGS: dict[str, Layer] = {"max": nn.MaxPool2d, "mean": nn.AvgPool2d}


class MLPConv(nn.Sequential):
    """A convolution and two more of 1x1, a ReLU after each: a multilayer perceptron that slides over the image."""

    def __init__(self, in_channels: int, channels: tuple[int, ...], kernel_size: int, stride: int, padding: int) -> None:
        first, second, third = channels
        super().__init__(
            nn.Conv2d(in_channels, first, kernel_size, stride, padding), nn.ReLU(),
            nn.Conv2d(first, second, 1), nn.ReLU(),
            nn.Conv2d(second, third, 1), nn.ReLU(),
        )  # fmt: skip


class NIN(nn.Module):
    """mlpconv layers, and the mean over each map.

    in_channels, num_classes: of the data. dropout: its probability. width: multiplies the numbers of channels.
    """

    def __init__(
        self, stages: tuple[Stage, ...], in_channels: int = 3, num_classes: int = 1000, *, dropout: float = 0.5, width: float = 1.0
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for stage in stages:
            channels = tuple(narrow(count, width) if count else num_classes for count in stage.channels)
            layers.append(MLPConv(in_channels, channels, stage.kernel_size, stage.stride, stage.padding))
            if stage.pooling:
                layers.append(POOLINGS[stage.pooling](3, stride=2, ceil_mode=True))
            if stage.dropout:
                layers.append(nn.Dropout(dropout))
            in_channels = channels[-1]
        self.features = nn.Sequential(*layers)
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:  # (N, in_channels, 224, 224) or, for CIFAR, (N, in_channels, 32, 32)
        x = self.features(x)  # (N, num_classes, 6, 6) or (N, num_classes, 8, 8)
        return global_average(x)  # (N, num_classes)


register(
    "nin", input_shape=(3, 224, 224), parameters=7_595_176, macs=1_100_188_800, paper=PAPER,
    accuracy=(59.36, "M. Lin, nin_imagenet for Caffe"), recipes=photographs(folder=FOLDER.with_options(lr=0.01, weight_decay=5e-4)),
    small={"width": 1 / 16}, small_input=(3, 67, 67),
)(partial(NIN, IMAGENET))  # fmt: skip


@register(
    "nin_cifar", input_shape=(3, 32, 32), parameters=966_986, macs=222_486_528, paper=PAPER, recipes=cifar(GENTLE),
    small={"width": 1 / 16}, small_input=(3, 16, 16),
)  # fmt: skip
def nin_cifar(in_channels: int = 3, num_classes: int = 10, *, dropout: float = 0.5, width: float = 1.0) -> NIN:
    """Network in Network for CIFAR; the paper reports 89.6 % on CIFAR-10, and 91.2 % with shifted and mirrored images."""
    return NIN(CIFAR, in_channels, num_classes, dropout=dropout, width=width)
