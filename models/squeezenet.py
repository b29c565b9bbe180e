"""SqueezeNet, AlexNet's accuracy with fifty times fewer parameters.

F. Iandola, S. Han, M. Moskewicz, K. Ashraf, W. Dally, K. Keutzer: SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and
<0.5MB model size. 2016, arXiv:1602.07360.

A "fire" module squeezes its input into few channels with 1x1 convolutions, and expands them with 1x1 and 3x3 convolutions side by side:
most of the kernels are 1x1, and the 3x3 ones see few channels. Pooling comes late, so that the maps stay large. There is no linear
layer: the mean over each map of the last convolution is the logit of its class.

    1.0  conv 7x7/2 96, pool, fire 16-64 16-64 32-128, pool, fire 32-128 48-192 48-192 64-256, pool, fire 64-256, conv 1x1, mean
    1.1  conv 3x3/2 64, pool, fire 16-64 16-64, pool, fire 32-128 32-128, pool, fire 48-192 48-192 64-256 64-256, conv 1x1, mean

(fire s-e: squeezes to s channels and expands to twice e.) 1.1 is the authors' later version, with 2.4 times fewer multiply-adds. Names,
keys and first weights are torchvision's.

NOTE: with `cifar=True`, for images of 32x32, the first convolution is 3x3 with stride 1, and no pooling follows it, as is customary.
"""

from functools import partial

import minitorch_cv.functional as F
from minitorch_cv import Tensor, nn
from models.blocks import global_average, narrow
from models.recipes import FOLDER, GENTLE, cifar, photographs
from models.registry import register

PAPER = "Iandola et al. 2016, SqueezeNet: AlexNet-level accuracy with 50x fewer parameters"

Stem = tuple[int, int]  # channels and kernel size of the first convolution
POOL = 0  # in the place of a fire module: 3x3 max pooling with stride 2
STEMS: dict[str, Stem] = {"squeezenet1_0": (96, 7), "squeezenet1_1": (64, 3)}
LAYERS = {  # squeezed channels of each fire module; it expands them to eight times as many
    "squeezenet1_0": (POOL, 16, 16, 32, POOL, 32, 48, 48, 64, POOL, 64),
    "squeezenet1_1": (POOL, 16, 16, POOL, 32, 32, POOL, 48, 48, 64, 64),
}


class Fire(nn.Module):
    """Squeeze by 1x1 convolutions; expand by 1x1 and 3x3 convolutions, whose maps stand one after the other."""

    def __init__(self, in_channels: int, squeezed: int, expanded: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(in_channels, squeezed, 1)
        self.expand1x1 = nn.Conv2d(squeezed, expanded, 1)
        self.expand3x3 = nn.Conv2d(squeezed, expanded, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:  # (N, in_channels, H, W)
        x = F.relu(self.squeeze(x))  # (N, squeezed, H, W)
        return F.relu(F.cat([self.expand1x1(x), self.expand3x3(x)], 1))  # (N, 2 * expanded, H, W)


class SqueezeNet(nn.Module):
    """A convolution, eight fire modules, a 1x1 convolution, the mean over each map.

    in_channels, num_classes: of the data. dropout: its probability, before the last convolution.
    width: multiplies the numbers of channels. cifar: the form for images of 32x32.
    """

    def __init__(
        self, stem: Stem, layers: tuple[int, ...], in_channels: int = 3, num_classes: int = 1000, *,
        dropout: float = 0.5, width: float = 1.0, cifar: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        channels = narrow(stem[0], width)
        first = nn.Conv2d(in_channels, channels, 3, padding=1) if cifar else nn.Conv2d(in_channels, channels, stem[1], stride=2)
        features: list[nn.Module] = [first, nn.ReLU()]
        for index, squeezed in enumerate(layers):
            if squeezed != POOL:
                expanded = 4 * narrow(squeezed, width)
                features.append(Fire(channels, expanded // 4, expanded))
                channels = 2 * expanded
            elif not (cifar and index == 0):
                features.append(nn.MaxPool2d(3, stride=2, ceil_mode=True))
        self.features = nn.Sequential(*features)
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Conv2d(channels, num_classes, 1), nn.ReLU())
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_uniform_(module.weight)
                nn.init.zeros_(module.bias)
        nn.init.normal_(self.classifier[1].weight, 0.0, 0.01)

    def forward(self, x: Tensor) -> Tensor:  # (N, in_channels, 224, 224)
        x = self.features(x)  # (N, 512, 13, 13)
        return global_average(self.classifier(x))  # (N, num_classes)


CLAIMS = {"squeezenet1_0": (1_248_424, 818_924_576), "squeezenet1_1": (1_235_496, 349_151_936)}

for _name, (_parameters, _macs) in CLAIMS.items():
    register(
        _name, input_shape=(3, 224, 224), parameters=_parameters, macs=_macs, paper=PAPER, small={"width": 1 / 8}, small_input=(3, 33, 33),
        recipes=photographs(cifar(GENTLE, image_size=(32, 32), cifar=True), FOLDER.with_options(lr=0.01, weight_decay=2e-4)),
    )(partial(SqueezeNet, STEMS[_name], LAYERS[_name]))  # fmt: skip
