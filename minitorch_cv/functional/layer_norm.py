"""Layer normalisation and RMS normalisation: over the last dimensions of a tensor."""

from collections.abc import Sequence

import numpy as np

import kernels
from kernels.gpu import wide_dtype
from minitorch_cv.functional.arguments import checked
from minitorch_cv.functional.checks import check_floating
from minitorch_cv.functional.normalisation import Normalisation, beside_input
from minitorch_cv.tensor import Tensor


class LayerNorm(Normalisation):
    """(x, weight, bias) -> (y, mean, var) over the last `dims` dimensions; with centred=False, mean is 0: RMS normalisation."""

    @staticmethod
    def kernel(
        x: np.ndarray, weight: np.ndarray | None, bias: np.ndarray | None, *, dims: int, eps: float, centred: bool
    ) -> tuple[np.ndarray, ...]:
        return kernels.layer_norm(x, dims, weight, bias, eps, centred)

    @staticmethod
    def gradient_kernel(
        gy: np.ndarray, x: np.ndarray, weight: np.ndarray | None, mean: np.ndarray, var: np.ndarray,
        *, dims: int, eps: float, centred: bool,
    ) -> tuple[np.ndarray, ...]:  # fmt: skip
        return kernels.layer_norm_backward(gy, x, mean, var, dims, weight, eps, centred)

    @staticmethod
    def plain(x: Tensor, weight: Tensor, bias: Tensor, *, dims: int, eps: float, centred: bool) -> Tensor:
        members = tuple(range(x.ndim - dims, x.ndim))
        centred_x = x - x.mean(members, keepdim=True) if centred else x
        return centred_x * (centred_x.square().mean(members, keepdim=True) + eps) ** -0.5 * weight + bias


@checked
def layer_norm(
    input: Tensor, normalized_shape: int | Sequence[int], weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """(x - mean) / sqrt(var + eps) * weight + bias over the last dimensions (Ba, Kiros and Hinton 2016).

    mean and biased variance are those of the last dimensions of input, (*, *normalized_shape), for every index of the others; weight and
    bias have the shape normalized_shape. The channels of images are normalised by permuting them to the end, and the result back: for
    channels-last images neither moves data. That is what `nn.LayerNorm2d` does.
    Errors: ValueError for shapes, TypeError for dtypes that do not fit.
    """
    return _apply(input, normalized_shape, weight, bias, eps, centred=True)


@checked
def rms_norm(input: Tensor, normalized_shape: int | Sequence[int], weight: Tensor | None = None, eps: float | None = None) -> Tensor:
    """x / sqrt(mean(x^2) + eps) * weight over the last dimensions (Zhang and Sennrich 2019); shapes and errors as in `layer_norm`.

    eps: None for the distance from 1 to the next number: 1.2e-7, but 2.2e-16 in float64.
    """
    check_floating("input", input)
    eps = float(np.finfo(wide_dtype(input.dtype)).eps) if eps is None else eps
    return _apply(input, normalized_shape, weight, None, eps, centred=False)


def _apply(
    input: Tensor, normalized_shape: int | Sequence[int], weight: Tensor | None, bias: Tensor | None, eps: float, centred: bool
) -> Tensor:
    check_floating("input", input)
    shape = as_normalized_shape(normalized_shape)
    dims = len(shape)
    if input.shape[max(0, input.ndim - dims) :] != shape:
        raise ValueError(f"input: got shape {input.shape}, expected one that ends with normalized_shape = {shape}")
    return LayerNorm.apply(input, *beside_input(input, weight, bias), dims=dims, eps=eps, centred=centred)[0]


def as_normalized_shape(value: int | Sequence[int]) -> tuple[int, ...]:
    """A length or a sequence of lengths as a tuple; ValueError for none, and for what is no length."""
    shape = tuple(value) if isinstance(value, (tuple, list)) else (value,)
    if not shape or not all(isinstance(length, (int, np.integer)) and length >= 0 for length in shape):
        raise ValueError(f"normalized_shape: got {value!r}, expected the length of a dimension, or a sequence of at least one")
    return tuple(int(length) for length in shape)
