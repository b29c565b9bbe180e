"""Inception v2: Inception with batch normalisation, known as BN-Inception.

S. Ioffe, C. Szegedy: Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate Shift. ICML 2015,
arXiv:1502.03167, figure 5.

What was new: each channel is normalised by the mean and variance of the batch, before the nonlinearity, then scaled and shifted by
learned numbers. Training bears 5 to 30 times the learning rate, needs up to 14 times fewer steps for the same accuracy, and neither
dropout nor local response normalisation. The Inception modules have two 3x3 convolutions in place of the 5x5, means in
most pooling branches, one module more in the first stage, and some of them (3c, 4e) halve the maps, where GoogLeNet pools.

The `state_dict` keys are those of `googlenet`: conv1, conv2, conv3, inception3a to inception5b with branch1 (1x1), branch2 (3x3),
branch3 (two 3x3), branch4 (pooling and projection), each with `conv` and `bn`; and fc. Modules that halve have no branch1.

NOTE: the first convolution is an ordinary one; the paper's is separable with depth multiplier 8, which costs less. Where a module
halves, convolutions and pooling are padded by 1. Batch norm's epsilon is not in the paper: 1e-3, as in the networks that followed;
nor is whether means at the border count the padding: they do.
The paper gives 13.6 million parameters and does not say what it counts; its figure 5 amounts to 11,194,984. The network of this
name that the Caffe and PyTorch zoos distribute has 128 channels instead of 96 behind the pooling of 4c and 4d, and biases in its
convolutions: 11,295,240.
"""

from dataclasses import replace

import minitorch_cv.functional as F
from minitorch_cv import Tensor, nn
from models.blocks import SqueezeExcitation, initialise, narrow, shallow
from models.inception_blocks import MAX, MEAN, Branches, Conv, Pool, Table, stem
from models.recipes import cifar, photographs
from models.registry import register

PAPER = "Ioffe and Szegedy 2015, Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate Shift"

# Figure 5: #1x1, #3x3 reduce, #3x3, double #3x3 reduce, double #3x3, pooling, projection. The modules without a projection halve the maps.
MODULES: dict[str, tuple[int, int, int, int, int, Pool, int]] = {
    "3a": (64, 64, 64, 64, 96, MEAN, 32),
    "3b": (64, 64, 96, 64, 96, MEAN, 64),
    "3c": (0, 128, 160, 64, 96, MAX, 0),
    "4a": (224, 64, 96, 96, 128, MEAN, 128),
    "4b": (192, 96, 128, 96, 128, MEAN, 128),
    "4c": (160, 128, 160, 128, 160, MEAN, 96),
    "4d": (96, 128, 192, 160, 192, MEAN, 96),
    "4e": (0, 128, 192, 192, 256, MAX, 0),
    "5a": (352, 192, 320, 160, 224, MEAN, 128),
    "5b": (352, 192, 320, 192, 224, MAX, 128),
}
REPEATED = (["3a", "3b"], ["4a", "4b", "4c", "4d"], ["5a", "5b"])  # the modules that keep the size, of which `depth` leaves out some


def branches(n1x1: int, reduce3: int, n3x3: int, reduce33: int, n33: int, pool: Pool, projection: int) -> Table:
    """The module of a row of the table."""
    if not projection:
        return Table(
            {"branch2": [Conv(reduce3), Conv(n3x3, 3, 2, padding=1)]},
            {"branch3": [Conv(reduce33), Conv(n33, 3), Conv(n33, 3, 2, padding=1)]},
            {"branch4": replace(pool, stride=2, padding=1)},
        )
    return Table(
        {"branch1": Conv(n1x1)},
        {"branch2": [Conv(reduce3), Conv(n3x3, 3)]},
        {"branch3": [Conv(reduce33), Conv(n33, 3), Conv(n33, 3)]},
        {"branch4": [pool, Conv(projection)]},
    )


class InceptionV2(nn.Module):
    """BN-Inception.

    se: squeeze and excitation (Hu et al. 2018) of the channels after each module, reduced to a sixteenth; with the keys
        inception3a_se.fc1, inception3a_se.fc2 and so on. dropout: before the last layer.
    width: multiplies channels. depth: multiplies the numbers of modules that keep the size; at most 1.
    cifar: for images of 32x32: a 3x3 convolution is the whole stem, and the first modules see maps of 32x32.
    """

    def __init__(
        self, in_channels: int = 3, num_classes: int = 1000, *, se: bool = False, dropout: float = 0.0, width: float = 1.0,
        depth: float = 1.0, cifar: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.conv1, self.maxpool1, self.conv2, self.conv3, self.maxpool2 = stem(in_channels, width, cifar)
        channels = narrow(192, width)
        left_out = {name for names in REPEATED for name in names[shallow([len(names)], depth, named=True)[0] :]}
        self.names = [f"inception{name}" for name in MODULES if name not in left_out]
        for name in self.names:
            module = Branches(channels, branches(*MODULES[name.removeprefix("inception")]), width)
            channels = module.out_channels
            self.add_module(name, module)
            self.add_module(f"{name}_se", SqueezeExcitation(channels, narrow(channels, 1 / 16)) if se else nn.Identity())
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(channels, num_classes)
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:  # (N, in_channels, 224, 224)
        x = self.maxpool1(self.conv1(x))  # (N, 64, 56, 56)
        x = self.maxpool2(self.conv3(self.conv2(x)))  # (N, 192, 28, 28)
        for name in self.names:
            x = getattr(self, name)(x)  # after 3c (N, 576, 14, 14), after 4e (N, 1024, 7, 7)
            x = getattr(self, f"{name}_se")(x)
        return self.fc(self.dropout(F.flatten(self.avgpool(x), 1)))  # (N, num_classes)


register(
    "inception_v2", input_shape=(3, 224, 224), parameters=11_194_984, macs=2_018_851_840, paper=PAPER,
    recipes=photographs(cifar(image_size=(32, 32), cifar=True)), small={"width": 1 / 16, "depth": 0.5}, small_input=(3, 64, 64),
    accuracy=(74.8, "Ioffe and Szegedy 2015, figure 3, BN-x30"),
)(InceptionV2)  # fmt: skip
