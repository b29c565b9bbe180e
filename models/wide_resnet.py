"""Wide residual networks: fewer layers, more channels.

S. Zagoruyko, N. Komodakis: Wide Residual Networks. BMVC 2016, arXiv:1605.07146.

What was new: a residual network of 16 or 28 layers whose blocks are eight or ten times as wide learns better than a thousand thin layers,
and several times faster, because wide layers use the hardware well. Depth had been thought the source of accuracy; the residual block is.
Between the two convolutions of a block, dropout regularises what batch norm leaves over.

    CIFAR: WRN-d-k, of depth d = 6n + 4; stem 3x3, 16 channels; stages of n pre-activation basic blocks with 16k, 32k, 64k channels
    name            n     k     parameters               error on CIFAR-10, CIFAR-100
    wrn_16_8        2     8     10,961,370  (11.0M)      4.27 %    20.43 %
    wrn_40_4        6     4      8,949,210  (8.9M)       4.53 %    21.18 %
    wrn_28_10       4     10    36,479,194  (36.5M)      4.00 %    19.25 %      3.89 %, 18.85 % with dropout 0.3

    ImageNet: ResNet-50 and -101 with the 3x3 convolutions of all bottlenecks twice as wide (torchvision's `wide_resnet50_2`)
"""

from functools import partial

from models.preact_resnet import PreActResNet
from models.recipes import cifar
from models.registry import register
from models.residual_blocks import Bottleneck, PreActBasic
from models.resnet import RECIPES, STEADY, ResNet, small_form

PAPER = "Zagoruyko and Komodakis 2016, Wide Residual Networks"

# name: blocks of a stage (n), widening factor (k), parameters, multiply-adds
CIFAR = {
    "wrn_16_8": (2, 8, 10_961_370, 1_548_145_664),
    "wrn_40_4": (6, 4, 8_949_210, 1_298_582_016),
    "wrn_28_10": (4, 10, 36_479_194, 5_243_328_768),
}
# name: blocks of the four stages, parameters, multiply-adds
IMAGENET = {
    "wide_resnet50_2": ((3, 4, 6, 3), 68_883_240, 11_398_021_120),
    "wide_resnet101_2": ((3, 4, 23, 3), 126_886_696, 22_753_050_624),
}

for _name, (_n, _k, _parameters, _macs) in CIFAR.items():
    register(
        _name, input_shape=(3, 32, 32), parameters=_parameters, macs=_macs, recipes=cifar(STEADY), paper=PAPER,
        small={"width": 1 / _k, "depth": 2 / _n, "dropout": 0.3},
    )(partial(PreActResNet, PreActBasic, (_n, _n, _n), 16, 16 * _k, num_classes=10, cifar=True))  # fmt: skip
for _name, (_blocks, _parameters, _macs) in IMAGENET.items():
    register(
        _name, input_shape=(3, 224, 224), parameters=_parameters, macs=_macs, recipes=RECIPES, paper=PAPER, small=small_form(_blocks),
        small_input=(3, 32, 32),
    )(partial(ResNet, Bottleneck, _blocks, width_per_group=128))  # fmt: skip
