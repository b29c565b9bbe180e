"""GoogLeNet, the first Inception network.

C. Szegedy, W. Liu, Y. Jia, P. Sermanet, S. Reed, D. Anguelov, D. Erhan, V. Vanhoucke, A. Rabinovich: Going Deeper with
Convolutions. CVPR 2015, arXiv:1409.4842.

What was new: a module that looks at its input through windows of several sizes at once; 1x1 convolutions in it that first reduce
the channels, so that 22 layers have a ninth of AlexNet's parameters and twice its multiply-adds; the mean over each map in place of
large fully connected layers. Two auxiliary classifiers half way feed gradient into the lower layers while training.

NOTE: as torchvision's: batch norm, which the paper did not have yet; 3x3 where it has 5x5; an adaptive mean in the auxiliary
classifiers, and dropout of 0.2 instead of 0.4 before the last layer.

`inception_naive` is the same network of the modules of figure 2a, before dimension reduction: the windows (here 5x5, as in the
figure) see every channel, and the pooling branch hands all of them on, so that from module to module the channels grow, to 4,944
instead of 1,024. Without auxiliary classifiers that makes 97.5 million parameters, 15 times as many as GoogLeNet's 6.6 million, and
12.6 thousand million multiply-adds, 8.4 times its 1.5.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import minitorch_cv.functional as F
from minitorch_cv import Tensor, nn
from models.blocks import initialise, narrow, shallow
from models.inception_blocks import MAX, BasicConv2d, Branches, Conv, Table, from_imagenet, initialise_truncated, stem
from models.recipes import cifar, photographs
from models.registry import register

PAPER = "Szegedy et al. 2015, Going Deeper with Convolutions"

# The paper's table 1: #1x1, #3x3 reduce, #3x3, #5x5 reduce, #5x5, pool proj. Stages of maps of 28x28, 14x14, 7x7.
STAGES = {
    3: {"a": (64, 96, 128, 16, 32, 32), "b": (128, 128, 192, 32, 96, 64)},
    4: {
        "a": (192, 96, 208, 16, 48, 64), "b": (160, 112, 224, 24, 64, 64), "c": (128, 128, 256, 24, 64, 64),
        "d": (112, 144, 288, 32, 64, 64), "e": (256, 160, 320, 32, 128, 128),
    },
    5: {"a": (256, 160, 320, 32, 128, 128), "b": (384, 192, 384, 48, 128, 128)},
}  # fmt: skip


def reduced(n1x1: int, reduce3: int, n3x3: int, reduce5: int, n5x5: int, projection: int) -> Table:
    """Figure 2b, the module with dimension reduction."""
    return Table(
        {"branch1": Conv(n1x1)},
        {"branch2": [Conv(reduce3), Conv(n3x3, 3)]},
        {"branch3": [Conv(reduce5), Conv(n5x5, 3)]},
        {"branch4": [MAX, Conv(projection)]},
    )


def naive(n1x1: int, reduce3: int, n3x3: int, reduce5: int, n5x5: int, projection: int) -> Table:
    """Figure 2a, the module before dimension reduction."""
    return Table({"branch1": Conv(n1x1)}, {"branch2": Conv(n3x3, 3)}, {"branch3": Conv(n5x5, 5)}, {"branch4": MAX})


class GoogLeNetOutputs(NamedTuple):
    """The logits in training mode: the network's own, those of the later and of the earlier auxiliary classifier."""

    logits: Tensor
    aux_logits2: Tensor
    aux_logits1: Tensor


class Auxiliary(nn.Module):
    """A classifier on the maps of a layer half way; channels: of its convolution, hidden: of its first linear layer."""

    def __init__(self, in_channels: int, channels: int, hidden: int, num_classes: int, dropout: float) -> None:
        super().__init__()
        self.conv = BasicConv2d(in_channels, channels, 1)
        self.fc1 = nn.Linear(channels * 4 * 4, hidden)
        self.fc2 = nn.Linear(hidden, num_classes)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:  # (N, in_channels, H, W)
        x = self.conv(F.adaptive_avg_pool2d(x, 4))  # (N, 128, 4, 4)
        x = self.dropout(F.relu(self.fc1(F.flatten(x, 1))))  # (N, 1024)
        return self.fc2(x)  # (N, num_classes)


