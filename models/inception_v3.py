"""Inception v3.

C. Szegedy, V. Vanhoucke, S. Ioffe, J. Shlens, Z. Wojna: Rethinking the Inception Architecture for Computer Vision. CVPR 2016,
arXiv:1512.00567.

What was new: large convolutions are factorised, 5x5 into two of 3x3, and 7x7 into 1x7 and 7x1; maps shrink in modules that convolve
and pool side by side, so that nothing is squeezed through a bottleneck; labels are smoothed. An auxiliary classifier on the maps of
17x17 now regularises, by its batch norm, rather than helping the gradient.

NOTE: as torchvision's, which follows the released network, not the paper's table 1: 5x5 convolutions stay in the first modules.
"""

from typing import NamedTuple

import minitorch_cv.functional as F
from minitorch_cv import Tensor, nn
from models.blocks import narrow, shallow
from models.inception_blocks import (
    MAX_HALVES,
    MEAN,
    BasicConv2d,
    Branches,
    Conv,
    Fork,
    Pool,
    Table,
    build,
    from_imagenet,
    initialise_truncated,
)
from models.recipes import cifar, photographs
from models.registry import register

PAPER = "Szegedy et al. 2016, Rethinking the Inception Architecture for Computer Vision"

STEM: dict[str, Conv | Pool] = {
    "Conv2d_1a_3x3": Conv(32, 3, 2),  # (N, 32, 149, 149)
    "Conv2d_2a_3x3": Conv(32, 3, padding=0),  # (N, 32, 147, 147)
    "Conv2d_2b_3x3": Conv(64, 3),
    "maxpool1": MAX_HALVES,  # (N, 64, 73, 73)
    "Conv2d_3b_1x1": Conv(80),
    "Conv2d_4a_3x3": Conv(192, 3, padding=0),  # (N, 192, 71, 71)
    "maxpool2": MAX_HALVES,  # (N, 192, 35, 35)
}
CIFAR_STEM: dict[str, Conv | Pool] = {"Conv2d_1a_3x3": Conv(192, 3)}  # (N, 192, 32, 32)


def mixed_5(pool: int) -> Table:
    """GoogLeNet's 5x5 convolution beside figure 5's two of 3x3; pool: channels behind the pooling."""
    return Table(
        {"branch1x1": Conv(64)},
        {"branch5x5_1": Conv(48), "branch5x5_2": Conv(64, 5)},
        {"branch3x3dbl_1": Conv(64), "branch3x3dbl_2": Conv(96, 3), "branch3x3dbl_3": Conv(96, 3)},
        {"pool": MEAN, "branch_pool": Conv(pool)},
    )


def mixed_6(c: int) -> Table:
    """Figure 6: 7x7 as 1x7 and 7x1, once and twice, with c channels between them."""
    return Table(
        {"branch1x1": Conv(192)},
        {"branch7x7_1": Conv(c), "branch7x7_2": Conv(c, (1, 7)), "branch7x7_3": Conv(192, (7, 1))},
        {
            "branch7x7dbl_1": Conv(c), "branch7x7dbl_2": Conv(c, (7, 1)), "branch7x7dbl_3": Conv(c, (1, 7)),
            "branch7x7dbl_4": Conv(c, (7, 1)), "branch7x7dbl_5": Conv(192, (1, 7)),
        },
        {"pool": MEAN, "branch_pool": Conv(192)},
    )  # fmt: skip


MIXED_7 = Table(  # figure 7: on the smallest maps, branches that widen at their end
    {"branch1x1": Conv(320)},
    {"branch3x3_1": Conv(384), "branch3x3_2": Fork(384)},
    {"branch3x3dbl_1": Conv(448), "branch3x3dbl_2": Conv(384, 3), "branch3x3dbl_3": Fork(384)},
    {"pool": MEAN, "branch_pool": Conv(192)},
)

# Modules that halve the maps, as figure 10 does.
MIXED_6A = Table(
    {"branch3x3": Conv(384, 3, 2)},
    {"branch3x3dbl_1": Conv(64), "branch3x3dbl_2": Conv(96, 3), "branch3x3dbl_3": Conv(96, 3, 2)},
    {"pool": MAX_HALVES},
)
MIXED_7A = Table(
    {"branch3x3_1": Conv(192), "branch3x3_2": Conv(320, 3, 2)},
    {"branch7x7x3_1": Conv(192), "branch7x7x3_2": Conv(192, (1, 7)), "branch7x7x3_3": Conv(192, (7, 1)), "branch7x7x3_4": Conv(192, 3, 2)},
    {"pool": MAX_HALVES},
)

