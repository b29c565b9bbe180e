"""Vectors of length one, and how far vectors are from each other."""

from minitorch_cv.autograd.autocast import autocasts
from minitorch_cv.functional.arguments import checked
from minitorch_cv.functional.checks import check_floating
from minitorch_cv.functional.reduce import norm
from minitorch_cv.functional.shape import as_dims
from minitorch_cv.tensor import Dims, Tensor


@autocasts
@checked
def normalize(input: Tensor, p: float = 2.0, dim: Dims = 1, eps: float = 1e-12) -> Tensor:
    """x / max(|x|, eps), where |x| is the p-norm over the dimensions `dim`: vectors of length 1, except those of nearly nothing."""
    check_floating("input", input)
    as_dims(dim, input.ndim)
    return input / norm(input, p, dim, keepdim=True).clamp(min=eps)


@autocasts
@checked
def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """The cosine of the angle between vectors along `dim`: sum(x1 * x2) / (max(|x1|, eps) * max(|x2|, eps)).

    x1 and x2 are broadcast against each other, and `dim` counts in their common shape. Errors: TypeError for different dtypes.
    """
    _check_pair(x1, x2)
    common = max(x1.ndim, x2.ndim)
    x1, x2 = (x.reshape(*[1] * (common - x.ndim), *x.shape) for x in (x1, x2))
    # Lengths of one first: the product of two long vectors, or of two short ones, may leave the range of the numbers.
    return (normalize(x1, 2, dim, eps) * normalize(x2, 2, dim, eps)).sum(dim)


@autocasts
@checked
def pairwise_distance(x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Tensor:
    """The p-norm of x1 - x2 + eps over the last dimension; x1 and x2 are broadcast against each other.

    eps keeps equal vectors away from distance 0, where the gradient of a norm jumps. Errors: TypeError for different dtypes.
    """
    _check_pair(x1, x2)
    return norm(x1 - x2 + eps, p, -1, keepdim)


def _check_pair(x1: Tensor, x2: Tensor) -> None:
    check_floating("x1", x1)
    check_floating("x2", x2)
    if x2.dtype != x1.dtype:
        raise TypeError(f"x2: got {x2.dtype}, expected {x1.dtype} like x1")
    if x1.ndim == x2.ndim == 0:
        raise ValueError("x1: got a tensor without dimensions, expected vectors")
    lengths = zip(reversed(x1.shape), reversed(x2.shape), strict=False)
    if any(m != n and 1 not in (m, n) for m, n in lengths):
        raise ValueError(f"x2: got shape {x2.shape}, which cannot be broadcast against {x1.shape}, that of x1")
