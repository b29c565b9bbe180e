r"""Global response normalisation (Woo et al. 2023, ConvNeXt V2): channels compete by the size of their maps.

    norm[n, c] = sqrt(sum_{h, w} x[n, c, h, w]^2)        nx[n, c] = norm[n, c] / (mean_c norm[n, c] + eps)
    y = x + weight[c] * nx[n, c] * x + bias[c]

The gradients. Let g be the upstream gradient, S[n, c] = sum_{h, w} g * x, and d[n] = mean_c norm + eps. Then

    gweight = sum_n S * nx        gbias = sum_{n, h, w} g
    gnorm = weight * S / d - mean_c(weight * S * norm) / d^2
    gx = g * (1 + weight * nx) + x * gnorm / norm

where the last term is 0 for a channel of zeros.

Shapes: x, y and their gradients (N, C, *), any strides; weight, bias (C,); norm (N, C): of the type of x, or float32
where x is float16 or bfloat16.
"""

import numpy as np

from kernels.backend import implementation
from kernels.checks import check_dtype, check_floating, check_shape, check_wide_dtype


def global_response_norm(x: np.ndarray, weight: np.ndarray, bias: np.ndarray, eps: float = 1e-6) -> tuple[np.ndarray, np.ndarray]:
    """(y, norm). Errors: ValueError for shapes, TypeError for types that do not fit."""
    _check("x", x, weight=weight, bias=bias)
    return implementation("global_response_norm", "global_response_norm", x)(x, weight, bias, eps)


def global_response_norm_backward(
    gy: np.ndarray, x: np.ndarray, norm: np.ndarray, weight: np.ndarray, eps: float = 1e-6
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(gx, gweight, gbias): the gradients of `global_response_norm`, given the norm that it returned."""
    _check("gy", gy, weight=weight)
    check_dtype("x", x, gy)
    check_shape("x", x, gy.shape)
    check_wide_dtype("norm", norm, gy)
    check_shape("norm", norm, gy.shape[:2])
    return implementation("global_response_norm", "global_response_norm_backward", gy)(gy, x, norm, weight, eps)


def _check(name: str, x: np.ndarray, **per_channel: np.ndarray) -> None:
    check_floating(name, x)
    if x.ndim < 2 or x.shape[1] == 0:
        raise ValueError(f"{name}: got shape {x.shape}, expected (N, C, *) with at least one channel")
    for other, array in per_channel.items():
        check_wide_dtype(other, array, x)
        check_shape(other, array, (x.shape[1],))
