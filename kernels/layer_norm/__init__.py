r"""Layer normalisation (Ba, Kiros and Hinton 2016) and RMS normalisation (Zhang and Sennrich 2019).

The last `dims` dimensions of x form a *group* of D values. Every group is brought to mean 0 and variance 1, then scaled and shifted, each
of its members by a number of its own:

    xhat = (x - mean) / sqrt(var + eps)        y = xhat * weight + bias

where mean and (biased) variance are those of the group. RMS normalisation leaves the mean alone: with centred=False, mean is 0, and so
"var" is the mean of the squares.

The gradients. Let g be the upstream gradient. Then, with the sums over groups for weight and bias and the means over the members of a
group for x,

    gweight = sum g * xhat        gbias = sum g
    gx = (g * weight - mean(g * weight) - xhat * mean(g * weight * xhat)) / sqrt(var + eps)

where mean(g * weight) is left out if not centred.

Shapes: x, y and their gradients (*, *group) with any strides, in memory in the order of x where the groups allow it: so the channels of
channels-last images, seen as (N, H, W, C), are normalised where they are. weight, bias and their gradients have the shape of a group;
mean and var that of x with groups of one element; these are of the type of x, or float32 where
x is float16 or bfloat16. None is a weight of ones, a bias of zeros.
"""

import numpy as np

from kernels.backend import implementation
from kernels.checks import check_dtype, check_floating, check_shape, check_wide_dtype

Statistics = tuple[np.ndarray, np.ndarray, np.ndarray]


def layer_norm(
    x: np.ndarray, dims: int, weight: np.ndarray | None = None, bias: np.ndarray | None = None, eps: float = 1e-5, centred: bool = True
) -> Statistics:
    """(y, mean, var): groups of x normalised, and their statistics. Errors: ValueError for shapes, TypeError for types that do not fit."""
    _check("x", x, dims, weight=weight, bias=bias)
    return implementation("layer_norm", "layer_norm", x)(x, dims, weight, bias, eps, centred)


def layer_norm_backward(
    gy: np.ndarray, x: np.ndarray, mean: np.ndarray, var: np.ndarray, dims: int, weight: np.ndarray | None = None, eps: float = 1e-5,
    centred: bool = True,
) -> Statistics:  # fmt: skip
    """(gx, gweight, gbias): the gradients of `layer_norm`, given the mean and var that it returned."""
    _check("gy", gy, dims, weight=weight)
    check_dtype("x", x, gy)
    check_shape("x", x, gy.shape)
    for name, array in (("mean", mean), ("var", var)):
        check_wide_dtype(name, array, gy)
        check_shape(name, array, (*gy.shape[: gy.ndim - dims], *[1] * dims))
    return implementation("layer_norm", "layer_norm_backward", gy)(gy, x, mean, var, dims, weight, eps, centred)


def _check(name: str, x: np.ndarray, dims: int, **per_member: np.ndarray | None) -> None:
    check_floating(name, x)
    if not 1 <= dims <= x.ndim:
        raise ValueError(f"dims: got {dims}, expected 1 to {x.ndim}, the dimensions of {name}")
    for other, array in per_member.items():
        if array is not None:
            check_wide_dtype(other, array, x)
            check_shape(other, array, x.shape[x.ndim - dims :])
