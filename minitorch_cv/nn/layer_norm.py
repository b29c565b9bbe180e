"""Normalisation layers without running statistics: the same in training and in evaluation."""

from collections.abc import Sequence

import numpy as np

from minitorch_cv import functional as F
from minitorch_cv.device import DeviceLike
from minitorch_cv.functional.arguments import checked
from minitorch_cv.functional.checks import check_floating
from minitorch_cv.functional.layer_norm import as_normalized_shape
from minitorch_cv.nn import init
from minitorch_cv.nn.module import Module
from minitorch_cv.nn.parameter import check_length, new_parameter
from minitorch_cv.tensor import Tensor


class _Affine(Module):
    """What these layers share: a learned weight and bias, where they are wanted."""

    def _add_parameters(self, shape: int | tuple[int, ...], weight: bool, bias: bool, device: DeviceLike, dtype: np.dtype | type) -> None:
        self.register_parameter("weight", new_parameter(shape, dtype, device) if weight else None)
        self.register_parameter("bias", new_parameter(shape, dtype, device) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weight 1, bias 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)


class LayerNorm(_Affine):
    """Layer normalisation over the last dimensions (Ba, Kiros and Hinton 2016); see `functional.layer_norm` for the arithmetic.

    normalized_shape: the lengths of these dimensions. elementwise_affine: scale by a learned weight and, with `bias`, shift by a learned
    bias. State: weight, bias, both of normalized_shape.
    """

    @checked
    def __init__(
        self, normalized_shape: int | Sequence[int], eps: float = 1e-5, elementwise_affine: bool = True, bias: bool = True,
        *, device: DeviceLike = None, dtype: np.dtype | type = np.float32,
    ) -> None:  # fmt: skip
        super().__init__()
        self.normalized_shape, self.eps = as_normalized_shape(normalized_shape), eps
        self.elementwise_affine = elementwise_affine
        self._add_parameters(self.normalized_shape, elementwise_affine, elementwise_affine and bias, device, dtype)

    def forward(self, input: Tensor) -> Tensor:
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, bias={self.bias is not None}"


class LayerNorm2d(LayerNorm):
    __doc__ = f"""For images (N, C, H, W), over the channels of every pixel, as ConvNeXt has it; as in torchvision. {LayerNorm.__doc__}"""

    def forward(self, input: Tensor) -> Tensor:
        check_floating("input", input)
        if input.ndim != 4:
            raise ValueError(f"input: got shape {input.shape}, expected images (N, C, H, W)")
        # Channels-last in memory: seen as (N, H, W, C), the image need not move.
        return super().forward(input.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class RMSNorm(_Affine):
    """RMS normalisation over the last dimensions (Zhang and Sennrich 2019); see `functional.rms_norm` for the arithmetic.

    normalized_shape: the lengths of these dimensions. eps: None for the smallest that makes a difference to 1 in the type of the input.
    elementwise_affine: scale by a learned weight. State: weight, of normalized_shape.
    """

    @checked
    def __init__(
        self, normalized_shape: int | Sequence[int], eps: float | None = None, elementwise_affine: bool = True,
        *, device: DeviceLike = None, dtype: np.dtype | type = np.float32,
    ) -> None:  # fmt: skip
        super().__init__()
        self.normalized_shape, self.eps = as_normalized_shape(normalized_shape), eps
        self.elementwise_affine = elementwise_affine
        self._add_parameters(self.normalized_shape, elementwise_affine, False, device, dtype)

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class GroupNorm(_Affine):
    """Group normalisation of (N, C) or (N, C, *) (Wu and He 2018); see `functional.group_norm` for the arithmetic.

    num_groups: how many groups the num_channels channels fall into. affine: scale every channel by a learned weight and, with `bias`,
    shift it by a learned bias. State: weight, bias (num_channels,).
    """

    @checked
    def __init__(
        self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True,
        *, bias: bool = True, device: DeviceLike = None, dtype: np.dtype | type = np.float32,
    ) -> None:  # fmt: skip
        super().__init__()
        check_length("num_channels", num_channels)
        if num_groups < 1 or num_channels % num_groups:
            raise ValueError(f"num_groups: got {num_groups}, expected a positive number that divides num_channels = {num_channels}")
        self.num_groups, self.num_channels, self.eps, self.affine = num_groups, num_channels, eps, affine
        self._add_parameters(num_channels, affine, affine and bias, device, dtype)

    def forward(self, input: Tensor) -> Tensor:
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, bias={self.bias is not None}"


class GRN(_Affine):
    """Global response normalisation of (N, dim, H, W), of ConvNeXt V2 (Woo et al. 2023); see `functional.global_response_norm`.

    Weight and bias (dim,) begin at 0: at first the layer lets its input pass as it is.
    NOTE In the authors' code they are called gamma and beta and have the shape (1, 1, 1, dim); these names and shapes are timm's.
    """

    @checked
    def __init__(self, dim: int, eps: float = 1e-6, *, device: DeviceLike = None, dtype: np.dtype | type = np.float32) -> None:
        super().__init__()
        check_length("dim", dim)
        self.dim, self.eps = dim, eps
        self._add_parameters(dim, True, True, device, dtype)

    def reset_parameters(self) -> None:
        """Weight 0, bias 0."""
        init.zeros_(self.weight)
        init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        return F.global_response_norm(input, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return f"{self.dim}, eps={self.eps}"


class LocalResponseNorm(Module):
    """Local response normalisation of (N, C, *), AlexNet's (Krizhevsky et al. 2012); see `functional.local_response_norm`."""

    @checked
    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, input: Tensor) -> Tensor:
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
