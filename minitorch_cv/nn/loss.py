"""Losses as layers: each keeps the options of the function it is named after, which `minitorch_cv.functional` describes.

Weights are buffers: part of the state, but not trained.
"""

from collections.abc import Callable
from typing import ClassVar

from minitorch_cv import functional as F
from minitorch_cv.functional.arguments import checked
from minitorch_cv.nn.module import Module
from minitorch_cv.tensor import Tensor


class Loss(Module):
    """`function` of the layer's inputs, and of the attributes `options` by their names."""

    function: ClassVar[Callable[..., Tensor]]
    options: ClassVar[tuple[str, ...]] = ("reduction",)

    @checked
    def __init__(self, reduction: str = "mean") -> None:
        super().__init__()
        self.reduction = reduction

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return self._of(input, target)

    def _of(self, *inputs: Tensor) -> Tensor:
        return type(self).function(*inputs, **{name: getattr(self, name) for name in self.options})


class CrossEntropyLoss(Loss):
    """Softmax and cross-entropy in one; see `functional.cross_entropy`."""

    function = staticmethod(F.cross_entropy)
    options = ("weight", "ignore_index", "reduction", "label_smoothing")

    @checked
    def __init__(
        self, weight: Tensor | None = None, *, ignore_index: int = -100, reduction: str = "mean", label_smoothing: float = 0.0
    ) -> None:
        super().__init__(reduction)
        self.register_buffer("weight", weight)
        self.ignore_index, self.label_smoothing = ignore_index, label_smoothing


class NLLLoss(Loss):
    """Of logarithms of probabilities; see `functional.nll_loss`."""

    function = staticmethod(F.nll_loss)
    options = ("weight", "ignore_index", "reduction")

    @checked
    def __init__(self, weight: Tensor | None = None, *, ignore_index: int = -100, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.register_buffer("weight", weight)
        self.ignore_index = ignore_index


class BCELoss(Loss):
    """See `functional.binary_cross_entropy`."""

    function = staticmethod(F.binary_cross_entropy)
    options = ("weight", "reduction")

    @checked
    def __init__(self, weight: Tensor | None = None, *, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.register_buffer("weight", weight)


class BCEWithLogitsLoss(Loss):
    """Of scores; see `functional.binary_cross_entropy_with_logits`."""

    function = staticmethod(F.binary_cross_entropy_with_logits)
    options = ("weight", "reduction", "pos_weight")

    @checked
    def __init__(self, weight: Tensor | None = None, *, reduction: str = "mean", pos_weight: Tensor | None = None) -> None:
        super().__init__(reduction)
        self.register_buffer("weight", weight)
        self.register_buffer("pos_weight", pos_weight)


class MSELoss(Loss):
    """The squared difference; see `functional.mse_loss`."""

    function = staticmethod(F.mse_loss)

    @checked
    def __init__(self, *, reduction: str = "mean") -> None:
        super().__init__(reduction)


class L1Loss(Loss):
    """The absolute difference; see `functional.l1_loss`."""

    function = staticmethod(F.l1_loss)

    @checked
    def __init__(self, *, reduction: str = "mean") -> None:
        super().__init__(reduction)


class SmoothL1Loss(Loss):
    """See `functional.smooth_l1_loss`."""

    function = staticmethod(F.smooth_l1_loss)
    options = ("reduction", "beta")

    @checked
    def __init__(self, *, reduction: str = "mean", beta: float = 1.0) -> None:
        super().__init__(reduction)
        self.beta = beta


class HuberLoss(Loss):
    """See `functional.huber_loss`."""

    function = staticmethod(F.huber_loss)
    options = ("reduction", "delta")

    @checked
    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction)
        self.delta = delta


class KLDivLoss(Loss):
    """See `functional.kl_div`."""

    function = staticmethod(F.kl_div)
    options = ("reduction", "log_target")

    @checked
    def __init__(self, *, reduction: str = "mean", log_target: bool = False) -> None:
        super().__init__(reduction)
        self.log_target = log_target


class SoftMarginLoss(Loss):
    """See `functional.soft_margin_loss`."""

    function = staticmethod(F.soft_margin_loss)

    @checked
    def __init__(self, *, reduction: str = "mean") -> None:
        super().__init__(reduction)


class CosineEmbeddingLoss(Loss):
    """Of two vectors each, and whether they belong together; see `functional.cosine_embedding_loss`."""

    function = staticmethod(F.cosine_embedding_loss)
    options = ("margin", "reduction")

    @checked
    def __init__(self, margin: float = 0.0, *, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.margin = margin

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:  # type: ignore[override]
        return self._of(input1, input2, target)


class TripletMarginLoss(Loss):
    """Of an anchor, a positive and a negative; see `functional.triplet_margin_loss`."""

    function = staticmethod(F.triplet_margin_loss)
    options = ("margin", "p", "eps", "swap", "reduction")

    @checked
    def __init__(
        self, margin: float = 1.0, p: float = 2.0, eps: float = 1e-6, swap: bool = False, *, reduction: str = "mean"
    ) -> None:
        super().__init__(reduction)
        self.margin, self.p, self.eps, self.swap = margin, p, eps, swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:  # type: ignore[override]
        return self._of(anchor, positive, negative)
