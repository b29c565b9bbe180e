"""What many architectures share: a convolution with its normalisation, squeeze and excitation, rounding of widths, first weights.

A block stands here when a second paper uses it; the order of its parts, and so the keys of a `state_dict`, is torchvision's.
"""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import minitorch_cv.functional as F
from minitorch_cv import Tensor, nn

Layer = Callable[..., nn.Module]


class ConvNormActivation(nn.Sequential):
    """Convolution ("0"), normalisation ("1"), activation ("2").

    padding: None for the one that keeps the size at stride 1: dilation * (kernel_size - 1) / 2.
    norm, activation: made as norm(out_channels) and activation(); None for none. A ReLU after batch norm has no place of its own: it is
        computed in the same pass over memory.
    bias: of the convolution; None for one where there is no normalisation.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int | tuple[int, int] = 3, stride: int = 1, *,
        padding: int | tuple[int, int] | None = None, dilation: int = 1, groups: int = 1, bias: bool | None = None,
        norm: Layer | None = nn.BatchNorm2d, activation: Layer | None = nn.ReLU,
    ) -> None:  # fmt: skip
        if padding is None:
            size = (kernel_size, kernel_size) if isinstance(kernel_size, int) else kernel_size
            padding = (dilation * (size[0] - 1) // 2, dilation * (size[1] - 1) // 2)
        bias = norm is None if bias is None else bias
        layers: list[nn.Module] = [nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias)]
        if norm is not None:
            layers.append(norm(out_channels))
        fused = activation is nn.ReLU and norm is not None and isinstance(layers[-1], nn.BatchNorm2d)
        if activation is not None and not fused:
            layers.append(activation())
        super().__init__(*layers)
        self.fused = fused
        self.out_channels = out_channels

    def forward(self, input: Tensor, residual: Tensor | None = None) -> Tensor:
        """(N, in_channels, H, W) -> (N, out_channels, OH, OW); `residual` is added after batch norm, before the activation."""
        if not self.fused and residual is None:
            return super().forward(input)
        convolution, norm, *rest = self
        out = norm(convolution(input), residual=residual, relu=self.fused)
        for activation in rest:
            out = activation(out)
        return out


class FusedSequential(nn.Sequential):
    """A Sequential, keys and all, that computes a ReLU in the same pass over memory as the batch norm right before it."""

    def forward(self, input: Tensor) -> Tensor:
        computed = False
        for layer, following in pairwise([*self, None]):
            fused = isinstance(layer, nn.BatchNorm2d) and isinstance(following, nn.ReLU)
            if not computed:
                input = layer(input, relu=True) if fused else layer(input)
            computed = fused
        return input


class SqueezeExcitation(nn.Module):
    """Each channel times a gate between 0 and 1, which a small network computes from the means of all channels.

    J. Hu, L. Shen, G. Sun: Squeeze-and-Excitation Networks. CVPR 2018, arXiv:1709.01507.

    channels, squeezed: of the input, and between the two layers, which are 1x1 convolutions with biases.
    """

    def __init__(self, channels: int, squeezed: int, activation: Layer = nn.ReLU, gate: Layer = nn.Sigmoid) -> None:
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(channels, squeezed, 1)
        self.fc2 = nn.Conv2d(squeezed, channels, 1)
        self.activation = activation()
        self.scale_activation = gate()

    def forward(self, input: Tensor) -> Tensor:  # (N, C, H, W)
        scale = self.activation(self.fc1(self.avgpool(input)))  # (N, squeezed, 1, 1)
        scale = self.scale_activation(self.fc2(scale))  # (N, C, 1, 1)
        return input * scale


def make_divisible(value: float, divisor: int = 8) -> int:
    """The multiple of `divisor` nearest to `value`, at least `divisor`, and never more than a tenth below `value` (MobileNet's rule)."""
    _check_factor("channels times width", value)
    rounded = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * value else rounded


def narrow(channels: int, width: float, divisor: int = 1) -> int:
    """`channels` times `width`, as a multiple of `divisor` and at least that: exact at width 1."""
    _check_factor("width", width)
    return max(1, round(channels * width / divisor)) * divisor


def shallow(blocks: Sequence[int], depth: float, named: bool = False) -> list[int]:
    """The numbers of blocks of the stages, times `depth`, rounded up: no stage vanishes.

    named: the blocks are those of a table that names each of them, and there can be fewer only.
    """
    _check_factor("depth", depth)
    if named and depth > 1:
        raise ValueError(f"depth: got {depth}, expected at most 1: the blocks are named one by one, and there are no more of them")
    return [max(1, math.ceil(round(count * depth, 6))) for count in blocks]


def _check_factor(name: str, value: float) -> None:
    if not 0 < value < math.inf:
        raise ValueError(f"{name}: got {value}, expected a positive number")


def keep_size(strides: Sequence[int], halvings: int = 2) -> list[int]:
    """The strides with the first `halvings` of those that are 2 made 1: how networks for photographs are made for images of 32x32."""
    first = [index for index, stride in enumerate(strides) if stride == 2][:halvings]
    return [1 if index in first else stride for index, stride in enumerate(strides)]


def linear_rule(p: float, blocks: int) -> list[float]:
    """The probability that stochastic depth drops each of so many blocks: growing linearly with depth, `p` for the last.

    G. Huang, Y. Sun, Z. Liu, D. Sedra, K. Weinberger: Deep Networks with Stochastic Depth. ECCV 2016, arXiv:1603.09382, equation 4.
    """
    if not 0 <= p <= 1:
        raise ValueError(f"stochastic_depth: got {p}, expected a probability between 0 and 1")
    return [p * (index + 1) / blocks for index in range(blocks)]


def initialise(model: nn.Module, linear_std: float | None = None, mode: str = "fan_out") -> None:
    """Draw first weights as most papers since 2015 do: convolutions Kaiming normal by fan out, biases 0, normalisation the identity.

    K. He, X. Zhang, S. Ren, J. Sun: Delving Deep into Rectifiers. ICCV 2015, arXiv:1502.01852.

    linear_std: the standard deviation of linear layers, whose biases are then 0; None leaves them as they are.
    mode: "fan_in" where there is no normalisation and strides or groups would shrink the signal from layer to layer.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode=mode, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d | nn.GroupNorm):
            module.reset_parameters()
        elif isinstance(module, nn.Linear) and linear_std is not None:
            nn.init.normal_(module.weight, 0.0, linear_std)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def global_average(x: Tensor) -> Tensor:
    """The mean of each map: (N, C, H, W) -> (N, C)."""
    return F.flatten(F.adaptive_avg_pool2d(x, 1), 1)
