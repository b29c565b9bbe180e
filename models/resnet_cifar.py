"""The small residual networks for CIFAR.

K. He, X. Zhang, S. Ren, J. Sun: Deep Residual Learning for Image Recognition. CVPR 2016, arXiv:1512.03385, section 4.2.

A network of depth 6n + 2: a 3x3 convolution, then three stages of n blocks with two 3x3 convolutions each, then the
mean over each map and one linear layer. Maps of 32x32, 16x16, 8x8 with 16, 32, 64 channels. Shortcuts are the paper's
option A: they have no parameters.

NOTE: the recipes are not the paper's 64,000 updates (`--epochs 164 --optimizer sgd --lr 0.1 --weight-decay 1e-4
--schedule multi-step`), but shorter ones.
"""

import minitorch_cv.functional as F
from minitorch_cv import Tensor, nn
from models.recipes import SHORT, cifar
from models.registry import register

PAPER = "He et al. 2016, Deep Residual Learning for Image Recognition"

PARAMETERS = {20: 269_722, 32: 464_154, 44: 658_586, 56: 853_018, 110: 1_727_962, 1202: 19_421_274}  # depth -> count


class BasicBlock(nn.Module):
    """relu(x + bn(conv(relu(bn(conv(x)))))), the first convolution with `stride`."""

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.stride = stride
        self.new_channels = channels - in_channels
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:  # (N, in_channels, H, W)
        out = self.bn1(self.conv1(x), relu=True)
        # One pass over memory: relu(shortcut + normalised).
        return self.bn2(self.conv2(out), residual=self.shortcut(x), relu=True)  # (N, channels, H/stride, W/stride)

    def shortcut(self, x: Tensor) -> Tensor:
        """Option A: every second pixel, and zeros for the channels that x does not have."""
        if self.stride > 1:
            x = x[:, :, :: self.stride, :: self.stride]
        if self.new_channels:
            x = F.pad(x, (0, 0, 0, 0, 0, self.new_channels))  # from the last dimension backwards: W, H, C
        return x


class CifarResNet(nn.Module):
    """A residual network of depth 6 * blocks + 2; in_channels, num_classes: of the data."""

    def __init__(self, blocks: int, in_channels: int = 3, num_classes: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = stage(16, 16, blocks, stride=1)
        self.layer2 = stage(16, 32, blocks, stride=2)
        self.layer3 = stage(32, 64, blocks, stride=2)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(64, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:  # (N, in_channels, 32, 32)
        x = self.bn1(self.conv1(x), relu=True)  # (N, 16, 32, 32)
        x = self.layer1(x)
        x = self.layer2(x)  # (N, 32, 16, 16)
        x = self.layer3(x)  # (N, 64, 8, 8)
        x = F.flatten(self.avgpool(x), 1)  # (N, 64)
        return self.fc(x)  # (N, num_classes)


def stage(in_channels: int, channels: int, blocks: int, stride: int) -> nn.Sequential:
    """Blocks of the same width; the first of them changes width and resolution."""
    return nn.Sequential(BasicBlock(in_channels, channels, stride), *(BasicBlock(channels, channels) for _ in range(blocks - 1)))


MACS = {20: 40_551_040, 32: 68_862_592, 44: 97_174_144, 56: 125_485_696, 110: 252_887_680, 1202: 2_829_238_912}
def _register(depth: int) -> None:
    @register(f"resnet{depth}", input_shape=(3, 32, 32), parameters=PARAMETERS[depth], macs=MACS[depth], recipes=cifar(SHORT), paper=PAPER)
    def build(in_channels: int = 3, num_classes: int = 10) -> CifarResNet:
        return CifarResNet((depth - 2) // 6, in_channels, num_classes)


for _depth in PARAMETERS:
    _register(_depth)
