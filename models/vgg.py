"""VGG, very deep networks of 3x3 convolutions.

K. Simonyan, A. Zisserman: Very Deep Convolutional Networks for Large-Scale Image Recognition. ICLR 2015, arXiv:1409.1556.

Every convolution is 3x3: two in a row see 5x5 pixels and three see 7x7, with fewer weights and more non-linearities than one large
kernel. Whenever the maps are halved, by 2x2 pooling, their number doubles, so that each stage costs about the same. With nothing but
depth, from 11 to 19 layers with weights, accuracy grew until the gradients set the limit.

The networks with batch norm came later, with torchvision; keys are torchvision's, and so are the first weights.

NOTE: the paper trained vgg11 first and started the deeper networks from its weights; He's initialisation makes that unnecessary.
NOTE: with `cifar=True`, for images of 32x32, one linear layer classifies the 512 numbers that are left after five poolings: S. Liu,
W. Deng: Very Deep Convolutional Neural Network Based Image Classification Using Small Training Sample Size. ACPR 2015.
"""

from functools import partial

import minitorch_cv.functional as F
from minitorch_cv import Tensor, nn
from models.blocks import FusedSequential, initialise, narrow, shallow
from models.recipes import FOLDER, GENTLE, SHORT, cifar, photographs
from models.registry import register

PAPER = "Simonyan and Zisserman 2015, Very Deep Convolutional Networks for Large-Scale Image Recognition"

CHANNELS = (64, 128, 256, 512, 512)  # of the stages; a 2x2 max pooling ends each of them
CONVOLUTIONS = {  # layers with weights, the three linear ones included -> convolutions of the stages
    11: (1, 1, 2, 2, 2),  # the paper's A
    13: (2, 2, 2, 2, 2),  # B
    16: (2, 2, 3, 3, 3),  # D
    19: (2, 2, 4, 4, 4),  # E
}


class VGG(nn.Module):
    """Five stages of 3x3 convolutions, and three linear layers.

    convolutions: of each stage. batch_norm: after every convolution.
    in_channels, num_classes: of the data. dropout: its probability, after either hidden linear layer.
    width, depth: multiply the numbers of channels, of hidden units, and of convolutions.
    cifar: one linear layer instead of three, for images of 32x32.
    """

    def __init__(
        self, convolutions: tuple[int, ...], batch_norm: bool, in_channels: int = 3, num_classes: int = 1000, *,
        dropout: float = 0.5, width: float = 1.0, depth: float = 1.0, cifar: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        layers: list[nn.Module] = []
        for count, channels in zip(shallow(convolutions, depth), CHANNELS, strict=True):
            out_channels = narrow(channels, width)
            for _ in range(count):
                layers.append(nn.Conv2d(in_channels, out_channels, 3, padding=1))
                layers += [nn.BatchNorm2d(out_channels), nn.ReLU()] if batch_norm else [nn.ReLU()]
                in_channels = out_channels
            layers.append(nn.MaxPool2d(2))
        self.features = FusedSequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1 if cifar else 7)
        hidden = narrow(4096, width)
        self.classifier: nn.Module = nn.Linear(in_channels, num_classes) if cifar else nn.Sequential(
            nn.Linear(in_channels * 7 * 7, hidden), nn.ReLU(), nn.Dropout(dropout),
            nn.Linear(hidden, hidden), nn.ReLU(), nn.Dropout(dropout),
            nn.Linear(hidden, num_classes),
        )  # fmt: skip
        initialise(self, linear_std=0.01)

    def forward(self, x: Tensor) -> Tensor:  # (N, in_channels, 224, 224)
        x = self.avgpool(self.features(x))  # (N, 512, 7, 7); with cifar (N, 512, 1, 1)
        return self.classifier(F.flatten(x, 1))  # (N, num_classes)


CLAIMS = {  # layers -> parameters without and with batch norm (at 1,000 classes), multiply-adds
    11: (132_863_336, 132_868_840, 7_609_090_048),
    13: (133_047_848, 133_053_736, 11_308_466_176),
    16: (138_357_544, 138_365_992, 15_470_264_320),
    19: (143_667_240, 143_678_248, 19_632_062_464),
}


def _register(layers: int, batch_norm: bool) -> None:
    plain, normalised, macs = CLAIMS[layers]
    register(
        f"vgg{layers}_bn" if batch_norm else f"vgg{layers}", input_shape=(3, 224, 224), parameters=normalised if batch_norm else plain,
        macs=macs, paper=PAPER, small={"width": 1 / 32, "depth": 0.5}, small_input=(3, 32, 32),
        recipes=photographs(
            cifar(SHORT.with_options(lr=0.1) if batch_norm else GENTLE, image_size=(32, 32), cifar=True),
            FOLDER if batch_norm else FOLDER.with_options(lr=0.005),
        ),
    )(partial(VGG, CONVOLUTIONS[layers], batch_norm))  # fmt: skip


for _layers in CONVOLUTIONS:
    _register(_layers, batch_norm=False)
    _register(_layers, batch_norm=True)
