"""AlexNet, the network that won ImageNet in 2012, in three forms.

A. Krizhevsky, I. Sutskever, G. Hinton: ImageNet Classification with Deep Convolutional Neural Networks. NeurIPS 2012.
A. Krizhevsky: One weird trick for parallelizing convolutional neural networks. 2014, arXiv:1404.5997.

A convolutional network on two GPUs learnt from 1.2 million photographs, and its top-5 error of 15.3 % (the next best had 26.2 %)
turned the field. ReLU instead of tanh made training several times faster. Dropout and random crops, reflections and colours kept
60 million parameters from learning the images by heart.

    alexnet           64-192-384-256-256   torchvision's, after the second paper: one GPU, no normalisation
    alexnet_original  96-256-384-384-256   the first paper's: the second, fourth and fifth convolution in two groups, one for each GPU;
                                           local response normalisation after the first two
    alexnet_bn        96-256-384-384-256   not in two groups; batch norm after each convolution, which keeps its bias

Kernels 11x11 with stride 4, 5x5, then 3x3 three times; pooling is 3x3 with stride 2, so that windows overlap. Keys of all three are
`features.N` and `classifier.N`, as torchvision has them for its own; N counts every layer, normalisation and ReLU included.

NOTE: the first paper says 224x224 images, which its kernels do not fit: 227x227 gives its 55x55 maps.
NOTE: the first paper starts from normal weights of standard deviation 0.01 and, where ReLUs shall get positive inputs, biases of 1. Caffe's
authors found the loss flat with those ones, and so it was here, for hundreds of steps on CIFAR-10; He's initialisation replaces both in
`alexnet_original`. `alexnet` starts as torchvision's.
NOTE: with `cifar=True`, for images of 32x32, the first convolution is padded to keep 8x8 places, pooling is 2x2, and one linear layer
classifies the 256 numbers that are left, as is customary. All three then start by He's rule.
"""

from functools import partial
from typing import NamedTuple

import minitorch_cv.functional as F
from minitorch_cv import Tensor, nn
from models.blocks import FusedSequential, initialise, narrow
from models.recipes import FOLDER, GENTLE, SHORT, cifar, photographs
from models.registry import register

PAPER = "Krizhevsky, Sutskever and Hinton 2012, ImageNet Classification with Deep Convolutional Neural Networks"

KERNELS = (11, 5, 3, 3, 3)
POOLED = (True, True, False, False, True)  # whether a pooling follows the convolution


class Form(NamedTuple):
    """What the three differ by: channels and groups of the five convolutions, padding of the first, and normalisation."""

    channels: tuple[int, ...]
    padding: int
    groups: tuple[int, ...] = (1, 1, 1, 1, 1)
    response_norm: bool = False
    batch_norm: bool = False


FORMS = {
    "alexnet": Form((64, 192, 384, 256, 256), padding=2),
    "alexnet_original": Form((96, 256, 384, 384, 256), padding=0, groups=(1, 2, 1, 2, 2), response_norm=True),
    "alexnet_bn": Form((96, 256, 384, 384, 256), padding=0, batch_norm=True),
}


class AlexNet(nn.Module):
    """Five convolutions and three linear layers.

    form: which of the three. in_channels, num_classes: of the data. dropout: its probability, before either hidden linear layer.
    width: multiplies the numbers of channels and hidden units. cifar: the form for images of 32x32.
    """

    def __init__(
        self, form: Form, in_channels: int = 3, num_classes: int = 1000, *, dropout: float = 0.5, width: float = 1.0, cifar: bool = False
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for index, (kernel_size, groups) in enumerate(zip(KERNELS, form.groups, strict=True)):
            channels = narrow(form.channels[index], width, divisor=max(form.groups))
            first_padding = 5 if cifar else form.padding
            stride, padding = (4, first_padding) if index == 0 else (1, kernel_size // 2)
            layers.append(nn.Conv2d(in_channels, channels, kernel_size, stride, padding, groups=groups))
            layers += [nn.BatchNorm2d(channels), nn.ReLU()] if form.batch_norm else [nn.ReLU()]
            if form.response_norm and index < 2:
                layers.append(nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0))  # the layer divides the paper's alpha of 1e-4 by 5
            if POOLED[index]:
                layers.append(nn.MaxPool2d(2) if cifar else nn.MaxPool2d(3, stride=2))
            in_channels = channels
        self.features = FusedSequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1 if cifar else 6)  # 6x6 is what there is already, from images of the usual size
        self.classifier = (
            nn.Linear(in_channels, num_classes)
            if cifar
            else fully_connected(in_channels * 6 * 6, narrow(4096, width), num_classes, dropout)
        )
        if form.response_norm or cifar:
            initialise(self, mode="fan_in")

    def forward(self, x: Tensor) -> Tensor:  # (N, in_channels, 224 or 227, the same)
        x = self.avgpool(self.features(x))  # (N, 256, 6, 6); with cifar (N, 256, 1, 1)
        return self.classifier(F.flatten(x, 1))  # (N, num_classes)


def fully_connected(in_features: int, hidden: int, num_classes: int, dropout: float) -> nn.Sequential:
    """Two hidden linear layers, with dropout before each, and the last one."""
    return nn.Sequential(
        nn.Dropout(dropout), nn.Linear(in_features, hidden), nn.ReLU(),
        nn.Dropout(dropout), nn.Linear(hidden, hidden), nn.ReLU(),
        nn.Linear(hidden, num_classes),
    )  # fmt: skip


def _register(name: str, size: int, parameters: int, macs: int, accuracy: tuple[float, str] | None = None) -> None:
    normalised = FORMS[name].batch_norm
    recipes = photographs(
        cifar(SHORT.with_options(lr=0.1) if normalised else GENTLE, image_size=(32, 32), cifar=True),
        FOLDER if normalised else FOLDER.with_options(lr=0.01, weight_decay=5e-4),
    )
    register(
        name, input_shape=(3, size, size), parameters=parameters, macs=macs, recipes=recipes, paper=PAPER, accuracy=accuracy,
        small={"width": 1 / 16}, small_input=(3, 67, 67),
    )(partial(AlexNet, FORMS[name]))  # fmt: skip


_register("alexnet", 224, 61_100_840, 714_188_480)
_register("alexnet_original", 227, 60_965_224, 724_406_816, (57.1, "Caffe's bvlc_alexnet"))
_register("alexnet_bn", 227, 62_381_096, 1_135_256_096)
