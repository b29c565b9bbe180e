"""Residual networks: the networks that made depth affordable.

K. He, X. Zhang, S. Ren, J. Sun: Deep Residual Learning for Image Recognition. CVPR 2016, arXiv:1512.03385.

What was new: a block computes what is to be added to its input, not its output, so that doing nothing is what it does by default.
Gradients reach every layer through the sums, and networks of 152 layers trained where 34 plain ones had been worse than 18. Bottleneck
blocks (1x1 down to a quarter of the channels, 3x3, 1x1 up again) make depth cheap: 152 layers cost less than VGG's 16.

    stage     output      18         34         50         101         152
    conv1     112 x 112   7x7, 64, stride 2
    (pool)     56 x 56    3x3 maximum, stride 2
    layer1     56 x 56    2 basic    3 basic    3 bottle    3 bottle    3 bottle     64 channels, x 4 in bottlenecks
    layer2     28 x 28    2          4          4           4           8           128
    layer3     14 x 14    2          6          6          23          36           256
    layer4      7 x 7     2          3          3           3           3           512
    fc         mean of each map, one linear layer

NOTE: a bottleneck halves the resolution in its 3x3 convolution, as torchvision's do ("v1.5"), and not in its first 1x1, which would
see only every fourth pixel.
NOTE: stochastic depth (G. Huang et al.: Deep Networks with Stochastic Depth, ECCV 2016, arXiv:1603.09382) drops the branch of each
image on its own, not that of a whole batch, and scales in training rather than in evaluation.
"""

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

import minitorch_cv.functional as F
from minitorch_cv import Tensor, nn
from models.blocks import initialise, narrow, shallow
from models.recipes import SHORT, cifar, photographs
from models.registry import register
from models.residual_blocks import BasicBlock, Bottleneck, ResidualBlock, stages

PAPER = "He et al. 2016, Deep Residual Learning for Image Recognition"


class ResNet(nn.Module):
    """A residual network: stem, stages of blocks that halve the resolution and double the channels, mean, linear layer.

    block, blocks: the kind of block, and how many in each stage.
    in_channels, num_classes: of the data.
    width, depth: multiply the numbers of channels, and of blocks.
    cifar: the stem for images of 32x32: a 3x3 convolution without stride, and no pooling.
    se: every block has squeeze and excitation (Hu et al. 2018).
    stochastic_depth: the probability that the last block's branch is dropped in training; it grows linearly from the first block on.
    zero_init_residual: every branch starts as zero (the last weight of its normalisation), every block as its shortcut (Goyal et al. 2017).
    groups, width_per_group: of the 3x3 convolutions in bottlenecks (Xie et al. 2017, Zagoruyko and Komodakis 2016).
    """

    stem_channels: ClassVar[int] = 64
    first_channels: ClassVar[int] = 64  # of the first stage's blocks

    def __init__(
        self, block: type[BasicBlock] | type[Bottleneck], blocks: Sequence[int], in_channels: int = 3, num_classes: int = 1000, *,
        width: float = 1.0, depth: float = 1.0, cifar: bool = False, se: bool = False, stochastic_depth: float = 0.0,
        zero_init_residual: bool = False, groups: int = 1, width_per_group: int = 64,
    ) -> None:  # fmt: skip
        super().__init__()
        channels = narrow(self.stem_channels, width)
        self.conv1 = nn.Conv2d(in_channels, channels, 3, padding=1, bias=False) if cifar else self.stem(in_channels, channels)
        self.bn1 = nn.BatchNorm2d(channels)
        self.maxpool = None if cifar else nn.MaxPool2d(3, 2, 1)

        counts = shallow(blocks, depth)
        stage_channels = [narrow(self.first_channels * 2**index, width) for index in range(len(counts))]
        make = partial(block, groups=groups, width_per_group=width_per_group, se=se)
        self.layers = [f"layer{index + 1}" for index in range(len(counts))]
        for name, stage in zip(self.layers, stages(make, channels, stage_channels, counts, stochastic_depth), strict=True):
            self.add_module(name, stage)
        self.avgpool: nn.Module = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(stage_channels[-1] * block.expansion, num_classes)

        initialise(self)
        if zero_init_residual:
            for module in self.modules():
                if isinstance(module, ResidualBlock):
                    nn.init.zeros_(getattr(module, module.last_norm).weight)

    def stem(self, in_channels: int, out_channels: int) -> nn.Module:
        """The convolution that meets the image."""
        return nn.Conv2d(in_channels, out_channels, 7, stride=2, padding=3, bias=False)

    def forward(self, x: Tensor) -> Tensor:  # (N, in_channels, H, W); the shapes below are those of resnet50 at 224 x 224
        x = self.bn1(self.conv1(x), relu=True)  # (N, 64, 112, 112)
        if self.maxpool is not None:
            x = self.maxpool(x)  # (N, 64, 56, 56)
        for layer in self.layers:
            x = self.get_submodule(layer)(x)  # (N, 256, 56, 56), (N, 512, 28, 28), (N, 1024, 14, 14), (N, 2048, 7, 7)
        x = F.flatten(self.avgpool(x), 1)  # (N, 2048)
        return self.fc(x)  # (N, num_classes)


STEADY = SHORT.with_options(lr=0.1)  # the learning rate of the papers: wide networks and deep ones are unsettled by more
RECIPES = photographs(cifar(STEADY, image_size=(32, 32), cifar=True))


def small_form(blocks: Sequence[int]) -> dict[str, float]:
    """An eighth of the channels, and at most two blocks in a stage: both kinds of shortcuts."""
    return {"width": 0.125, "depth": 2 / max(blocks)}


# name: kind of block, blocks of the four stages, parameters, multiply-adds for an image of 224 x 224
NETWORKS: dict[str, tuple] = {
    "resnet18": (BasicBlock, (2, 2, 2, 2), 11_689_512, 1_814_073_344),
    "resnet34": (BasicBlock, (3, 4, 6, 3), 21_797_672, 3_663_761_408),
    "resnet50": (Bottleneck, (3, 4, 6, 3), 25_557_032, 4_089_184_256),
    "resnet101": (Bottleneck, (3, 4, 23, 3), 44_549_160, 7_801_405_440),
    "resnet152": (Bottleneck, (3, 8, 36, 3), 60_192_808, 11_513_626_624),
}

for _name, (_block, _blocks, _parameters, _macs) in NETWORKS.items():
    register(
        _name, input_shape=(3, 224, 224), parameters=_parameters, macs=_macs, recipes=RECIPES, paper=PAPER, small=small_form(_blocks),
        small_input=(3, 32, 32),
    )(partial(ResNet, _block, _blocks))  # fmt: skip
