"""Normalisation layers that may keep running statistics: batch and instance normalisation."""

import numpy as np

from minitorch_cv import functional as F
from minitorch_cv.autograd import is_recomputing
from minitorch_cv.device import DeviceLike
from minitorch_cv.functional.arguments import checked
from minitorch_cv.functional.checks import check_floating
from minitorch_cv.nn import init
from minitorch_cv.nn.module import Module
from minitorch_cv.nn.parameter import check_length, new_buffer, new_parameter
from minitorch_cv.tensor import Tensor


class _RunningNorm(Module):
    """What batch and instance normalisation share: the learned scale and shift, the running statistics, and how both are shown."""

    dimensions: tuple[int, ...] = ()  # of the input; set by the subclasses

    def __init__(
        self, num_features: int, eps: float, momentum: float | None, affine: bool, track_running_stats: bool,
        bias: bool, device: DeviceLike, dtype: np.dtype | type,
    ) -> None:  # fmt: skip
        super().__init__()
        check_length("num_features", num_features)
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        self.register_parameter("weight", new_parameter(num_features, dtype, device) if affine else None)
        self.register_parameter("bias", new_parameter(num_features, dtype, device) if affine and bias else None)
        self.register_buffer("running_mean", new_buffer(num_features, dtype, device) if track_running_stats else None)
        self.register_buffer("running_var", new_buffer(num_features, dtype, device) if track_running_stats else None)
        self.register_buffer("num_batches_tracked", new_buffer((), np.int64, device) if track_running_stats else None)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Mean 0, variance 1, no batches seen."""
        if self.track_running_stats:
            init.zeros_(self.running_mean)
            init.ones_(self.running_var)
            init.zeros_(self.num_batches_tracked)

    def reset_parameters(self) -> None:
        """Weight 1, bias 0, and fresh running statistics."""
        self.reset_running_stats()
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def _check_dimensions(self, x: Tensor) -> None:
        check_floating("input", x)
        if x.ndim not in self.dimensions:
            raise ValueError(f"input: got shape {x.shape}, expected {' or '.join(map(str, self.dimensions))} dimensions")

    def _check_channels(self, channels: int) -> None:
        if channels != self.num_features:
            raise ValueError(f"input: got {channels} channels, expected num_features = {self.num_features}")

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )


class _BatchNorm(_RunningNorm):
    """Batch normalisation (Ioffe and Szegedy 2015); see `functional.batch_norm` for the arithmetic.

    In training mode by the statistics of the batch, which the running statistics follow; in evaluation mode by the running statistics.
    momentum: the fraction by which the running statistics move towards the batch's; None for the average of all batches so far.
    affine: scale by a learned weight and, with `bias`, shift by a learned bias.
    track_running_stats: False to keep no running statistics and use the batch's in evaluation too.

    State: weight, bias, running_mean, running_var (num_features,), num_batches_tracked (a number).
    """

    @checked
    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = True, track_running_stats: bool = True,
        *, bias: bool = True, device: DeviceLike = None, dtype: np.dtype | type = np.float32,
    ) -> None:  # fmt: skip
        super().__init__(num_features, eps, momentum, affine, track_running_stats, bias, device, dtype)

    def forward(self, input: Tensor, residual: Tensor | None = None, relu: bool = False) -> Tensor:
        """`input` normalised; then, if asked for and in the same pass over memory, `residual` added and ReLU applied."""
        self._check_dimensions(input)
        self._check_channels(input.shape[1])
        momentum = self.momentum
        if momentum is None:  # the new batch is one of so many: a plain average
            counted = self.track_running_stats and not self.num_batches_tracked.is_meta
            momentum = 1 / (int(self.num_batches_tracked) + 1) if counted else 0.0
        y = F.batch_norm(
            input, self.running_mean, self.running_var, self.weight, self.bias,
            self.training or not self.track_running_stats, momentum, self.eps, relu=relu, residual=residual,
        )  # fmt: skip
        if self.training and self.track_running_stats and not is_recomputing():
            self.num_batches_tracked.add_(1)
        return y


class BatchNorm1d(_BatchNorm):
    __doc__ = f"For features (N, C) or (N, C, L). {_BatchNorm.__doc__}"

    dimensions = (2, 3)


class BatchNorm2d(_BatchNorm):
    __doc__ = f"For images (N, C, H, W). {_BatchNorm.__doc__}"

    dimensions = (4,)


class BatchNorm3d(_BatchNorm):
    __doc__ = f"For volumes (N, C, D, H, W). {_BatchNorm.__doc__}"

    dimensions = (5,)


class _InstanceNorm(_RunningNorm):
    """Instance normalisation (Ulyanov et al. 2016); see `functional.instance_norm` for the arithmetic.

    By the statistics of each channel of each sample; with track_running_stats, in evaluation mode by the running statistics.
    momentum: the fraction by which the running statistics move towards those of the batch's samples; None leaves them where they are.
    affine: scale by a learned weight and, with `bias`, shift by a learned bias.
    track_running_stats: keep running statistics, which follow those of the samples in training mode.

    State, where there is any: weight, bias, running_mean, running_var (num_features,), num_batches_tracked (always 0).
    """

    @checked
    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = False, track_running_stats: bool = False,
        *, bias: bool = True, device: DeviceLike = None, dtype: np.dtype | type = np.float32,
    ) -> None:  # fmt: skip
        super().__init__(num_features, eps, momentum, affine, track_running_stats, bias, device, dtype)

    def forward(self, input: Tensor) -> Tensor:
        self._check_dimensions(input)
        single = input.ndim == min(self.dimensions)  # without a batch
        if self.affine or self.track_running_stats:  # else any number of channels will do
            self._check_channels(input.shape[0 if single else 1])
        y = F.instance_norm(
            input.unsqueeze(0) if single else input, self.running_mean, self.running_var, self.weight, self.bias,
            self.training or not self.track_running_stats, 0.0 if self.momentum is None else self.momentum, self.eps,
        )  # fmt: skip
        return y.squeeze(0) if single else y


class InstanceNorm1d(_InstanceNorm):
    __doc__ = f"For features (N, C, L) or (C, L). {_InstanceNorm.__doc__}"

    dimensions = (2, 3)


class InstanceNorm2d(_InstanceNorm):
    __doc__ = f"For images (N, C, H, W) or one image (C, H, W). {_InstanceNorm.__doc__}"

    dimensions = (3, 4)


class InstanceNorm3d(_InstanceNorm):
    __doc__ = f"For volumes (N, C, D, H, W) or one volume (C, D, H, W). {_InstanceNorm.__doc__}"

    dimensions = (4, 5)
