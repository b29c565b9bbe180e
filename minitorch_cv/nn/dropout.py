"""Dropout and stochastic depth as layers: in training mode they drop at random, in evaluation mode they do nothing.

What is dropped, and what it becomes, is described with the functions in `minitorch_cv.functional`.
"""

from collections.abc import Callable
from typing import ClassVar

from minitorch_cv import functional as F
from minitorch_cv.functional.arguments import checked
from minitorch_cv.functional.checks import check_probability
from minitorch_cv.nn.module import Module
from minitorch_cv.tensor import Tensor


class Dropout(Module):
    """In training mode zeroes each element with probability `p` and scales up the others; in evaluation mode does nothing."""

    function: ClassVar[Callable[..., Tensor]] = staticmethod(F.dropout)

    @checked
    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        check_probability("p", p)
        self.p, self.inplace = p, inplace

    def forward(self, input: Tensor) -> Tensor:
        return type(self).function(input, self.p, self.training)

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"


class Dropout1d(Dropout):
    """Drops whole channels of (N, C, L) or (C, L)."""

    function = staticmethod(F.dropout1d)


class Dropout2d(Dropout):
    """Drops whole channels of (N, C, H, W)."""

    function = staticmethod(F.dropout2d)


class Dropout3d(Dropout):
    """Drops whole channels of (N, C, D, H, W) or (C, D, H, W)."""

    function = staticmethod(F.dropout3d)


class AlphaDropout(Dropout):
    """Drops elements to the lowest value of SELU, and keeps mean and variance: for networks of SELUs."""

    function = staticmethod(F.alpha_dropout)


class FeatureAlphaDropout(Dropout):
    """AlphaDropout of whole channels of (N, C, ...)."""

    function = staticmethod(F.feature_alpha_dropout)


class StochasticDepth(Module):
    """Drops what a residual branch adds, with probability `p`: for each sample (mode "row") or for the whole batch ("batch")."""

    @checked
    def __init__(self, p: float, mode: str) -> None:
        super().__init__()
        check_probability("p", p)
        if mode not in ("batch", "row"):
            raise ValueError(f"mode: got {mode!r}, expected batch or row")
        self.p, self.mode = p, mode

    def forward(self, input: Tensor) -> Tensor:
        return F.stochastic_depth(input, self.p, self.mode, self.training)

    def extra_repr(self) -> str:
        return f"p={self.p}, mode={self.mode}"
