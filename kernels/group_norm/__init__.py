r"""Group normalisation (Wu and He 2018); with as many groups as channels it is instance normalisation (Ulyanov et al. 2016).

The C channels of every sample fall into G groups of C/G neighbours. A group, with all its M = C/G * H*W values, is brought to mean 0 and
variance 1; then every channel is scaled and shifted:

    xhat = (x - mean[n, group of c]) / sqrt(var[n, group of c] + eps)        y = xhat * weight[c] + bias[c]

The gradients. Let g be the upstream gradient. Then, with the sums over all samples and pixels for weight and bias and the means over a
group for x,

    gweight = sum g * xhat        gbias = sum g
    gx = (g * weight - mean(g * weight) - xhat * mean(g * weight * xhat)) / sqrt(var + eps)

Shapes: x, y and their gradients (N, C) or (N, C, *), any strides; weight, bias (C,), None for ones and zeros; mean, var (N, G): of the
type of x, or float32 where x is float16 or bfloat16.
"""

import numpy as np

from kernels.backend import implementation
from kernels.checks import check_dtype, check_floating, check_shape, check_wide_dtype


def group_norm(
    x: np.ndarray, groups: int, weight: np.ndarray | None = None, bias: np.ndarray | None = None, eps: float = 1e-5
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(y, mean, var): groups of x normalised, and their mean and biased variance."""
    _check("x", x, groups, weight=weight, bias=bias)
    return implementation("group_norm", "group_norm", x)(x, groups, weight, bias, eps)


def group_norm_backward(
    gy: np.ndarray, x: np.ndarray, mean: np.ndarray, var: np.ndarray, groups: int, weight: np.ndarray | None = None, eps: float = 1e-5
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(gx, gweight, gbias): the gradients of `group_norm`, given the mean and var that it returned."""
    _check("gy", gy, groups, weight=weight)
    check_dtype("x", x, gy)
    check_shape("x", x, gy.shape)
    for name, array in (("mean", mean), ("var", var)):
        check_wide_dtype(name, array, gy)
        check_shape(name, array, (len(gy), groups))
    return implementation("group_norm", "group_norm_backward", gy)(gy, x, mean, var, groups, weight, eps)


def _check(name: str, x: np.ndarray, groups: int, **per_channel: np.ndarray | None) -> None:
    check_floating(name, x)
    if x.ndim < 2:
        raise ValueError(f"{name}: got shape {x.shape}, expected (N, C) or (N, C, *)")
    if groups < 1 or x.shape[1] % groups:
        raise ValueError(f"groups: got {groups}, expected a positive number that divides the {x.shape[1]} channels")
    for other, array in per_channel.items():
        if array is not None:
            check_wide_dtype(other, array, x)
            check_shape(other, array, (x.shape[1],))
