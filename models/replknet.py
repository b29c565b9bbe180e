"""RepLKNet: few very large kernels instead of many small ones.

X. Ding, X. Zhang, J. Han, G. Ding: Scaling Up Your Kernels to 31x31: Revisiting Large Kernel Design in CNNs. CVPR 2022, arXiv:2203.06717.

New in it: depthwise convolutions of up to 31x31, so that every block sees far, as a transformer's do. A 5x5 convolution beside each large
one helps it to train, and is merged into it afterwards (`models.reparameterize`). Blocks for space (norm, 1x1, large depthwise, 1x1)
alternate with blocks for channels (norm, 1x1 to four times as many channels, GELU, 1x1), each with a shortcut.

    replknet_31b   kernels 31, 29, 27, 13; channels 128, 256, 512, 1024; 2, 2, 18, 2 blocks of either kind; stochastic depth 0.3

Published: 79 million parameters, 15.3 G multiply-adds, 83.5 % on ImageNet. That is the merged network: 79.5 million and 15.35 G
here. Names of layers are those of the authors' weights.
"""

from collections.abc import Sequence
from functools import partial

import minitorch_cv.functional as F
from minitorch_cv import Tensor, nn
from models.blocks import initialise, narrow, shallow
from models.convnext import RECIPES, depth_rates
from models.registry import register
from models.reparameterization import Branch, Mergeable, merge_branches

PAPER = "Ding et al. 2022, Scaling Up Your Kernels to 31x31: Revisiting Large Kernel Design in CNNs"

SMALL_KERNEL = 5


class ConvNormReLU(Branch):
    """Convolution, batch norm, ReLU."""

    def forward(self, x: Tensor, residual: Tensor | None = None, relu: bool = True) -> Tensor:
        return super().forward(x, residual, relu)


class LargeKernel(Mergeable):
    """relu(norm(large depthwise convolution) + norm(small one)), or relu(one convolution)."""

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        self.lkb_origin = Branch(channels, channels, kernel, groups=channels)
        self.small_conv = Branch(channels, channels, min(SMALL_KERNEL, kernel), groups=channels)
        self.lkb_reparam: nn.Conv2d | None = None

    def forward(self, x: Tensor) -> Tensor:  # (N, C, H, W), the same size
        if self.lkb_reparam is not None:
            return self.lkb_reparam(x).relu()
        return self.lkb_origin(x, residual=self.small_conv(x), relu=True)

    def merge(self) -> None:
        if self.lkb_reparam is None:
            self.lkb_reparam = merge_branches([self.lkb_origin, self.small_conv])
            del self.lkb_origin, self.small_conv


class RepLKBlock(nn.Module):
    """For space: x + norm(1x1(large kernel(1x1(norm(x)))))."""

    def __init__(self, channels: int, kernel: int, stochastic_depth: float) -> None:
        super().__init__()
        self.pw1 = ConvNormReLU(channels, channels, 1)
        self.pw2 = Branch(channels, channels, 1)
        self.large_kernel = LargeKernel(channels, kernel)
        self.prelkb_bn = nn.BatchNorm2d(channels)
        self.drop_path = nn.StochasticDepth(stochastic_depth, "row")

    def forward(self, x: Tensor) -> Tensor:  # (N, C, H, W)
        return x + self.drop_path(self.pw2(self.large_kernel(self.pw1(self.prelkb_bn(x)))))


class ConvFFN(nn.Module):
    """For channels: x + norm(1x1(gelu(norm(1x1(norm(x)))))), with four times as many channels inside."""

    def __init__(self, channels: int, stochastic_depth: float) -> None:
        super().__init__()
        self.preffn_bn = nn.BatchNorm2d(channels)
        self.pw1 = Branch(channels, 4 * channels, 1)
        self.pw2 = Branch(4 * channels, channels, 1)
        self.drop_path = nn.StochasticDepth(stochastic_depth, "row")

    def forward(self, x: Tensor) -> Tensor:  # (N, C, H, W)
        return x + self.drop_path(self.pw2(F.gelu(self.pw1(self.preffn_bn(x)))))


class Stage(nn.Module):
    """Blocks of either kind in turn, with the same kernel."""

    def __init__(self, channels: int, kernel: int, rates: Sequence[float]) -> None:
        super().__init__()
        self.blocks = nn.Sequential()
        for rate in rates:
            self.blocks.extend([RepLKBlock(channels, kernel, rate), ConvFFN(channels, rate)])

    def forward(self, x: Tensor) -> Tensor:
        return self.blocks(x)


class RepLKNet(nn.Module):
    """A stem of stride 4, four stages with transitions of stride 2 between them, and a linear classifier of the means of the maps.

    kernels, blocks, channels: of each stage. in_channels, num_classes: of the data.
    stochastic_depth: the probability that the last block is dropped; it grows linearly from 0 for the first.
    width, depth: factors of channels and of blocks.
    cifar: for images of 32x32: the stem has stride 2, and each kernel is at most as large as the map it sees can use: 31, 15, 7, 3.
    """

    def __init__(
        self, kernels: Sequence[int], blocks: Sequence[int], channels: Sequence[int], in_channels: int = 3, num_classes: int = 1000, *,
        stochastic_depth: float = 0.0, width: float = 1.0, depth: float = 1.0, cifar: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        if cifar:
            kernels = [min(kernel, limit) for kernel, limit in zip(kernels, (31, 15, 7, 3), strict=True)]
        channels, blocks = [narrow(count, width) for count in channels], shallow(blocks, depth)
        first = channels[0]
        self.stem = nn.Sequential(
            ConvNormReLU(in_channels, first, 3, stride=2),
            ConvNormReLU(first, first, 3, groups=first),
            ConvNormReLU(first, first, 1),
            ConvNormReLU(first, first, 3, stride=1 if cifar else 2, groups=first),
        )
        rates = iter(depth_rates(stochastic_depth, sum(blocks)))
        self.stages, self.transitions = nn.ModuleList(), nn.ModuleList()
        for stage, (kernel, count, here) in enumerate(zip(kernels, blocks, channels, strict=True)):
            self.stages.append(Stage(here, kernel, [next(rates) for _ in range(count)]))
            if stage < len(channels) - 1:
                following = channels[stage + 1]
                self.transitions.append(nn.Sequential(
                    ConvNormReLU(here, following, 1), ConvNormReLU(following, following, 3, stride=2, groups=following)
                ))  # fmt: skip
        self.norm = nn.BatchNorm2d(channels[-1])
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(channels[-1], num_classes)
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:  # (N, in_channels, H, W)
        x = self.stem(x)  # (N, channels, H/4, W/4)
        for index, stage in enumerate(self.stages):
            x = stage(x)
            if index < len(self.transitions):
                x = self.transitions[index](x)  # half the height and width
        return self.head(F.flatten(self.avgpool(self.norm(x)), 1))  # (N, num_classes)


register(
    "replknet_31b", input_shape=(3, 224, 224), parameters=79_864_168, macs=15_431_298_048, paper=PAPER, accuracy=(83.5, PAPER),
    recipes=RECIPES,
    small={"width": 0.0625, "depth": 0.05, "cifar": True}, small_input=(3, 16, 16),
)(partial(RepLKNet, (31, 29, 27, 13), (2, 2, 18, 2), (128, 256, 512, 1024), stochastic_depth=0.3))  # fmt: skip
