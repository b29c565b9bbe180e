"""Fully connected layer, and those that only pass on."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from minitorch_cv import functional as F
from minitorch_cv.device import DeviceLike
from minitorch_cv.functional.arguments import checked
from minitorch_cv.nn import init
from minitorch_cv.nn.module import Module
from minitorch_cv.nn.parameter import check_length, new_parameter
from minitorch_cv.tensor import Tensor


class Linear(Module):
    """y = x @ weight.T + bias, from (..., in_features) to (..., out_features).

    State: weight (out_features, in_features), bias (out_features,).
    """

    @checked
    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, *, device: DeviceLike = None, dtype: np.dtype | type = np.float32
    ) -> None:
        super().__init__()
        check_length("in_features", in_features)
        check_length("out_features", out_features)
        self.in_features, self.out_features = in_features, out_features
        self.weight = new_parameter((out_features, in_features), dtype, device)
        self.register_parameter("bias", new_parameter(out_features, dtype, device) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew: uniform on [-1/sqrt(in_features), 1/sqrt(in_features)], as PyTorch does."""
        init.default_weight_and_bias_(self.weight, self.bias)

    def forward(self, input: Tensor) -> Tensor:
        return F.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class Flatten(Module):
    """The dimensions `start_dim` to `end_dim` as one: (N, C, H, W) -> (N, C*H*W) in C, H, W order."""

    @checked
    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, input: Tensor) -> Tensor:
        return F.flatten(input, self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """The dimension `dim` cut into several of the lengths `unflattened_size`, of which one may be -1; the inverse of `Flatten`."""

    @checked
    def __init__(self, dim: int, unflattened_size: Sequence[int]) -> None:
        super().__init__()
        self.dim, self.unflattened_size = dim, unflattened_size

    def forward(self, input: Tensor) -> Tensor:
        return F.unflatten(input, self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"


class Identity(Module):
    """Returns what it is given; takes and ignores any arguments, so that it can stand in for another layer."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Tensor) -> Tensor:
        return input
