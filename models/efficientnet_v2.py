"""EfficientNetV2: the same idea, trained several times faster.

M. Tan, Q. Le: EfficientNetV2: Smaller Models and Faster Training. ICML 2021, arXiv:2104.00298.

New in it: in the early stages, where maps are large, one full 3x3 convolution replaces the 1x1 and the depthwise one (Fused-MBConv): more
multiply-adds, but accelerators do them faster. The search was rewarded for the time of training. The images grow during training, and the
regularisation with them; stages no longer grow all alike.

    image -> 3x3 convolution -> stages of Fused-MBConv and MBConv -> 1x1 convolution -> mean of each map -> dropout -> 1000

The paper (table 7): 22, 54, 120 million parameters, 83.9, 85.1, 85.7 % of ImageNet for S, M, L. Names and keys are torchvision's; its
batch norm has eps 1e-3.

NOTE: the growth of the images during training is a matter of its recipe, not of this file.
"""

from functools import partial

from minitorch_cv import nn
from models.blocks import make_divisible
from models.efficientnet import EfficientNet, Stage, scaled
from models.recipes import DEPTHWISE, cifar, photographs
from models.registry import register

PAPER = "Tan and Le 2021, EfficientNetV2: Smaller Models and Faster Training"

FUSED = True
HEAD = 1280
# Expansion, kernel size, stride, channels, blocks. S is table 4 of the paper; M and L stand in the authors' code.
S = (
    Stage(1, 3, 1, 24, 2, FUSED),
    Stage(4, 3, 2, 48, 4, FUSED),
    Stage(4, 3, 2, 64, 4, FUSED),
    Stage(4, 3, 2, 128, 6),
    Stage(6, 3, 1, 160, 9),
    Stage(6, 3, 2, 256, 15),
)
M = (
    Stage(1, 3, 1, 24, 3, FUSED),
    Stage(4, 3, 2, 48, 5, FUSED),
    Stage(4, 3, 2, 80, 5, FUSED),
    Stage(4, 3, 2, 160, 7),
    Stage(6, 3, 1, 176, 14),
    Stage(6, 3, 2, 304, 18),
    Stage(6, 3, 1, 512, 5),
)
L = (
    Stage(1, 3, 1, 32, 4, FUSED),
    Stage(4, 3, 2, 64, 7, FUSED),
    Stage(4, 3, 2, 96, 7, FUSED),
    Stage(4, 3, 2, 192, 10),
    Stage(6, 3, 1, 224, 19),
    Stage(6, 3, 2, 384, 25),
    Stage(6, 3, 1, 640, 7),
)


def efficientnet_v2(
    stages: tuple[Stage, ...], in_channels: int = 3, num_classes: int = 1000, *, dropout: float = 0.2, stochastic_depth: float = 0.2,
    width: float = 1.0, depth: float = 1.0, cifar: bool = False,
) -> EfficientNet:  # fmt: skip
    """EfficientNetV2 of the given stages; the first convolution has as many channels as the first stage.

    width, depth: multiply the numbers of channels and blocks. The rest: see `EfficientNet`.
    """
    stages = tuple(scaled(stages, width, depth))
    return EfficientNet(
        stages, stages[0].channels, make_divisible(HEAD * width), in_channels, num_classes,
        norm=partial(nn.BatchNorm2d, eps=1e-3), dropout=dropout, stochastic_depth=stochastic_depth, cifar=cifar,
    )  # fmt: skip


# name, stages, dropout, side of the image, parameters, multiply-adds
for _name, _stages, _dropout, _side, _parameters, _macs in (
    ("efficientnet_v2_s", S, 0.2, 384, 21_458_488, 8_365_617_152),
    ("efficientnet_v2_m", M, 0.3, 480, 54_139_356, 24_582_460_384),
    ("efficientnet_v2_l", L, 0.4, 480, 118_515_272, 56_079_699_008),
):
    register(
        _name, input_shape=(3, _side, _side), parameters=_parameters, macs=_macs, paper=PAPER,
        recipes=photographs(cifar(DEPTHWISE, image_size=(32, 32), cifar=True)),
        small={"width": 0.125, "depth": 0.08}, small_input=(3, 32, 32),
    )(partial(efficientnet_v2, _stages, dropout=_dropout))  # fmt: skip
