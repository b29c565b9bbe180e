"""MobileNet v2: residual blocks turned inside out.

M. Sandler, A. Howard, M. Zhu, A. Zhmoginov, L.-C. Chen: MobileNetV2: Inverted Residuals and Linear Bottlenecks. CVPR 2018,
arXiv:1801.04381.

New in it: the shortcut joins the narrow ends of a block, and between them the channels are expanded six times, where a depthwise
convolution is cheap. The narrow end is linear, because a ReLU would destroy what few channels hold. Only the narrow maps have to be kept
while the network runs, so that it needs little memory.

    image 3 x 224 x 224 -> 32 x 112 x 112 -> the stages below -> 1280 x 7 x 7 -> mean of each map -> dropout -> 1000

The paper: 300 million multiply-adds, 3.4 million parameters, 72.0 % of ImageNet (table 4). Names and keys are torchvision's.
"""

import minitorch_cv.functional as F
from minitorch_cv import Tensor, nn
from models.blocks import ConvNormActivation, initialise, keep_size, make_divisible, shallow
from models.recipes import DEPTHWISE, cifar, photographs
from models.registry import register

PAPER = "Sandler et al. 2018, MobileNetV2: Inverted Residuals and Linear Bottlenecks"

# expansion t, channels c, blocks n, stride s of the first block: table 2 of the paper
STAGES = (
    (1, 16, 1, 1),  # 112 x 112
    (6, 24, 2, 2),  # 56 x 56
    (6, 32, 3, 2),  # 28 x 28
    (6, 64, 4, 2),  # 14 x 14
    (6, 96, 3, 1),
    (6, 160, 3, 2),  # 7 x 7
    (6, 320, 1, 1),
)
STEM, HEAD = 32, 1280


class InvertedResidual(nn.Module):
    """1x1 convolution to `expansion` times the channels, 3x3 depthwise with `stride`, 1x1 back, and the shortcut where shapes allow it.

    Batch norm after each convolution, ReLU6 after the first two. Without expansion the first convolution is left out.
    """

    def __init__(self, in_channels: int, channels: int, stride: int, expansion: int) -> None:
        super().__init__()
        self.residual = stride == 1 and in_channels == channels
        hidden = in_channels * expansion
        layers: list[nn.Module] = []
        if expansion != 1:
            layers.append(ConvNormActivation(in_channels, hidden, 1, activation=nn.ReLU6))
        layers += [
            ConvNormActivation(hidden, hidden, 3, stride, groups=hidden, activation=nn.ReLU6),
            nn.Conv2d(hidden, channels, 1, bias=False),
            nn.BatchNorm2d(channels),
        ]
        self.conv = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:  # (N, in_channels, H, W)
        *convolutions, norm = self.conv
        out = x
        for layer in convolutions:
            out = layer(out)  # (N, hidden, ...), at last (N, channels, H/stride, W/stride)
        return norm(out, residual=x if self.residual else None)


class MobileNetV2(nn.Module):
    """MobileNet v2.

    in_channels, num_classes: of the data. dropout: before the classifier.
    width: multiplies the numbers of channels (multiples of 8), but those of the last convolution only where it is more than 1, as in
        the paper.
    depth: multiplies the numbers of blocks.
    cifar: the form for images of 32x32: the first two strides are 1, the last maps are 4x4.
    """

    def __init__(
        self, in_channels: int = 3, num_classes: int = 1000, *, dropout: float = 0.2, width: float = 1.0, depth: float = 1.0,
        cifar: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        counts = shallow([blocks for _, _, blocks, _ in STAGES], depth)
        stem_stride, *strides = keep_size([2, *(stride for *_, stride in STAGES)], halvings=2 if cifar else 0)
        before, head = make_divisible(STEM * width), make_divisible(HEAD * max(1.0, width))

        self.features = nn.Sequential(ConvNormActivation(in_channels, before, 3, stem_stride, activation=nn.ReLU6))
        for (expansion, channels, _, _), blocks, stride in zip(STAGES, counts, strides, strict=True):
            channels = make_divisible(channels * width)
            for index in range(blocks):
                self.features.append(InvertedResidual(before, channels, stride if index == 0 else 1, expansion))
                before = channels
        self.features.append(ConvNormActivation(before, head, 1, activation=nn.ReLU6))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(head, num_classes))
        initialise(self, linear_std=0.01)

    def forward(self, x: Tensor) -> Tensor:  # (N, in_channels, 224, 224)
        x = self.features(x)  # (N, 1280, 7, 7)
        return self.classifier(F.flatten(self.avgpool(x), 1))  # (N, num_classes)


register(
    "mobilenet_v2", input_shape=(3, 224, 224), parameters=3_504_872, macs=300_774_272, paper=PAPER,
    recipes=photographs(cifar(DEPTHWISE, image_size=(32, 32), cifar=True)),
    small={"width": 0.25, "depth": 0.5}, small_input=(3, 64, 64),
)(MobileNetV2)  # fmt: skip
