"""The small residual networks for CIFAR, and the plain networks that they were compared with.

K. He, X. Zhang, S. Ren, J. Sun: Deep Residual Learning for Image Recognition. CVPR 2016, arXiv:1512.03385, section 4.2.

A network of depth 6n + 2: a 3x3 convolution, then three stages of n blocks with two 3x3 convolutions each, then the
mean over each map and one linear layer. Maps of 32x32, 16x16, 8x8 with 16, 32, 64 channels. Shortcuts are the paper's
option A: they have no parameters, so a plain network, which has no shortcuts at all, has as many.

    depth                 20      32      44      56      110     1202
    parameters            0.27M   0.46M   0.66M   0.85M   1.7M    19.4M      the paper's table 6
    error on CIFAR-10     8.75 %  7.51 %  7.17 %  6.97 %  6.43 %  7.93 %

NOTE: the recipes are not the paper's 64,000 updates (`--epochs 164 --optimizer sgd --lr 0.1 --weight-decay 1e-4
--schedule multi-step`), but shorter ones.
"""

from functools import partial
from typing import ClassVar

import minitorch_cv.functional as F
from minitorch_cv import Tensor, nn
from models import residual_blocks
from models.recipes import SHORT, cifar
from models.registry import register
from models.resnet import PAPER, STEADY, ResNet


class BasicBlock(residual_blocks.BasicBlock):
    """relu(shortcut(x) + bn(conv(relu(bn(conv(x)))))), the first convolution with `stride`."""

    def projection(self, in_channels: int, out_channels: int, stride: int) -> nn.Module | None:
        """None: there are no parameters in the shortcut."""
        self.stride, self.new_channels = stride, out_channels - in_channels
        return None

    def shortcut(self, x: Tensor) -> Tensor | None:
        """Option A: every second pixel, and zeros for the channels that x does not have."""
        if self.stride > 1:
            x = x[:, :, :: self.stride, :: self.stride]
        if self.new_channels:
            x = F.pad(x, (0, 0, 0, 0, 0, self.new_channels))  # from the last dimension backwards: W, H, C
        return x


class PlainBlock(BasicBlock):
    """relu(bn(conv(relu(bn(conv(x)))))): two layers of a network without shortcuts."""

    def add_end(self, in_channels: int, out_channels: int, stride: int, se: bool, drop: float) -> None:
        if drop:
            raise ValueError("stochastic_depth: only networks with shortcuts can drop what is beside them, expected 0 for a plain network")
        super().add_end(in_channels, out_channels, stride, se, drop)

    def shortcut(self, x: Tensor) -> Tensor | None:
        """None."""
        return None


class CifarResNet(ResNet):
    """A residual network of depth 6 * blocks + 2.

    in_channels, num_classes: of the data.
    width, depth, stochastic_depth, se: see `ResNet`.
    """

    block: ClassVar[type[BasicBlock]] = BasicBlock
    stem_channels = 16
    first_channels = 16

    def __init__(
        self, blocks: int, in_channels: int = 3, num_classes: int = 10, *, width: float = 1.0, depth: float = 1.0,
        stochastic_depth: float = 0.0, se: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(
            self.block, (blocks, blocks, blocks), in_channels, num_classes, width=width, depth=depth, cifar=True,
            stochastic_depth=stochastic_depth, se=se,
        )  # fmt: skip


class PlainNet(CifarResNet):
    """The same network without shortcuts: what the residual networks were compared with."""

    block = PlainBlock


# depth: parameters, multiply-adds
COUNTS = {
    20: (269_722, 40_551_040),
    32: (464_154, 68_862_592),
    44: (658_586, 97_174_144),
    56: (853_018, 125_485_696),
    110: (1_727_962, 252_887_680),
    1202: (19_421_274, 2_829_238_912),
}


def _register(name: str, network: type[CifarResNet], depth: int) -> None:
    parameters, macs = COUNTS[depth]
    blocks = (depth - 2) // 6
    recipe = SHORT if network is CifarResNet and depth < 100 else STEADY
    register(
        name, input_shape=(3, 32, 32), parameters=parameters, macs=macs, recipes=cifar(recipe), paper=PAPER,
        small={"width": 0.25, "depth": 1 / blocks},
    )(partial(network, blocks))  # fmt: skip


for _depth in COUNTS:
    _register(f"resnet{_depth}", CifarResNet, _depth)
for _depth in (20, 32, 44, 56):
    _register(f"plain{_depth}", PlainNet, _depth)
