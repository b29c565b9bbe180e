"""All-CNN, convolutions and nothing else.

J. Springenberg, A. Dosovitskiy, T. Brox, M. Riedmiller: Striving for Simplicity: The All Convolutional Net. ICLR 2015 workshop,
arXiv:1412.6806.

A convolution with stride 2 replaces each pooling and loses no accuracy: the network learns its own downsampling. Linear layers
give way to 1x1 convolutions and the mean over each map, as in Network in Network. What is left are convolutions and ReLUs, and
on CIFAR-10 that was as good as anything known.

Kernel sizes (/2: with stride 2, where the base model pools) and channels, tables 1 and 2; a ReLU after each, a mean over the maps last:

    all_cnn_a         5x5 96            3x3/2 96   5x5 192            3x3/2 192   3x3 192   1x1 192   1x1 classes
    all_cnn_b         5x5 96, 1x1 96    3x3/2 96   5x5 192, 1x1 192   3x3/2 192   3x3 192   1x1 192   1x1 classes
    all_cnn_c         3x3 96, 3x3 96    3x3/2 96   3x3 192, 3x3 192   3x3/2 192   3x3 192   1x1 192   1x1 classes
    all_cnn_imagenet  11x11/4 96, 1x1 96, 3x3/2 96 | 5x5 256, 1x1 256, 3x3/2 256 | 3x3 384, 1x1 384, 3x3/2 384
                      | 3x3 1024, 1x1 1024, 1x1 classes

The CIFAR networks have 1.25, 1.30 and 1.37 million parameters; table 3 says about 1.28, 1.35 and 1.4 million. Dropout of 0.2 on the image
and 0.5 after each convolution with stride 2; on ImageNet 0.5 after the last of those.

Maps end at 6x6, as the paper has it, because the last 3x3 convolution for CIFAR is not padded, nor those with stride 2 for ImageNet.
Keys are `features.N`, where N counts dropout and ReLU too.

The network for ImageNet is model B enlarged; the paper has 58.8 % top-1 for it, with fewer than 10 million parameters.

NOTE: the paper trains for 350 epochs with weight decay 1e-3, and says nothing of first weights: they are He's here.
"""

from functools import partial
from typing import NamedTuple

from minitorch_cv import Tensor, nn
from models.blocks import global_average, initialise, narrow
from models.recipes import FOLDER, GENTLE, cifar, photographs
from models.registry import register

PAPER = "Springenberg et al. 2015, Striving for Simplicity: The All Convolutional Net"


class Conv(NamedTuple):
    """One convolution; channels 0: one for each class. dropout: after it."""

    kernel_size: int
    channels: int
    stride: int = 1
    padding: int | None = None  # None: keeps the size
    dropout: bool = False


HEAD = (Conv(3, 192, padding=0), Conv(1, 192), Conv(1, 0))
CIFAR = {
    "all_cnn_a": (Conv(5, 96), Conv(3, 96, 2, dropout=True), Conv(5, 192), Conv(3, 192, 2, dropout=True), *HEAD),
    "all_cnn_b": (
        Conv(5, 96), Conv(1, 96), Conv(3, 96, 2, dropout=True), Conv(5, 192), Conv(1, 192), Conv(3, 192, 2, dropout=True), *HEAD,
    ),
    "all_cnn_c": (
        Conv(3, 96), Conv(3, 96), Conv(3, 96, 2, dropout=True), Conv(3, 192), Conv(3, 192), Conv(3, 192, 2, dropout=True), *HEAD,
    ),
}  # fmt: skip
IMAGENET = (
    Conv(11, 96, 4, padding=2), Conv(1, 96), Conv(3, 96, 2, padding=0),
    Conv(5, 256), Conv(1, 256), Conv(3, 256, 2, padding=0),
    Conv(3, 384), Conv(1, 384), Conv(3, 384, 2, padding=0, dropout=True),
    Conv(3, 1024), Conv(1, 1024), Conv(1, 0),
)  # fmt: skip


class AllCNN(nn.Module):
    """Convolutions, a ReLU after each, and the mean over each map.

    in_channels, num_classes: of the data. input_dropout, dropout: probabilities, of the image and after the convolutions with stride 2.
    width: multiplies the numbers of channels.
    """

    def __init__(
        self, convolutions: tuple[Conv, ...], in_channels: int = 3, num_classes: int = 10, *,
        input_dropout: float = 0.2, dropout: float = 0.5, width: float = 1.0,
    ) -> None:  # fmt: skip
        super().__init__()
        layers: list[nn.Module] = [nn.Dropout(input_dropout)]
        for conv in convolutions:
            channels = narrow(conv.channels, width) if conv.channels else num_classes
            padding = conv.kernel_size // 2 if conv.padding is None else conv.padding
            layers += [nn.Conv2d(in_channels, channels, conv.kernel_size, conv.stride, padding), nn.ReLU()]
            if conv.dropout:
                layers.append(nn.Dropout(dropout))
            in_channels = channels
        self.features = nn.Sequential(*layers)
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:  # (N, in_channels, 32, 32) or, for ImageNet, (N, in_channels, 224, 224)
        x = self.features(x)  # (N, num_classes, 6, 6)
        return global_average(x)  # (N, num_classes)


CLAIMS = {"all_cnn_a": (1_254_250, 181_145_088), "all_cnn_b": (1_300_618, 200_019_456), "all_cnn_c": (1_369_738, 270_798_336)}

for _name, (_parameters, _macs) in CLAIMS.items():
    register(
        _name, input_shape=(3, 32, 32), parameters=_parameters, macs=_macs, recipes=cifar(GENTLE), paper=PAPER,
        small={"width": 1 / 16}, small_input=(3, 12, 12),
    )(partial(AllCNN, CIFAR[_name]))  # fmt: skip


@register(
    "all_cnn_imagenet", input_shape=(3, 224, 224), parameters=9_372_840, macs=1_213_344_288, paper=PAPER,
    accuracy=(58.8, "the paper, section 4"),
    recipes=photographs(folder=FOLDER.with_options(lr=0.01, weight_decay=5e-4)), small={"width": 1 / 16}, small_input=(3, 67, 67),
)  # fmt: skip
def all_cnn_imagenet(
    in_channels: int = 3, num_classes: int = 1000, *, input_dropout: float = 0.0, dropout: float = 0.5, width: float = 1.0
) -> AllCNN:
    """The paper's network for ImageNet, for images of 224x224."""
    return AllCNN(IMAGENET, in_channels, num_classes, input_dropout=input_dropout, dropout=dropout, width=width)
