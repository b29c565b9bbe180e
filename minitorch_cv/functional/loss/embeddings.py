"""Losses between vectors that stand for images: same images near each other, others apart."""

from kernels.checks import check_number
from minitorch_cv.autograd.autocast import autocasts
from minitorch_cv.functional.activation import logsigmoid
from minitorch_cv.functional.checks import check_floating
from minitorch_cv.functional.choose import minimum, where
from minitorch_cv.functional.distance import pairwise_distance
from minitorch_cv.functional.loss.reduction import as_target, check_reduction, reduced
from minitorch_cv.tensor import Tensor

EPSILON = 1e-12  # added to the squared lengths, so that a vector of zeros has a direction


@autocasts
def cosine_embedding_loss(input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, *, reduction: str = "mean") -> Tensor:
    """1 - cos(input1, input2) where `target` is 1; where it is -1, how far that cosine is above `margin` (from -1 to 1).

    input1, input2: vectors (N, D), or one each (D,), of the same dtype. target: (N,), or a number, 1 or -1.
    """
    _check_same(input1, {"input2": input2})
    check_number("margin", margin)
    check_reduction(reduction)
    if input1.ndim not in (1, 2) or input1.shape != input2.shape:
        raise ValueError(f"input2: got shape {input2.shape} beside {input1.shape}, expected both (N, D), or both (D,)")
    target = as_target(input1.sum(-1), target)
    products = (input1 * input2).sum(-1)
    lengths = ((input1.square().sum(-1) + EPSILON) * (input2.square().sum(-1) + EPSILON)).sqrt()
    cosine = products / lengths  # (N,)
    losses = where(target == 1, 1 - cosine, 0) + where(target == -1, (cosine - margin).clamp(min=0), 0)
    return reduced(losses, reduction)


@autocasts
def triplet_margin_loss(
    anchor: Tensor, positive: Tensor, negative: Tensor, margin: float = 1.0, p: float = 2, eps: float = 1e-6, swap: bool = False, *,
    reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """max(0, margin + |anchor - positive| - |anchor - negative|): the positive should be nearer than the negative, by `margin`.

    All three: (N, D), or (D,). The lengths are p-norms, and `eps` is added to each difference. swap: the negative's distance is that to
    the anchor or to the positive, whichever is smaller (Balntas et al. 2016, Learning local feature descriptors with triplets).
    """
    _check_same(anchor, {"positive": positive, "negative": negative})
    check_reduction(reduction)
    check_number("margin", margin)
    check_number("p", p)
    if margin <= 0:
        raise ValueError(f"margin: got {margin}, expected a positive number")
    for name, other in (("positive", positive), ("negative", negative)):
        lengths = zip(anchor.shape, other.shape, strict=False)
        if anchor.ndim == 0 or other.ndim != anchor.ndim or any(m != n and 1 not in (m, n) for m, n in lengths):
            raise ValueError(f"{name}: got shape {other.shape} for an anchor of shape {anchor.shape}, expected (N, D), or (D,), for all")
    near, far = pairwise_distance(anchor, positive, p, eps), pairwise_distance(anchor, negative, p, eps)
    if swap:
        far = minimum(far, pairwise_distance(positive, negative, p, eps))
    return reduced((near - far + margin).clamp(min=0), reduction)


@autocasts
def soft_margin_loss(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """log(1 + exp(-target input)), for scores `input` and answers `target` of 1 and -1, of one shape."""
    target = as_target(input, target)
    check_reduction(reduction)
    return reduced(-logsigmoid(target * input), reduction)


def _check_same(first: Tensor, others: dict[str, Tensor]) -> None:
    check_floating("input1" if "input2" in others else "anchor", first)
    for name, other in others.items():
        check_floating(name, other)
        if other.dtype != first.dtype:
            raise TypeError(f"{name}: got {other.dtype}, expected {first.dtype} like the first")
