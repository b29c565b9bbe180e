r"""Batch normalisation (Ioffe and Szegedy 2015), with the addition and the ReLU that follow it in a residual block.

Every channel c is brought to mean 0 and variance 1, then scaled and shifted:

    y = relu( (x - mean[c]) / sqrt(var[c] + eps) * weight[c] + bias[c] + residual )

where relu and residual are optional. In training, mean and (biased) variance are those of the batch, over all M = N*H*W values of a
channel; in evaluation they are given. Fusing the three steps matters because none of them computes much: the time goes into moving x
and y through memory.

The gradient in training. Let g be the upstream gradient where y > 0 (everywhere without relu), and xhat = (x - mean) / sqrt(var + eps).
Then

    gresidual = g        gbias = sum g        gweight = sum g * xhat
    gx = weight / sqrt(var + eps) * (g - gbias / M - xhat * gweight / M)

Shapes: x, residual, y and their gradients (N, C) or (N, C, *), any strides, the results channels-last in memory; everything per channel
(C,), of the type of x, or float32 where x is float16 or bfloat16. weight None is all ones, bias None all zeros. The statistics of no
values at all are NaN.
"""

import numpy as np

from kernels.backend import implementation
from kernels.checks import check_dtype, check_floating, check_shape, check_wide_dtype


def batch_norm_train(
    x: np.ndarray, weight: np.ndarray | None = None, bias: np.ndarray | None = None, eps: float = 1e-5,
    residual: np.ndarray | None = None, relu: bool = False,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """(y, mean, var): x normalised by the statistics of the batch, and these statistics; var is the biased variance."""
    _check("x", x, weight=weight, bias=bias)
    _check_like(x, residual=residual)
    return implementation("batch_norm", "batch_norm_train", x)(x, weight, bias, eps, residual, relu)


def batch_norm_eval(
    x: np.ndarray, mean: np.ndarray, var: np.ndarray, weight: np.ndarray | None = None, bias: np.ndarray | None = None,
    eps: float = 1e-5, residual: np.ndarray | None = None, relu: bool = False,
) -> np.ndarray:  # fmt: skip
    """y: x normalised by given statistics."""
    _check("x", x, mean=mean, var=var, weight=weight, bias=bias)
    _check_like(x, residual=residual)
    return implementation("batch_norm", "batch_norm_eval", x)(x, mean, var, weight, bias, eps, residual, relu)


def batch_norm_backward(
    gy: np.ndarray, x: np.ndarray, mean: np.ndarray, var: np.ndarray, weight: np.ndarray | None = None, eps: float = 1e-5,
    y: np.ndarray | None = None, need_residual: bool = False,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray | None]:  # fmt: skip
    """(gx, gweight, gbias, gresidual): the gradients of `batch_norm_train`, given the mean and var that it returned.

    y, the result, is given if and only if relu was fused. gresidual is None unless `need_residual`; without relu it is gy itself.
    """
    _check("gy", gy, mean=mean, var=var, weight=weight)
    _check_like(gy, x=x, y=y)
    return implementation("batch_norm", "batch_norm_backward", gy)(gy, x, mean, var, weight, eps, y, need_residual)


def _check(name: str, x: np.ndarray, **per_channel: np.ndarray | None) -> None:
    check_floating(name, x)
    if x.ndim < 2:
        raise ValueError(f"{name}: got shape {x.shape}, expected (N, C) or (N, C, *)")
    for other, array in per_channel.items():
        if array is not None:
            check_wide_dtype(other, array, x)
            check_shape(other, array, (x.shape[1],))


def _check_like(first: np.ndarray, **arrays: np.ndarray | None) -> None:
    for name, array in arrays.items():
        if array is not None:
            check_dtype(name, array, first)
            check_shape(name, array, first.shape)
