"""ZFNet, AlexNet after a look inside.

M. Zeiler, R. Fergus: Visualizing and Understanding Convolutional Networks. ECCV 2014, arXiv:1311.2901.

A deconvolutional network projects the activations of any layer back to pixels, and shows what each map looks for. The pictures showed
dead and aliased features in AlexNet's first layers, of its 11x11 kernels with stride 4: 7x7 with stride 2 keeps more. With that change
and convolutions that are not split in two groups, the network won the ImageNet competition of 2013 (in an ensemble).

    image 3x224x224 -> 96x110x110 -> 96x55x55 -> 256x26x26 -> 256x13x13 -> 384x13x13 -> 384x13x13 -> 256x13x13 -> 256x6x6 -> 4096 -> 4096

The sizes are figure 3's; they tell the paddings, which the text does not. The paper gives no count of parameters. Keys are named as
AlexNet's.

NOTE: contrast normalisation is local response normalisation with AlexNet's constants, as in the public reimplementations: the paper only
says "contrast normalized across feature maps". Kernels are not renormalised to a root mean square of 0.1 during training.
NOTE: the paper starts from normal weights of standard deviation 0.01 and biases 0; He's initialisation replaces them.
"""

from functools import partial

import minitorch_cv.functional as F
from minitorch_cv import Tensor, nn
from models.alexnet import fully_connected
from models.blocks import initialise, narrow
from models.recipes import FOLDER, photographs
from models.registry import register

PAPER = "Zeiler and Fergus 2014, Visualizing and Understanding Convolutional Networks"

CONVOLUTIONS = (  # channels, kernel size, stride, padding, whether pooling follows, whether normalisation follows that
    (96, 7, 2, 1, True, True),
    (256, 5, 2, 0, True, True),
    (384, 3, 1, 1, False, False),
    (384, 3, 1, 1, False, False),
    (256, 3, 1, 1, True, False),
)


class ZFNet(nn.Module):
    """Five convolutions and three linear layers.

    in_channels, num_classes: of the data. dropout: its probability, before either hidden linear layer.
    width: multiplies the numbers of channels and hidden units.
    """

    def __init__(self, in_channels: int = 3, num_classes: int = 1000, *, dropout: float = 0.5, width: float = 1.0) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for channels, kernel_size, stride, padding, pooled, normalised in CONVOLUTIONS:
            out_channels = narrow(channels, width)
            layers += [nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding), nn.ReLU()]
            if pooled:
                layers.append(nn.MaxPool2d(3, stride=2, ceil_mode=True))
            if normalised:
                layers.append(nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0))
            in_channels = out_channels
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(6)  # 6x6 is what there is already, from images of 224x224
        self.classifier = fully_connected(in_channels * 6 * 6, narrow(4096, width), num_classes, dropout)
        initialise(self, linear_std=0.01, mode="fan_in")

    def forward(self, x: Tensor) -> Tensor:  # (N, in_channels, 224, 224)
        x = self.avgpool(self.features(x))  # (N, 256, 6, 6)
        return self.classifier(F.flatten(x, 1))  # (N, num_classes)


register(
    "zfnet", input_shape=(3, 224, 224), parameters=62_357_608, macs=1_168_032_896, paper=PAPER,
    recipes=photographs(folder=FOLDER.with_options(lr=0.01, weight_decay=5e-4)), small={"width": 1 / 16}, small_input=(3, 64, 64),
)(partial(ZFNet))  # fmt: skip
