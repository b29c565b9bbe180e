"""Many branches in training, one convolution afterwards: structural re-parameterisation.

X. Ding, X. Zhang, N. Ma, J. Han, G. Ding, J. Sun: RepVGG: Making VGG-style ConvNets Great Again. CVPR 2021, arXiv:2101.03697, section 3.3.

Convolution and, in evaluation mode, batch norm are linear in the image. So a convolution with its batch norm is a convolution with a bias;
a batch norm alone is one too, whose 1x1 kernels are rows of the unit matrix; a kernel with a border of zeros is the same kernel,
larger; and the sum of convolutions of one image, all of the same size, is the convolution with the sum of their kernels.

    kernel' = kernel * weight / std,  bias' = bias - mean * weight / std,  std = sqrt(var + eps)
"""

from collections.abc import Sequence
from copy import deepcopy
from typing import TypeVar

import minitorch_cv as mt
import minitorch_cv.functional as F
from minitorch_cv import Tensor, nn
from minitorch_cv.autograd import no_grad
from models.sparsity import effective_weight

AnyModule = TypeVar("AnyModule", bound=nn.Module)
Size = int | tuple[int, int]


class Branch(nn.Module):
    """A convolution that keeps the size, without bias, and its batch norm; ReLU and a sum with other branches at no extra pass."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Size, stride: int = 1, groups: int = 1,
        convolution: type[nn.Conv2d] = nn.Conv2d,
    ) -> None:  # fmt: skip
        super().__init__()
        height, width = (kernel_size, kernel_size) if isinstance(kernel_size, int) else kernel_size
        padding = (height // 2, width // 2)
        self.conv = convolution(in_channels, out_channels, (height, width), stride, padding, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor, residual: Tensor | None = None, relu: bool = False) -> Tensor:  # (N, in_channels, H, W)
        return self.bn(self.conv(x), residual=residual, relu=relu)  # (N, out_channels, H/stride, W/stride)


class Mergeable(nn.Module):
    """A block whose branches can be merged. `merge` replaces them by convolutions, in place; `forward` knows both forms."""

    def merge(self) -> None:
        raise TypeError(f"{type(self).__name__}: a Mergeable defines merge()")


def reparameterize(model: AnyModule) -> AnyModule:
    """A copy of `model` in evaluation mode whose blocks of many branches are single convolutions; `model` stays as it is.

    The outputs are those of `model.eval()`, but for rounding. The copy is for prediction: its batch norms are gone, so training it
    further is not training the model.
    Errors: ValueError for a model without such blocks.
    """
    merged = deepcopy(model)
    blocks = [module for module in merged.modules() if isinstance(module, Mergeable)]
    if not blocks:
        raise ValueError(f"model: got {type(model).__name__}, expected a model with blocks whose branches can be merged, such as RepVGG")
    for block in blocks:
        block.merge()
    return merged.eval()


@no_grad()
def merge_branches(branches: Sequence[Branch], identity: nn.BatchNorm2d | None = None) -> nn.Conv2d:
    """The convolution with bias whose output is the sum of the branches', and of `identity` of their input where there is one.

    The first branch has the largest kernel, odd in both directions like the others; the stride is the same for all.
    """
    largest = branches[0].conv
    parts = [fold(branch.conv, branch.bn) for branch in branches]
    if identity is not None:
        parts.append(fold_identity(identity, largest.groups, like=largest.weight))
    merged = nn.Conv2d(
        largest.in_channels, largest.out_channels, largest.kernel_size, largest.stride, largest.padding, groups=largest.groups,
        device=largest.weight.device, dtype=largest.weight.dtype,
    )  # fmt: skip
    merged.weight.copy_(sum((pad_kernel(kernel, largest.kernel_size) for kernel, _ in parts[1:]), start=parts[0][0]))
    merged.bias.copy_(sum((bias for _, bias in parts[1:]), start=parts[0][1]))
    return merged


def fold(convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """(kernel, bias) of the convolution that does both: (OC, C/groups, KH, KW) and (OC,)."""
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    return effective_weight(convolution) * scale.reshape(-1, 1, 1, 1), norm.bias - norm.running_mean * scale


def fold_identity(norm: nn.BatchNorm2d, groups: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """(kernel, bias) of the 1x1 convolution that normalises, and nothing else: (C, C/groups, 1, 1) and (C,)."""
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    unit = mt.eye(norm.num_features // groups, dtype=like.dtype, device=like.device)
    kernel = F.cat([unit] * groups, 0) * scale.reshape(-1, 1)
    return kernel.reshape(*kernel.shape, 1, 1), norm.bias - norm.running_mean * scale


def pad_kernel(kernel: Tensor, size: tuple[int, int]) -> Tensor:
    """The kernel (OC, C/groups, KH, KW) in the middle of one of the given size, zeros around it."""
    rows, columns = size[0] - kernel.shape[2], size[1] - kernel.shape[3]
    if rows < 0 or columns < 0 or rows % 2 or columns % 2:
        raise ValueError(f"kernel: got {kernel.shape[2:]}, which has no place in the middle of {size}")
    return F.pad(kernel, (columns // 2, columns // 2, rows // 2, rows // 2))
