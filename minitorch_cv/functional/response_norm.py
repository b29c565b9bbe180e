"""Response normalisations: a channel is weighed against its neighbours (AlexNet), or against all channels (ConvNeXt V2)."""

from typing import Any

import numpy as np

import kernels
from minitorch_cv.autograd import Function
from minitorch_cv.device import beside
from minitorch_cv.functional.arguments import checked
from minitorch_cv.functional.checks import check_channels, check_floating
from minitorch_cv.functional.linear import linear
from minitorch_cv.functional.normalisation import Normalisation, beside_input, gradient_of_gradient
from minitorch_cv.tensor import Tensor


class LocalResponseNorm(Function):
    """x -> y."""

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, *, size: int, alpha: float, beta: float, k: float) -> np.ndarray:
        ctx.save_inputs(0)
        return kernels.local_response_norm(x, size, alpha, beta, k)

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> Tensor:
        return LocalResponseNormGradient.apply(gy, ctx.saved_inputs[0], **ctx.options)


class LocalResponseNormGradient(Function):
    """(gy, x) -> gx."""

    @staticmethod
    def forward(ctx: Any, gy: np.ndarray, x: np.ndarray, *, size: int, alpha: float, beta: float, k: float) -> np.ndarray:
        ctx.save_inputs(0, 1)
        return kernels.local_response_norm_backward(gy, x, size, alpha, beta, k)

    @staticmethod
    def backward(ctx: Any, ggx: Tensor) -> tuple[Tensor | None, ...]:
        gy, x = ctx.saved_inputs
        return gradient_of_gradient(lambda x: _local_response_norm(x, **ctx.options), gy, (x,), (ggx,))


def _local_response_norm(x: Tensor, size: int, alpha: float, beta: float, k: float) -> Tensor:
    """In Tensor functions: which channels are in whose window is a matrix of zeros and ones."""
    first, channels = np.arange(x.shape[1])[:, None] - size // 2, np.arange(x.shape[1])
    windows = Tensor(beside(((first <= channels) & (channels < first + size)).astype(x.dtype), x.data))
    sums = linear(x.square().transpose(1, -1), windows).transpose(1, -1)  # linear maps the last dimension
    return x * (sums * (alpha / size) + k) ** -beta


@checked
def local_response_norm(input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Tensor:
    """x / (k + alpha / size * the sum of squares over a window of channels)^beta (Krizhevsky, Sutskever and Hinton 2012).

    input (N, C, *). The window of channel c has `size` channels, from c - floor(size / 2) on; beyond the first and the last there are
    zeros. NOTE The paper has alpha in the place of alpha / size: AlexNet's alpha of 1e-4 over 5 channels is 5e-4 here.
    Errors: ValueError for shapes and sizes, TypeError for integers.
    """
    check_floating("input", input)
    if input.ndim < 3:
        raise ValueError(f"input: got shape {input.shape}, expected (N, C, *)")
    return LocalResponseNorm.apply(input, size=size, alpha=alpha, beta=beta, k=k)


class GlobalResponseNorm(Normalisation):
    """(x, weight, bias) -> (y, norm)."""

    @staticmethod
    def kernel(x: np.ndarray, weight: np.ndarray, bias: np.ndarray, *, eps: float) -> tuple[np.ndarray, ...]:
        return kernels.global_response_norm(x, weight, bias, eps)

    @staticmethod
    def gradient_kernel(gy: np.ndarray, x: np.ndarray, weight: np.ndarray, norm: np.ndarray, *, eps: float) -> tuple[np.ndarray, ...]:
        return kernels.global_response_norm_backward(gy, x, norm, weight, eps)

    @staticmethod
    def plain(x: Tensor, weight: Tensor, bias: Tensor, *, eps: float) -> Tensor:
        norm = x.square().sum(tuple(range(2, x.ndim)), keepdim=True).sqrt()
        channel = (-1, *[1] * (x.ndim - 2))
        return x + weight.reshape(channel) * (norm / (norm.mean(1, keepdim=True) + eps)) * x + bias.reshape(channel)


@checked
def global_response_norm(input: Tensor, weight: Tensor, bias: Tensor, eps: float = 1e-6) -> Tensor:
    """x + weight * (norm / (mean of norm + eps)) * x + bias, where norm is the length of a channel's map (Woo et al. 2023).

    input (N, C, *) with the norm over all dimensions but the first two, and its mean over the channels; weight and bias (C,).
    Errors: ValueError for shapes, TypeError for dtypes that do not fit.
    """
    check_channels(input, 3)
    return GlobalResponseNorm.apply(input, *beside_input(input, weight, bias), eps=eps)[0]
