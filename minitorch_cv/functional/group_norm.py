"""Group normalisation, and instance normalisation as its special case with a group for each channel."""

import math

import numpy as np

import kernels
from minitorch_cv.autograd import is_recomputing
from minitorch_cv.functional.arguments import checked
from minitorch_cv.functional.checks import check_channels
from minitorch_cv.functional.norm import batch_norm, check_running_statistics, move_running_statistics
from minitorch_cv.functional.normalisation import Normalisation, beside_input
from minitorch_cv.tensor import Tensor


class GroupNorm(Normalisation):
    """(x, weight, bias) -> (y, mean, var) over groups of channels of every sample."""

    @staticmethod
    def kernel(x: np.ndarray, weight: np.ndarray | None, bias: np.ndarray | None, *, groups: int, eps: float) -> tuple[np.ndarray, ...]:
        return kernels.group_norm(x, groups, weight, bias, eps)

    @staticmethod
    def gradient_kernel(
        gy: np.ndarray, x: np.ndarray, weight: np.ndarray | None, mean: np.ndarray, var: np.ndarray, *, groups: int, eps: float
    ) -> tuple[np.ndarray, ...]:
        return kernels.group_norm_backward(gy, x, mean, var, groups, weight, eps)

    @staticmethod
    def plain(x: Tensor, weight: Tensor, bias: Tensor, *, groups: int, eps: float) -> Tensor:
        grouped = x.reshape(len(x), groups, math.prod(x.shape[1:]) // groups)
        centred = grouped - grouped.mean(2, keepdim=True)
        xhat = centred * (centred.square().mean(2, keepdim=True) + eps) ** -0.5
        channel = (-1, *[1] * (x.ndim - 2))
        return xhat.reshape(x.shape) * weight.reshape(channel) + bias.reshape(channel)


@checked
def group_norm(input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5) -> Tensor:
    """Normalise each of `num_groups` groups of neighbouring channels of every sample, over channels and pixels (Wu and He 2018).

    input (N, C) or (N, C, *) with C divisible by num_groups; then every channel is scaled by weight (C,) and shifted by bias (C,).
    Errors: ValueError for shapes that do not fit and for groups of one value, which has no variance; TypeError for mixed dtypes.
    """
    check_channels(input, 2)
    C = input.shape[1]
    if num_groups < 1 or C % num_groups:
        raise ValueError(f"num_groups: got {num_groups}, expected a positive number that divides the {C} channels of input")
    if input.data.size == num_groups:
        raise ValueError(f"input: got shape {input.shape}, expected more than one value in each of {num_groups} groups")
    return GroupNorm.apply(input, *beside_input(input, weight, bias), groups=num_groups, eps=eps)[0]


@checked
def instance_norm(
    input: Tensor, running_mean: Tensor | None = None, running_var: Tensor | None = None, weight: Tensor | None = None,
    bias: Tensor | None = None, use_input_stats: bool = True, momentum: float = 0.1, eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """Normalise every channel of every image by its own mean and biased variance (Ulyanov, Vedaldi and Lempitsky 2016).

    input (N, C, *); then every channel is scaled by weight (C,) and shifted by bias (C,). running_mean and running_var (C,), where given,
    move in place, by the fraction `momentum`, towards the mean over the images of their means and *unbiased* variances.
    use_input_stats=False: by running_mean and running_var instead, as `batch_norm` in evaluation.
    Errors: ValueError for shapes that do not fit and for images of one pixel, which have no variance; TypeError for mixed dtypes.
    """
    check_channels(input, 3)
    if not use_input_stats:
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    check_running_statistics(input, running_mean, running_var)
    pixels = math.prod(input.shape[2:])
    if pixels == 1:
        raise ValueError(f"input: got shape {input.shape}, expected more than one pixel")
    y, mean, var = GroupNorm.apply(input, *beside_input(input, weight, bias), groups=input.shape[1], eps=eps)
    if input.data.size and not is_recomputing():
        unbiased = var.data * (pixels / (pixels - 1))
        move_running_statistics(running_mean, running_var, mean.data.mean(axis=0), unbiased.mean(axis=0), momentum)
    return y
