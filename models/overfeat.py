"""OverFeat, one network that classifies, localises and detects.

P. Sermanet, D. Eigen, X. Zhang, M. Mathieu, R. Fergus, Y. LeCun: OverFeat: Integrated Recognition, Localization and Detection using
Convolutional Networks. ICLR 2014, arXiv:1312.6229.

A classifier whose linear layers are run as convolutions looks at all places of a large image at once, for little more than the cost of
one. The last pooling is done at all its offsets, so that the places are as close as they were before it. The map of classes, and a
second head that predicts a box at each place, are averaged over several scales.

Table 1, the fast network (231x231), and table 3, the accurate one (221x221); stages of convolution and max pooling:

    fast      96 11x11/4, 2x2/2 | 256 5x5, 2x2/2 | 512 3x3 | 1024 3x3 | 1024 3x3, 2x2/2             | 3072 | 4096 | 1000
    accurate  96 7x7/2, 3x3/3   | 256 7x7, 2x2/2 | 512 3x3 | 512 3x3  | 1024 3x3 | 1024 3x3, 3x3/3  | 4096 | 4096 | 1000

Table 4 counts 145 and 144 million parameters, which is what there is here, and 2,810 and 5,369 million connections: 0.3 % more than the
multiply-adds here.

The linear layers are linear layers, and take images of the paper's size only; on larger ones they have to be run as convolutions. Keys are
named as AlexNet's.

NOTE: the paper starts from normal weights of standard deviation 0.01; He's initialisation replaces them for the convolutions.
"""

from functools import partial

import minitorch_cv.functional as F
from minitorch_cv import Tensor, nn
from models.blocks import initialise, narrow
from models.recipes import FOLDER, photographs
from models.registry import register

PAPER = "Sermanet et al. 2014, OverFeat: Integrated Recognition, Localization and Detection using Convolutional Networks"

Stage = tuple[int, int, int, int, int]  # channels, kernel size, stride, padding, size and stride of the pooling (0: none)

FAST: tuple[Stage, ...] = ((96, 11, 4, 0, 2), (256, 5, 1, 0, 2), (512, 3, 1, 1, 0), (1024, 3, 1, 1, 0), (1024, 3, 1, 1, 2))
ACCURATE: tuple[Stage, ...] = (
    (96, 7, 2, 0, 3), (256, 7, 1, 0, 2), (512, 3, 1, 1, 0), (512, 3, 1, 1, 0), (1024, 3, 1, 1, 0), (1024, 3, 1, 1, 3),
)  # fmt: skip


class OverFeat(nn.Module):
    """Convolutions and three linear layers.

    stages: the convolutions and poolings. places: height and width of the last map. hidden: units of the first two linear layers.
    in_channels, num_classes: of the data. dropout: its probability, before either hidden linear layer.
    width: multiplies the numbers of channels and hidden units.
    """

    def __init__(
        self, stages: tuple[Stage, ...], places: int, hidden: tuple[int, int], in_channels: int = 3, num_classes: int = 1000, *,
        dropout: float = 0.5, width: float = 1.0,
    ) -> None:  # fmt: skip
        super().__init__()
        layers: list[nn.Module] = []
        for channels, kernel_size, stride, padding, pooling in stages:
            out_channels = narrow(channels, width)
            layers += [nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding), nn.ReLU()]
            if pooling:
                layers.append(nn.MaxPool2d(pooling))
            in_channels = out_channels
        self.features = nn.Sequential(*layers)
        first, second = (narrow(units, width) for units in hidden)
        self.classifier = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(in_channels * places * places, first), nn.ReLU(),
            nn.Dropout(dropout), nn.Linear(first, second), nn.ReLU(),
            nn.Linear(second, num_classes),
        )  # fmt: skip
        initialise(self, linear_std=0.01, mode="fan_in")

    def forward(self, x: Tensor) -> Tensor:  # (N, in_channels, 231, 231) fast, (N, in_channels, 221, 221) accurate
        x = self.features(x)  # (N, 1024, 6, 6) fast, (N, 1024, 5, 5) accurate
        return self.classifier(F.flatten(x, 1))  # (N, num_classes)


RECIPES = photographs(folder=FOLDER.with_options(lr=0.01, weight_decay=1e-5))
register(
    "overfeat_fast", input_shape=(3, 231, 231), parameters=145_920_872, macs=2_801_403_904, recipes=RECIPES, paper=PAPER,
    small={"width": 1 / 64},
)(partial(OverFeat, FAST, 6, (3072, 4096)))  # fmt: skip
register(
    "overfeat_accurate", input_shape=(3, 221, 221), parameters=144_656_488, macs=5_355_446_784, recipes=RECIPES, paper=PAPER,
    small={"width": 1 / 64},
)(partial(OverFeat, ACCURATE, 5, (4096, 4096)))  # fmt: skip