STAGES: list[dict[str, Table]] = [
    {"Mixed_5b": mixed_5(32), "Mixed_5c": mixed_5(64), "Mixed_5d": mixed_5(64)},  # (N, 288, 35, 35)
    {"Mixed_6a": MIXED_6A},  # (N, 768, 17, 17)
    {"Mixed_6b": mixed_6(128), "Mixed_6c": mixed_6(160), "Mixed_6d": mixed_6(160), "Mixed_6e": mixed_6(192)},
    {"Mixed_7a": MIXED_7A},  # (N, 1280, 8, 8)
    {"Mixed_7b": MIXED_7, "Mixed_7c": MIXED_7},  # (N, 2048, 8, 8)
]


class InceptionOutputs(NamedTuple):
    """The logits in training mode: the network's own, and those of the auxiliary classifier."""

    logits: Tensor
    aux_logits: Tensor


class Auxiliary(nn.Module):
    """A classifier on the maps of 17x17; at least 17x17 they must be."""

    def __init__(self, in_channels: int, num_classes: int, width: float) -> None:
        super().__init__()
        channels, wide = narrow(128, width), narrow(768, width)
        self.conv0 = BasicConv2d(in_channels, channels, 1)
        self.conv1 = BasicConv2d(channels, wide, 5, padding=0)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(wide, num_classes)

    def forward(self, x: Tensor) -> Tensor:  # (N, 768, 17, 17)
        x = self.conv0(F.avg_pool2d(x, 5, stride=3))  # (N, 128, 5, 5)
        return self.fc(F.flatten(self.avgpool(self.conv1(x)), 1))  # (N, 768, 1, 1) -> (N, num_classes)


class InceptionV3(nn.Module):
    """The stem, then the modules of all stages, then the mean over each map and one linear layer.

    aux_logits: with the auxiliary classifier; in training mode the network then returns `InceptionOutputs`, and images must have at
    least 299x299 pixels (35x35 with `cifar`).
    transform_input: take images normalised by ImageNet's statistics, compute with (pixel - 0.5) / 0.5.
    dropout: before the last layer. width: multiplies channels. depth: multiplies the numbers of modules of a stage; at most 1.
    cifar: for images of 32x32: a 3x3 convolution is the whole stem, and the first modules see maps of 32x32, in place of 35x35.
    """

    def __init__(
        self, in_channels: int = 3, num_classes: int = 1000, *, aux_logits: bool = True, transform_input: bool = False,
        dropout: float = 0.5, width: float = 1.0, depth: float = 1.0, cifar: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.transform_input, self.aux_logits = transform_input, aux_logits
        self.names: list[str] = []  # of the layers and modules, in the order in which they compute
        channels = in_channels
        for name, step in (CIFAR_STEM if cifar else STEM).items():
            layer, channels = build(channels, step, width)
            self.add_module(name, layer)
            self.names.append(name)
        for stage, count in zip(STAGES, shallow([len(stage) for stage in STAGES], depth, named=True), strict=True):
            for name in list(stage)[:count]:
                if name == "Mixed_7a" and aux_logits:
                    self.AuxLogits = Auxiliary(channels, num_classes, width)
                module = Branches(channels, stage[name], width)
                channels = module.out_channels
                self.add_module(name, module)
                self.names.append(name)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(channels, num_classes)
        initialise_truncated(self, std=0.1, others={"AuxLogits.conv1.conv": 0.01, "AuxLogits.fc": 0.001})

    def forward(self, x: Tensor) -> Tensor | InceptionOutputs:  # (N, in_channels, 299, 299)
        if self.transform_input:
            x = from_imagenet(x)
        aux_logits = None
        for name in self.names:
            if name == "Mixed_7a" and self.training and self.aux_logits:
                aux_logits = self.AuxLogits(x)
            x = getattr(self, name)(x)
        logits = self.fc(self.dropout(F.flatten(self.avgpool(x), 1)))  # (N, num_classes)
        return logits if aux_logits is None else InceptionOutputs(logits, aux_logits)


register(
    "inception_v3", input_shape=(3, 299, 299), parameters=27_161_264, macs=5_713_216_096, paper=PAPER,
    recipes=photographs(cifar(image_size=(32, 32), cifar=True, aux_logits=False)),
    small={"width": 1 / 16, "depth": 0.25, "cifar": True}, small_input=(3, 35, 35),
)(InceptionV3)  # fmt: skip
