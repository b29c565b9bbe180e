"""Dropout as a layer."""

from minitorch_cv import functional as F
from minitorch_cv.nn.module import Module
from minitorch_cv.tensor import Tensor


class Dropout(Module):
    """In training mode zeroes each element with probability `p` and scales up the others; in evaluation mode does nothing."""

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"p: got {p}, expected a probability from 0 to 1")
        self.p, self.inplace = p, inplace

    def forward(self, x: Tensor) -> Tensor:
        return F.dropout(x, self.p, self.training)

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"
