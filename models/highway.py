"""Highway networks, where gates let the input of a layer pass by.

R. Srivastava, K. Greff, J. Schmidhuber: Highway Networks. 2015, arXiv:1505.00387.
R. Srivastava, K. Greff, J. Schmidhuber: Training Very Deep Networks. NeurIPS 2015, arXiv:1507.06228.

A highway layer is y = H(x) T(x) + x (1 - T(x)): a "transform gate" T, a sigmoid between 0 and 1, says for every number how much of it is
computed anew and how much is carried. Its bias starts negative, so that at first a deep network carries nearly everything and the
gradient reaches the first layer: networks of a hundred layers and more learnt for the first time. Half a year later ResNets did without
the gates.

The network is the papers' of 19 layers and 2.3 million parameters for CIFAR ("Highway B", as deep and wide as FitNet 4), after the file
that the authors published for Caffe. All kernels are 3x3 but the last, and H has a ReLU:

    convolution  32, 4 highway layers, 2x2 max pooling
    convolution  80, 5 highway layers, 2x2 max pooling
    convolution 128, 5 highway layers, 1x1 convolution 100, mean of each map, linear layer

with dropout of 0.2 on the image, after each pooling and before the linear layer. The authors train for 400 epochs, batch 100, with
Nesterov's method, lr 0.025 and weight decay 1e-3, and reach 92 % on CIFAR-10.

NOTE: as first weights the authors take uniform ones of variance 1 / fan in, and normal ones for the first and last layer; here they
are He's for plain convolutions and those uniform ones for H and T.
"""

import math

import minitorch_cv.functional as F
from minitorch_cv import Tensor, nn
from models.blocks import narrow, shallow
from models.recipes import GENTLE, cifar
from models.registry import register

PAPER = "Srivastava, Greff and Schmidhuber 2015, Training Very Deep Networks"

STAGES = ((32, 4), (80, 5), (128, 5))  # channels, highway layers


class HighwayLayer(nn.Module):
    """H(x) T(x) + x (1 - T(x)); H is a convolution with ReLU, T one with a sigmoid, whose bias starts at `carry`."""

    def __init__(self, channels: int, carry: float = -2.0) -> None:
        super().__init__()
        self.transform = nn.Conv2d(channels, channels, 3, padding=1)
        self.gate = nn.Conv2d(channels, channels, 3, padding=1)
        bound = math.sqrt(3 / (channels * 9))  # uniform between -bound and bound has a variance of 1 / fan in
        for convolution, bias in ((self.transform, 0.0), (self.gate, carry)):
            nn.init.uniform_(convolution.weight, -bound, bound)
            nn.init.constant_(convolution.bias, bias)

    def forward(self, x: Tensor) -> Tensor:  # (N, channels, H, W)
        gate = F.sigmoid(self.gate(x))
        return x + gate * (F.relu(self.transform(x)) - x)


class CifarHighway(nn.Module):
    """Three stages of highway layers.

    in_channels, num_classes: of the data. dropout: its probability. carry: first bias of all transform gates; the lower, the more passes.
    width, depth: multiply the numbers of channels, and of highway layers.
    """

    def __init__(
        self, in_channels: int = 3, num_classes: int = 10, *,
        dropout: float = 0.2, carry: float = -2.0, width: float = 1.0, depth: float = 1.0,
    ) -> None:  # fmt: skip
        super().__init__()
        layers: list[nn.Module] = [nn.Dropout(dropout)]
        counts = shallow([count for _, count in STAGES], depth)
        for index, ((channels, _), count) in enumerate(zip(STAGES, counts, strict=True)):
            if index > 0:
                layers += [nn.MaxPool2d(2), nn.Dropout(dropout)]
            out_channels = narrow(channels, width)
            layers += [plain(in_channels, out_channels, 3), *(HighwayLayer(out_channels, carry) for _ in range(count))]
            in_channels = out_channels
        self.features = nn.Sequential(*layers, plain(in_channels, narrow(100, width), 1))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(narrow(100, width), num_classes)

    def forward(self, x: Tensor) -> Tensor:  # (N, in_channels, 32, 32)
        x = self.features(x)  # (N, 100, 8, 8)
        return self.fc(self.dropout(F.flatten(self.avgpool(x), 1)))  # (N, num_classes)


def plain(in_channels: int, out_channels: int, kernel_size: int) -> nn.Sequential:
    """A convolution with ReLU, without a highway past it: where the number of channels changes."""
    convolution = nn.Conv2d(in_channels, out_channels, kernel_size, padding=kernel_size // 2)
    nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")  # by fan in: what is carried past the layers after it keeps its size
    nn.init.zeros_(convolution.bias)
    return nn.Sequential(convolution, nn.ReLU())


register(
    "highway_cifar", input_shape=(3, 32, 32), parameters=2_256_838, macs=330_826_728, paper=PAPER,
    recipes=cifar(GENTLE.with_options(lr=0.05)), small={"width": 1 / 8, "depth": 0.2}, small_input=(3, 16, 16),
)(CifarHighway)  # fmt: skip
