"""ResNeXt: many small transformations side by side, in one grouped convolution.

S. Xie, R. Girshick, P. Dollár, Z. Tu, K. He: Aggregated Residual Transformations for Deep Neural Networks. CVPR 2017, arXiv:1611.05431.

What was new: besides depth and width, a third number, the cardinality: how many paths of the same shape a block sums up. Splitting
Inception's idea into equal paths makes it one line of code: the 3x3 convolution of a bottleneck in groups. At equal cost, more paths
are better than wider or deeper ones.

    name                 blocks         cardinality x channels of a path in the first stage
    resnext50_32x4d      3, 4, 6, 3     32 x 4
    resnext101_32x8d     3, 4, 23, 3    32 x 8
    resnext101_64x4d     3, 4, 23, 3    64 x 4
    resnext29_8x64d      3, 3, 3        8 x 64       CIFAR: stem 3x3, 64 channels; 34.4M parameters, 3.65 % error on CIFAR-10
    resnext29_16x64d     3, 3, 3        16 x 64                                    68.1M             3.58 %

The bottlenecks of a stage have 64, 128, 256, 512 times 4 output channels, ResNet's.
"""

from functools import partial

from models.recipes import cifar
from models.registry import register
from models.residual_blocks import Bottleneck
from models.resnet import RECIPES, STEADY, ResNet, small_form

PAPER = "Xie et al. 2017, Aggregated Residual Transformations for Deep Neural Networks"

# name: blocks of the stages, groups, width_per_group, parameters, multiply-adds
IMAGENET: dict[str, tuple] = {
    "resnext50_32x4d": ((3, 4, 6, 3), 32, 4, 25_028_904, 4_230_479_872),
    "resnext101_32x8d": ((3, 4, 23, 3), 32, 8, 88_791_336, 16_414_015_488),
    "resnext101_64x4d": ((3, 4, 23, 3), 64, 4, 83_455_272, 15_460_270_080),
}
CIFAR: dict[str, tuple] = {
    "resnext29_8x64d": ((3, 3, 3), 8, 64, 34_426_698, 5_387_266_048),
    "resnext29_16x64d": ((3, 3, 3), 16, 64, 68_155_210, 10_688_866_304),
}
GROUPED = {"groups": 4, "width_per_group": 32}  # four paths of 4 channels at an eighth of the width

for _name, (_blocks, _groups, _width, _parameters, _macs) in IMAGENET.items():
    register(
        _name, input_shape=(3, 224, 224), parameters=_parameters, macs=_macs, recipes=RECIPES, paper=PAPER,
        small={**small_form(_blocks), **GROUPED}, small_input=(3, 32, 32),
    )(partial(ResNet, Bottleneck, _blocks, groups=_groups, width_per_group=_width))  # fmt: skip
for _name, (_blocks, _groups, _width, _parameters, _macs) in CIFAR.items():
    register(
        _name, input_shape=(3, 32, 32), parameters=_parameters, macs=_macs, recipes=cifar(STEADY), paper=PAPER,
        small={"width": 0.125, "depth": 0.5, **GROUPED},
    )(partial(ResNet, Bottleneck, _blocks, num_classes=10, cifar=True, groups=_groups, width_per_group=_width))  # fmt: skip
