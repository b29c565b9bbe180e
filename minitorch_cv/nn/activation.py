"""Activations as layers. What they compute is described with the functions of the same names in `minitorch_cv.functional`.

`inplace` is accepted, but the result is always a new Tensor.
"""

from collections.abc import Callable
from typing import ClassVar

import numpy as np

from minitorch_cv import functional as F
from minitorch_cv.device import DeviceLike
from minitorch_cv.functional.arguments import checked
from minitorch_cv.functional.checks import check_floating
from minitorch_cv.nn import init as initialise
from minitorch_cv.nn.module import Module
from minitorch_cv.nn.parameter import check_length, new_parameter
from minitorch_cv.tensor import Tensor


class _Activation(Module):
    """A layer that applies `function` with the attributes named in `options` as its further arguments."""

    function: ClassVar[Callable[..., Tensor]]
    options: ClassVar[tuple[str, ...]] = ()
    inplace = False

    def forward(self, input: Tensor) -> Tensor:
        return type(self).function(input, *[getattr(self, name) for name in self.options])

    def extra_repr(self) -> str:
        parts = [f"{name}={getattr(self, name)!r}" for name in self.options]
        return ", ".join([*parts, *(["inplace=True"] if self.inplace else [])])


class _InPlace(_Activation):
    """A layer without any option but `inplace`."""

    @checked
    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace


class ReLU(_InPlace):
    """max(x, 0). inplace: accepted, but the result is always a new Tensor."""

    function = staticmethod(F.relu)


class ReLU6(_InPlace):
    """min(max(x, 0), 6)"""

    function = staticmethod(F.relu6)


class SELU(_InPlace):
    """scale * (x where it is positive, else alpha * (exp(x) - 1)), with the numbers that keep mean 0 and variance 1."""

    function = staticmethod(F.selu)


class SiLU(_InPlace):
    """x * sigmoid(x)"""

    function = staticmethod(F.silu)


class Mish(_InPlace):
    """x * tanh(log(1 + exp(x)))"""

    function = staticmethod(F.mish)


class Hardsigmoid(_InPlace):
    """min(max(x + 3, 0), 6) / 6"""

    function = staticmethod(F.hardsigmoid)


class Hardswish(_InPlace):
    """x * min(max(x + 3, 0), 6) / 6"""

    function = staticmethod(F.hardswish)


class Tanh(_Activation):
    """The hyperbolic tangent."""

    function = staticmethod(F.tanh)


class Sigmoid(_Activation):
    """1 / (1 + exp(-x))"""

    function = staticmethod(F.sigmoid)


class LogSigmoid(_Activation):
    """log(sigmoid(x))"""

    function = staticmethod(F.logsigmoid)


class Softsign(_Activation):
    """x / (1 + |x|)"""

    function = staticmethod(F.softsign)


class Tanhshrink(_Activation):
    """x - tanh(x)"""

    function = staticmethod(F.tanhshrink)


class LeakyReLU(_Activation):
    """x where it is positive, else negative_slope * x."""

    function, options = staticmethod(F.leaky_relu), ("negative_slope",)

    @checked
    def __init__(self, negative_slope: float = 1e-2, inplace: bool = False) -> None:
        super().__init__()
        self.negative_slope, self.inplace = negative_slope, inplace


class ELU(_Activation):
    """x where it is positive, else alpha * (exp(x) - 1)."""

    function, options = staticmethod(F.elu), ("alpha",)

    @checked
    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha, self.inplace = alpha, inplace


class CELU(ELU):
    """x where it is positive, else alpha * (exp(x / alpha) - 1)."""

    function = staticmethod(F.celu)


class Hardtanh(_Activation):
    """x, but not below `min_val` nor above `max_val`."""

    function, options = staticmethod(F.hardtanh), ("min_val", "max_val")

    @checked
    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.min_val, self.max_val, self.inplace = min_val, max_val, inplace


class Threshold(_Activation):
    """x where it is greater than `threshold`, else `value`."""

    function, options = staticmethod(F.threshold), ("threshold", "value")

    @checked
    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__()
        self.threshold, self.value, self.inplace = threshold, value, inplace


class GELU(_Activation):
    """x times the share of the normal distribution below x; approximate: "none", or "tanh" for a formula close to it."""

    function, options = staticmethod(F.gelu), ("approximate",)

    @checked
    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        self.approximate = approximate


class Softplus(_Activation):
    """log(1 + exp(beta * x)) / beta, but x itself where beta * x > threshold."""

    function, options = staticmethod(F.softplus), ("beta", "threshold")

    @checked
    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta, self.threshold = beta, threshold


class Softshrink(_Activation):
    """x, moved towards 0 by `lambd`, and 0 where |x| <= lambd."""

    function, options = staticmethod(F.softshrink), ("lambd",)

    @checked
    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def extra_repr(self) -> str:
        return str(self.lambd)


class Hardshrink(Softshrink):
    """x where |x| > lambd, else 0."""

    function = staticmethod(F.hardshrink)


class RReLU(_Activation):
    """`LeakyReLU` with slopes drawn evenly from [lower, upper] for each element in training, and their middle in evaluation."""

    options = ("lower", "upper")

    @checked
    def __init__(self, lower: float = 1 / 8, upper: float = 1 / 3, inplace: bool = False) -> None:
        super().__init__()
        self.lower, self.upper, self.inplace = lower, upper, inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.rrelu(input, self.lower, self.upper, self.training)


class PReLU(Module):
    """x where it is positive, else weight * x, with a learned weight for each of `num_parameters` channels, or one for all.

    init: what the weights are at the beginning. State: weight (num_parameters,).
    """

    @checked
    def __init__(
        self, num_parameters: int = 1, init: float = 0.25, *, device: DeviceLike = None, dtype: np.dtype | type = np.float32
    ) -> None:
        super().__init__()
        check_length("num_parameters", num_parameters)
        self.num_parameters, self.init = num_parameters, init
        self.weight = new_parameter(num_parameters, dtype, device)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set all weights to `init`."""
        initialise.constant_(self.weight, self.init)

    def forward(self, input: Tensor) -> Tensor:
        return F.prelu(input, self.weight)

    def extra_repr(self) -> str:
        return f"num_parameters={self.num_parameters}"


class _AlongDim(_Activation):
    """A layer whose only option is the dimension along which it works."""

    options = ("dim",)

    @checked
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class Softmax(_AlongDim):
    """exp(x) divided by its sum along `dim`."""

    function = staticmethod(F.softmax)


class LogSoftmax(_AlongDim):
    """The logarithm of `Softmax`."""

    function = staticmethod(F.log_softmax)


class Softmin(_AlongDim):
    """The softmax of -x."""

    function = staticmethod(F.softmin)


class GLU(_AlongDim):
    """a * sigmoid(b), where a and b are the halves of x along `dim`."""

    function = staticmethod(F.glu)

    @checked
    def __init__(self, dim: int = -1) -> None:
        super().__init__(dim)


class Softmax2d(Module):
    """Softmax over the channels of images (N, C, H, W) or (C, H, W)."""

    def forward(self, input: Tensor) -> Tensor:
        check_floating("input", input)
        if input.ndim not in (3, 4):
            raise ValueError(f"input: got shape {input.shape}, expected images (N, C, H, W), or one image (C, H, W)")
        return F.softmax(input, -3)
