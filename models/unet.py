"""U-Net, which says of every pixel what it belongs to.

O. Ronneberger, P. Fischer, T. Brox: U-Net: Convolutional Networks for Biomedical Image Segmentation. MICCAI 2015, arXiv:1505.04597.

New in it: a contracting path that sees wide, and an expanding path as large as it, which leads back to full resolution; every step of
the expanding path also gets the maps of the same resolution from the contracting one, so that borders come out sharp. All convolutions
are valid, so that every pixel of the result has seen true surroundings only; the result is therefore smaller than the image. Images of any
size are cut into overlapping tiles, their border mirrored (`minitorch_cv.inference.segment`).

    level   contracting          expanding                         CHANNELS
    0       572 -> 568           392 -> 388 -> 1x1, K classes        64
    1       284 -> 280           200 -> 196                         128
    2       140 -> 136           104 -> 100                         256
    3        68 ->  64            56 ->  52                         512
    4 (bottom)      32 -> 28                                       1024

NOTE: with one input channel and two classes 31,030,658 parameters; the paper does not count them. 31,030,593, which is often quoted, is
for one class. Convolutions that lead up are transposed ones of 2x2 with stride 2: what the paper calls "up-convolution".
"""

import math
from itertools import pairwise

import minitorch_cv.functional as F
from minitorch_cv import Tensor, nn
from minitorch_cv.inference.tiles import mirrored
from minitorch_cv.training.recipe import Recipe
from models.blocks import FusedSequential, narrow, shallow
from models.registry import register

PAPER = "Ronneberger et al. 2015, U-Net: Convolutional Networks for Biomedical Image Segmentation"
CHANNELS, LEVELS = 64, 4  # channels at full resolution, doubled at each of so many halvings


def two_convolutions(in_channels: int, channels: int, batch_norm: bool) -> nn.Sequential:
    """Twice a valid 3x3 convolution, batch norm where wanted, and ReLU: four rows and columns fewer."""
    layers: list[nn.Module] = []
    for before in (in_channels, channels):
        layers += [nn.Conv2d(before, channels, 3), *([nn.BatchNorm2d(channels)] if batch_norm else []), nn.ReLU()]
    return FusedSequential(*layers)


class UNet(nn.Module):
    """U-Net: images (N, in_channels, H, W) -> logits (N, num_classes, H - 2 border, W - 2 border).

    width, depth: multiply the channels (64, doubled at each level) and the number of halvings (4).
    mirror: widen the image by its mirrored border, so that the logits are as large as the image, of any size: for training, and for images
        that fit into memory. dropout: at the end of the contracting path, as in the paper. batch_norm: after each 3x3 convolution, which
        NOTE the paper does not have, and which makes training much faster.
    Attributes: `border`, how many pixels the result lacks on each side (92); `stride`, the shift of the image that shifts the result (16).
    State: contracting.I, bottom, up.I, expanding.I for each level I from the full resolution down, and head. The convolutions of a level
    are 0 and 2; with batch norm 0 and 3, and the norms 1 and 4.
    """

    def __init__(
        self, in_channels: int = 1, num_classes: int = 2, *, width: float = 1.0, depth: float = 1.0, mirror: bool = False,
        dropout: float = 0.5, batch_norm: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        levels = shallow([LEVELS], depth)[0]
        channels = [narrow(CHANNELS * 2**level, width) for level in range(levels + 1)]
        self.mirror = mirror
        self.stride = 2**levels
        self.border = 6 * self.stride - 4
        self.contracting = nn.ModuleList(two_convolutions(*pair, batch_norm) for pair in pairwise([in_channels, *channels[:-1]]))
        self.bottom = two_convolutions(channels[-2], channels[-1], batch_norm)
        self.up = nn.ModuleList(nn.ConvTranspose2d(deep, high, 2, stride=2) for high, deep in pairwise(channels))
        self.expanding = nn.ModuleList(two_convolutions(2 * high, high, batch_norm) for high in channels[:-1])
        self.head = nn.Conv2d(channels[0], num_classes, 1)
        self.pool = nn.MaxPool2d(2)
        self.dropout = nn.Dropout(dropout)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                # Section 3: standard deviation sqrt(2 / N), N the inputs of a neuron. With stride 2, one tap of four is among them.
                taps = 1 if isinstance(module, nn.ConvTranspose2d) else math.prod(module.kernel_size)
                nn.init.normal_(module.weight, 0.0, math.sqrt(2 / (module.in_channels * taps)))
                nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:  # (N, C, H, W), 572 x 572 say
        if not self.mirror:
            return self.valid(x)
        H, W = x.shape[2:]
        rows, columns = (mirrored(size, -self.border, self.input_size(size)) for size in (H, W))
        return self.valid(x[:, :, rows][:, :, :, columns])[:, :, :H, :W]  # (N, K, H, W)

    def valid(self, x: Tensor) -> Tensor:
        """The logits of the pixels that have all their surroundings: (N, K, H - 2 border, W - 2 border)."""
        for size in x.shape[2:]:
            if self.input_size(size - 2 * self.border) != size:
                expected = f"{self.input_size(1)} + {self.stride} * n"
                raise ValueError(f"x: got shape {x.shape}, expected sides of {expected} pixels; mirror=True takes any")
        seen = []
        for convolutions in self.contracting:
            x = convolutions(x)
            seen.append(x)
            x = self.pool(x if convolutions is not self.contracting[-1] else self.dropout(x))
        x = self.dropout(self.bottom(x))  # (N, 1024, 28, 28)
        for up, convolutions, maps in reversed([*zip(self.up, self.expanding, seen, strict=True)]):
            x = up(x)  # (N, 512, 56, 56)
            x = convolutions(F.cat([cut(maps, *x.shape[2:]), x], 1))  # (N, 512, 52, 52)
        return self.head(x)  # (N, K, 388, 388)

    def input_size(self, size: int) -> int:
        """The least side of an image for which the result has a side of at least `size` pixels: 572 for 388."""
        # A bottom of b pixels comes from stride * (b + 4) - 4 and leads to stride * (b - 8) + 4.
        return -((4 - size) // self.stride) * self.stride + 4 + 2 * self.border


def cut(x: Tensor, height: int, width: int) -> Tensor:
    """The middle of x: (N, C, height, width)."""
    top, left = (x.shape[2] - height) // 2, (x.shape[3] - width) // 2
    return x[:, :, top : top + height, left : left + width]


# A quarter of the width and three halvings are enough for digits of 30 pixels: some ten minutes on two cores.
SCENES = Recipe(
    epochs=20, batch_size=16, optimizer="adam", lr=5e-3, schedule="linear", schedule_options={"warmup": 0.1}, augment=True,
    augmentation={"crop": 6, "color_jitter": [0.2, 0.2, 0.2]}, image_size=(64, 64),
    model_options={"width": 0.25, "depth": 0.75, "mirror": True, "dropout": 0.0, "batch_norm": True},
)  # fmt: skip

register(
    "unet", input_shape=(1, 572, 572), parameters=31_030_658, macs=150_428_424_448, recipes={"digit_scenes": SCENES}, paper=PAPER,
    small={"width": 0.0625, "depth": 0.5}, small_input=(1, 44, 44),
)(UNet)  # fmt: skip
