"""Pre-activation residual networks: nothing on the path of the shortcuts.

K. He, X. Zhang, S. Ren, J. Sun: Identity Mappings in Deep Residual Networks. ECCV 2016, arXiv:1603.05027.

What was new: batch norm and ReLU come before each convolution rather than after it, so that the sums themselves pass from block to block
unchanged. Forward and backward, a signal reaches any layer directly, and a network of 1001 layers becomes easy to train. Normalising
the input of every convolution also regularises: the deep networks got better, not only trainable.

    CIFAR      stem 3x3, 16 channels; stages of 16, 32, 64 channels, x 4 in bottlenecks; depth 9n + 2
    depth                 164               1001
    blocks (each stage)   18                111
    parameters            1,703,258         10,327,706      the paper: 1.7M and 10.2M, the latter without the batch norms
    error, CIFAR-10       5.46 %            4.92 %

    ImageNet   stem 7x7 stride 2, 64 channels, 3x3 maximum; stages of 64, 128, 256, 512 channels, x 4 in bottlenecks
    depth      18            34            50            101            152            200
    block      basic         basic         bottleneck    bottleneck     bottleneck     bottleneck
    blocks     2, 2, 2, 2    3, 4, 6, 3    3, 4, 6, 3    3, 4, 23, 3    3, 8, 36, 3    3, 24, 36, 3

Names and keys are timm's `resnetv2`, whose classifier is a 1x1 convolution; the networks for CIFAR have the same.

NOTE: the first block of the ImageNet networks normalises the output of the stem's pooling, as timm's does, where the authors' code
normalises before the pooling and not again.
"""

from collections.abc import Sequence
from functools import partial

import minitorch_cv.functional as F
from minitorch_cv import Tensor, nn
from models.blocks import initialise, narrow, shallow
from models.recipes import cifar
from models.registry import register
from models.residual_blocks import PreActBasic, PreActBlock, PreActBottleneck, stages
from models.resnet import RECIPES, STEADY, small_form

PAPER = "He et al. 2016, Identity Mappings in Deep Residual Networks"


class CifarPreActBottleneck(PreActBottleneck):
    """The authors' for CIFAR: the first 1x1 convolution has the stride."""

    strides_at = 0


class PreActResNet(nn.Module):
    """A pre-activation residual network.

    block, blocks: the kind of block, and how many in each stage.
    stem_channels, first_channels: of the first convolution, and of the first stage's blocks; each further stage doubles them.
    in_channels, num_classes: of the data.
    width, depth: multiply the numbers of channels, and of blocks.
    cifar: the stem for images of 32x32: a 3x3 convolution without stride, and no pooling.
    dropout: the probability before the last convolution of each block.
    stochastic_depth: the probability that the last block's branch is dropped in training; it grows linearly from the first block on.
    se: every block has squeeze and excitation (Hu et al. 2018).
    """

    def __init__(
        self, block: type[PreActBlock], blocks: Sequence[int], stem_channels: int, first_channels: int, in_channels: int = 3,
        num_classes: int = 1000, *, width: float = 1.0, depth: float = 1.0, cifar: bool = False, dropout: float = 0.0,
        stochastic_depth: float = 0.0, se: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        channels = narrow(stem_channels, width)
        size, stride = (3, 1) if cifar else (7, 2)
        self.stem = nn.Sequential({"conv": nn.Conv2d(in_channels, channels, size, stride, size // 2, bias=False)})
        if not cifar:
            self.stem.add_module("pool", nn.MaxPool2d(3, 2, 1))

        counts = shallow(blocks, depth)
        stage_channels = [narrow(first_channels * 2**index, width) for index in range(len(counts))]
        make = partial(block, dropout=dropout, se=se)
        self.stages = nn.Sequential(
            *(nn.Sequential({"blocks": stage}) for stage in stages(make, channels, stage_channels, counts, stochastic_depth))
        )
        channels = stage_channels[-1] * block.expansion
        self.norm = nn.BatchNorm2d(channels)
        self.head = nn.Sequential({"fc": nn.Conv2d(channels, num_classes, 1)})

        initialise(self)
        nn.init.normal_(self.head.fc.weight, 0.0, 0.01)

    def forward(self, x: Tensor) -> Tensor:  # (N, in_channels, H, W); the shapes below are those of resnetv2_50 at 224 x 224
        x = self.stem(x)  # (N, 64, 56, 56)
        x = self.stages(x)  # (N, 2048, 7, 7)
        x = F.adaptive_avg_pool2d(self.norm(x, relu=True), 1)  # (N, 2048, 1, 1)
        return F.flatten(self.head(x), 1)  # (N, num_classes)


# name: kind of block, blocks of the stages, parameters, multiply-adds, accuracy
IMAGENET: dict[str, tuple] = {
    "resnetv2_18": (PreActBasic, (2, 2, 2, 2), 11_687_720, 1_814_073_344, None),
    "resnetv2_34": (PreActBasic, (3, 4, 6, 3), 21_795_880, 3_663_761_408, None),
    "resnetv2_50": (PreActBottleneck, (3, 4, 6, 3), 25_549_352, 4_089_184_256, None),
    "resnetv2_101": (PreActBottleneck, (3, 4, 23, 3), 44_541_480, 7_801_405_440, None),
    "resnetv2_152": (PreActBottleneck, (3, 8, 36, 3), 60_185_128, 11_513_626_624, None),
    "resnetv2_200": (PreActBottleneck, (3, 24, 36, 3), 64_666_152, 15_007_481_856, (78.34, "github facebook/fb.resnet.torch, pretrained")),
}
CIFAR = {
    "preact_resnet164": (CifarPreActBottleneck, (18, 18, 18), 1_703_258, 244_500_992),
    "preact_resnet1001": (CifarPreActBottleneck, (111, 111, 111), 10_327_706, 1_487_849_984),
}

for _name, (_block, _blocks, _parameters, _macs, _accuracy) in IMAGENET.items():
    register(
        _name, input_shape=(3, 224, 224), parameters=_parameters, macs=_macs, recipes=RECIPES, paper=PAPER,
        small=small_form(_blocks), small_input=(3, 32, 32), accuracy=_accuracy,
    )(partial(PreActResNet, _block, _blocks, 64, 64))  # fmt: skip
for _name, (_block, _blocks, _parameters, _macs) in CIFAR.items():
    register(
        _name, input_shape=(3, 32, 32), parameters=_parameters, macs=_macs, recipes=cifar(STEADY), paper=PAPER,
        small={"width": 0.25, "depth": 2 / _blocks[0]},
    )(partial(PreActResNet, _block, _blocks, 16, 16, num_classes=10, cifar=True))  # fmt: skip
