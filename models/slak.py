"""SLaK: 51x51 kernels, out of two rectangles and with sparse weights.

S. Liu, T. Chen, X. Chen, X. Chen, Q. Xiao, B. Wu, T. Kaerkkaeinen, M. Pechenizkiy, D. Mocanu, Z. Wang: More ConvNets in the 2020s: Scaling
up Kernels Beyond 51x51 using Sparsity. ICLR 2023, arXiv:2207.03620.

New in it, on top of ConvNeXt: kernels that are larger than the maps they see, up to 51x51, made trainable in two ways. A large
kernel is the sum of two stripes, 51x5 and 5x51, and a small square of 5x5, each with a batch norm. And of all weights 40 % are zero,
which makes room for 1.3 times as many channels; which of them are zero changes while the network trains (prune the smallest, grow others
at random).

    slak_tiny   blocks 3, 3, 9, 3; channels 124, 249, 499, 998 (1.3 times ConvNeXt's, rounded down); kernels 51, 49, 47, 13

Parameters: 30 million and 5.0 G multiply-adds in the paper, of which it counts what is not masked: here `effective_parameters`;
the claims at the end of this file count all weights. Names of layers are those of ConvNeXt.

NOTE: the first convolution, a hundredth of a percent of all weights, has no mask.
NOTE: when the network is made no data is there yet, and every layer keeps the same part of its weights; the paper takes SNIP's ratios of
one batch, for which there is `draw_masks(model, snip_densities(model, images, labels, 0.6))`. That leaves 5.0 G multiply-adds, this 5.2 G.
NOTE: the fraction that is exchanged is constant; in the authors' training it falls to 0 as a cosine.
"""

from functools import partial

import numpy as np

import minitorch_cv as mt
from minitorch_cv import Tensor, nn
from minitorch_cv.autograd import is_grad_enabled, no_grad
from models.convnext import RECIPES, ConvNeXt
from models.registry import register
from models.reparameterization import Branch, Mergeable, merge_branches
from models.sparsity import SparseConv2d, SparseLinear, draw_masks, prune_and_grow, sparse_layers

PAPER = "Liu et al. 2023, More ConvNets in the 2020s: Scaling up Kernels Beyond 51x51 using Sparsity"

BLOCKS, CHANNELS = (3, 3, 9, 3), (96, 192, 384, 768)
KERNELS = (51, 49, 47, 13)  # of the four stages
STRIPE = 5
WIDTH_FACTOR = 1.3


class LargeKernel(Mergeable):
    """Depthwise: norm(conv kernel x 5) + norm(conv 5 x kernel) + norm(conv 5 x 5); merged, the square is part of the first stripe."""

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        make = partial(Branch, channels, channels, groups=channels, convolution=SparseConv2d)
        self.vertical, self.horizontal, self.small = make((kernel, STRIPE)), make((STRIPE, kernel)), make(STRIPE)
        self.merged: nn.ModuleList | None = None

    def forward(self, x: Tensor) -> Tensor:  # (N, C, H, W), the same size
        if self.merged is not None:
            vertical, horizontal = self.merged
            return vertical(x) + horizontal(x)
        return self.vertical(x, residual=self.horizontal(x, residual=self.small(x)))

    def merge(self) -> None:
        if self.merged is None:
            self.merged = nn.ModuleList([merge_branches([self.vertical, self.small]), merge_branches([self.horizontal])])
            del self.vertical, self.horizontal, self.small


class SLaK(ConvNeXt):
    """ConvNeXt with large kernels and sparse weights. The options are ConvNeXt's, and

    sparsity: the part of all weights of convolutions and linear layers that is zero, 0 for none.
    interval: how many training passes from one exchange of weights to the next. exchanged: the part of the weights, in each.

    State, beside the parameters: a mask for each layer, and `passes`, how many training passes there were. An exchange changes weights in
    place: between a forward pass and its backward pass there must be no other forward pass in training mode, or `interval` must be large.
    """

    convolution, linear = SparseConv2d, SparseLinear

    def __init__(
        self, in_channels: int = 3, num_classes: int = 1000, *, sparsity: float = 0.4, interval: int = 2000, exchanged: float = 0.5,
        stochastic_depth: float = 0.1, width: float = 1.0, depth: float = 1.0, cifar: bool = False,
    ) -> None:  # fmt: skip
        if not 0 <= sparsity < 1:
            raise ValueError(f"sparsity: got {sparsity}, expected at least 0 and less than 1")
        if interval < 1:
            raise ValueError(f"interval: got {interval}, expected at least 1 training pass")
        if not 0 <= exchanged <= 1:
            raise ValueError(f"exchanged: got {exchanged}, expected 0 to 1")
        channels = [int(WIDTH_FACTOR * count) for count in CHANNELS]
        super().__init__(
            BLOCKS, channels, in_channels, num_classes, stochastic_depth=stochastic_depth, width=width, depth=depth, cifar=cifar
        )
        self.interval, self.exchanged = interval, exchanged
        self.register_buffer("passes", mt.zeros((), dtype=np.int64))
        draw_masks(self, [1 - sparsity for _ in sparse_layers(self)])

    def spatial(self, channels: int, stage: int) -> nn.Module:
        return LargeKernel(channels, KERNELS[stage])

    def forward(self, x: Tensor) -> Tensor:  # (N, in_channels, H, W) -> (N, num_classes)
        if self.training and is_grad_enabled() and not x.is_meta:
            self._count()
        return super().forward(x)

    def _count(self) -> None:
        """Before a training pass: weights are exchanged where it is time."""
        if int(self.passes) and int(self.passes) % self.interval == 0:
            prune_and_grow(self, self.exchanged)
        with no_grad():
            self.passes.add_(1)


register(
    "slak_tiny", input_shape=(3, 224, 224), parameters=50_703_838, macs=8_704_776_370, paper=PAPER, accuracy=(82.5, PAPER),
    recipes=RECIPES,
    small={"width": 0.05, "depth": 0.05}, small_input=(3, 32, 32),
)(SLaK)  # fmt: skip