class GoogLeNet(nn.Module):
    """A stem, then Inception modules in three stages, then the mean over each map and one linear layer.

    module: row of the table -> branches. aux_logits: with auxiliary classifiers; in training mode the network then returns
    `GoogLeNetOutputs`. transform_input: take images normalised by ImageNet's statistics, compute with (pixel - 0.5) / 0.5.
    dropout, dropout_aux: before the last layers. width: multiplies channels. depth: multiplies the numbers of modules; at most 1.
    cifar: for images of 32x32: a 3x3 convolution is the whole stem, and the first modules see maps of 32x32.
    """

    def __init__(
        self, module: Callable[..., Table], in_channels: int = 3, num_classes: int = 1000, *, aux_logits: bool = True,
        transform_input: bool = False, dropout: float = 0.2, dropout_aux: float = 0.7, width: float = 1.0, depth: float = 1.0,
        cifar: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.transform_input, self.aux_logits = transform_input, aux_logits
        self.conv1, self.maxpool1, self.conv2, self.conv3, self.maxpool2 = stem(in_channels, width, cifar)
        channels = narrow(192, width)
        self.maxpool3 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.maxpool4 = nn.MaxPool2d(2, stride=2, ceil_mode=True)

        self.stages: dict[int, list[str]] = {}  # number of the stage -> names of its modules
        out_channels = {}
        for (stage, rows), count in zip(STAGES.items(), shallow([len(rows) for rows in STAGES.values()], depth, named=True), strict=True):
            self.stages[stage] = [f"inception{stage}{letter}" for letter in rows][:count]
            for name, row in zip(self.stages[stage], rows.values(), strict=False):  # the first rows of the stage
                branches = Branches(channels, module(*row), width)
                self.add_module(name, branches)
                channels = out_channels[name] = branches.out_channels

        # After the first module of stage 4, and after the last but one.
        self.auxiliary = {"aux1": self.stages[4][0], "aux2": (self.stages[4][:-1] or self.stages[4])[-1]} if aux_logits else {}
        for aux, name in self.auxiliary.items():
            classifier = Auxiliary(out_channels[name], narrow(128, width), narrow(1024, width), num_classes, dropout_aux)
            self.add_module(aux, classifier)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(channels, num_classes)
        if cifar:
            initialise(self)
        else:
            initialise_truncated(self, std=0.01)

    def forward(self, x: Tensor) -> Tensor | GoogLeNetOutputs:  # (N, in_channels, 224, 224)
        if self.transform_input:
            x = from_imagenet(x)
        x = self.maxpool1(self.conv1(x))  # (N, 64, 56, 56)
        x = self.maxpool2(self.conv3(self.conv2(x)))  # (N, 192, 28, 28)
        maps = {}
        for stage, names in self.stages.items():
            for name in names:
                x = maps[name] = getattr(self, name)(x)  # (N, 480, 28, 28), (N, 832, 14, 14), (N, 1024, 7, 7) after 3b, 4e, 5b
            if stage < 5:
                x = getattr(self, f"maxpool{stage}")(x)
        logits = self.fc(self.dropout(F.flatten(self.avgpool(x), 1)))  # (N, num_classes)
        if not (self.training and self.aux_logits):
            return logits
        aux1, aux2 = (getattr(self, aux)(maps[name]) for aux, name in self.auxiliary.items())
        return GoogLeNetOutputs(logits, aux2, aux1)


MODELS = {  # name: module, parameters, multiply-adds
    "googlenet": (reduced, 13_004_888, 1_498_376_192),
    "inception_naive": (naive, 104_279_704, 12_568_061_056),
}
for _name, (_module, _parameters, _macs) in MODELS.items():
    register(
        _name, input_shape=(3, 224, 224), parameters=_parameters, macs=_macs, paper=PAPER,
        recipes=photographs(cifar(image_size=(32, 32), cifar=True, aux_logits=False)),
        small={"width": 1 / 16, "depth": 0.4}, small_input=(3, 64, 64),
    )(partial(GoogLeNet, _module))  # fmt: skip
