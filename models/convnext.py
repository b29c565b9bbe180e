"""ConvNeXt: a residual network, modernised step by step until it matches the Swin Transformer.

Z. Liu, H. Mao, C.-Y. Wu, C. Feichtenhofer, T. Darrell, S. Xie: A ConvNet for the 2020s. CVPR 2022, arXiv:2201.03545.

New in it: nothing but the combination. A block is a 7x7 depthwise convolution, one layer norm, and two linear layers over the channels,
four times as many in the middle, with one GELU between them; its output is scaled by a learned number per channel that starts at one
millionth. Images are cut into patches of 4x4 first, and halved between stages by 2x2 convolutions of stride 2 with a norm of their own.

    blocks of the four stages, their channels, stochastic depth
    convnext_tiny   3, 3,  9, 3    96, 192,  384,  768    0.1
    convnext_small  3, 3, 27, 3    96, 192,  384,  768    0.4
    convnext_base   3, 3, 27, 3   128, 256,  512, 1024    0.5
    convnext_large  3, 3, 27, 3   192, 384,  768, 1536    0.5
"""

from collections.abc import Callable, Sequence
from functools import partial

import minitorch_cv as mt
from minitorch_cv import Tensor, nn
from models.blocks import ConvNormActivation, narrow, shallow
from models.recipes import FOLDER, SHORT, cifar, photographs
from models.registry import register

PAPER = "Liu et al. 2022, A ConvNet for the 2020s"

LAYER_SCALE = 1e-6  # what a block's output is multiplied by at first
Norm = partial(nn.LayerNorm2d, eps=1e-6)


class Permute(nn.Module):
    """The dimensions in another order."""

    def __init__(self, *dims: int) -> None:
        super().__init__()
        self.dims = dims

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(*self.dims)

    def extra_repr(self) -> str:
        return f"dims={self.dims}"


class ConvNeXtBlock(nn.Module):
    """x + layer_scale * linear(gelu(linear(norm(spatial(x))))).

    spatial: a depthwise convolution: the only layer in which pixels meet. linear: makes the layers in which channels meet.
    """

    def __init__(self, channels: int, spatial: nn.Module, stochastic_depth: float, linear: Callable[..., nn.Module] = nn.Linear) -> None:
        super().__init__()
        self.block = nn.Sequential(
            spatial,
            Permute(0, 2, 3, 1),  # (N, H, W, C): no data moves, images lie in memory like this
            nn.LayerNorm(channels, eps=1e-6),
            linear(channels, 4 * channels),
            nn.GELU(),
            linear(4 * channels, channels),
            Permute(0, 3, 1, 2),  # (N, C, H, W)
        )
        self.layer_scale = nn.Parameter(mt.full((channels, 1, 1), LAYER_SCALE))
        self.stochastic_depth = nn.StochasticDepth(stochastic_depth, "row")

    def forward(self, x: Tensor) -> Tensor:  # (N, C, H, W)
        return x + self.stochastic_depth(self.layer_scale * self.block(x))


class ConvNeXt(nn.Module):
    """Patches, four stages with convolutions of stride 2 between them, and a linear classifier of the normalised means of the maps.

    blocks, channels: of each stage. in_channels, num_classes: of the data.
    stochastic_depth: the probability that the last block is dropped; it grows linearly from 0 for the first.
    width, depth: factors of channels and of blocks.
    cifar: for images of 32x32: patches of 2x2 instead of 4x4.
    """

    convolution: type[nn.Conv2d] = nn.Conv2d
    linear: type[nn.Linear] = nn.Linear

    def __init__(
        self, blocks: Sequence[int], channels: Sequence[int], in_channels: int = 3, num_classes: int = 1000, *,
        stochastic_depth: float = 0.0, width: float = 1.0, depth: float = 1.0, cifar: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        channels, blocks = [narrow(count, width) for count in channels], shallow(blocks, depth)
        patch = 2 if cifar else 4
        rates = iter(depth_rates(stochastic_depth, sum(blocks)))
        self.features = nn.Sequential(ConvNormActivation(
            in_channels, channels[0], patch, stride=patch, padding=0, bias=True, norm=Norm, activation=None,
        ))  # fmt: skip
        for stage, (count, here) in enumerate(zip(blocks, channels, strict=True)):
            if stage > 0:
                before = channels[stage - 1]
                self.features.append(nn.Sequential(Norm(before), self.convolution(before, here, 2, stride=2)))
            self.features.append(nn.Sequential(*(
                ConvNeXtBlock(here, self.spatial(here, stage), next(rates), self.linear) for _ in range(count)
            )))  # fmt: skip
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(Norm(channels[-1]), nn.Flatten(1), self.linear(channels[-1], num_classes))
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def spatial(self, channels: int, stage: int) -> nn.Module:
        """The convolution in which pixels meet, for a block of a stage."""
        return nn.Conv2d(channels, channels, 7, padding=3, groups=channels)

    def forward(self, x: Tensor) -> Tensor:  # (N, in_channels, H, W)
        return self.classifier(self.avgpool(self.features(x)))  # the features are (N, channels, H/32, W/32)


def depth_rates(p: float, blocks: int) -> list[float]:
    """Stochastic depth growing linearly from 0 for the first block, where Huang et al. have one step more, to p for the last."""
    return [p * index / max(1, blocks - 1) for index in range(blocks)]


# The paper: AdamW for 300 epochs, lr 4e-3 for 4096 images at a time, weight decay 0.05. NOTE: without its mixed images (mixup, CutMix), and
# in a short training without stochastic depth.
ADAMW = {"optimizer": "adamw", "lr": 1e-3, "weight_decay": 0.05, "schedule": "warmup-cosine", "label_smoothing": 0.1}
RECIPES = photographs(
    cifar(SHORT.with_options(**ADAMW), image_size=(32, 32), cifar=True, stochastic_depth=0.0), FOLDER.with_options(**ADAMW)
)

# name: blocks, channels, stochastic depth, parameters, multiply-adds
MODELS = {
    "convnext_tiny": ((3, 3, 9, 3), (96, 192, 384, 768), 0.1, 28_589_128, 4_455_531_264),
    "convnext_small": ((3, 3, 27, 3), (96, 192, 384, 768), 0.4, 50_223_688, 8_683_712_256),
    "convnext_base": ((3, 3, 27, 3), (128, 256, 512, 1024), 0.5, 88_591_464, 15_354_729_472),
    "convnext_large": ((3, 3, 27, 3), (192, 384, 768, 1536), 0.5, 197_767_336, 34_361_433_600),
}

for _name, (_blocks, _channels, _rate, _parameters, _macs) in MODELS.items():
    register(
        _name, input_shape=(3, 224, 224), parameters=_parameters, macs=_macs, paper=PAPER,
        recipes=RECIPES,
        small={"width": 0.0625, "depth": 0.1}, small_input=(3, 32, 32),
    )(partial(ConvNeXt, _blocks, _channels, stochastic_depth=_rate))  # fmt: skip
