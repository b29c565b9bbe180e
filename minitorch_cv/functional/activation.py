"""Activation functions: element by element, but for GLU, which takes a half of the elements as gates for the other.

Three kinds share the work, each with one Function, and one for its gradient:

- ReLU, whose gradient is written in terms of its result, which is kept anyway since the next layer reads it.
- Straight lines (`Straight`): ReLU6, leaky ReLU, the hard ones, the shrinks, the threshold. Their derivatives have derivatives of 0.
- Smooth functions (`Smooth`): the kernel knows f(x) and f'(x); `SLOPES` says f'(x) once more, as differentiable functions, from which
  all higher derivatives come.

`inplace` is accepted, but the result is always a new Tensor.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

import kernels
from kernels import Pieces
from minitorch_cv.autograd import Function, vjp
from minitorch_cv.autograd.autocast import autocasts
from minitorch_cv.functional.arguments import checked
from minitorch_cv.functional.checks import check_floating
from minitorch_cv.functional.choose import where
from minitorch_cv.functional.operands import as_tensor, floating
from minitorch_cv.tensor import Operand, Tensor, method


class ReLU(Function):
    """x -> y."""

    @staticmethod
    def forward(ctx: Any, x: np.ndarray) -> np.ndarray:
        ctx.save_outputs(0)
        return kernels.relu(x)

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> tuple[Tensor]:
        return (relu_mask(gy, ctx.saved_outputs[0]),)


class ReLUMask(Function):
    """(g, y) -> g where y is positive, else 0; linear in g, and constant in y (wherever that has a derivative)."""

    @staticmethod
    def forward(ctx: Any, g: np.ndarray, y: np.ndarray) -> np.ndarray:
        ctx.save_inputs(1)
        return kernels.relu_backward(g, y)

    @staticmethod
    def backward(ctx: Any, gg: Tensor) -> tuple[Tensor | None, None]:
        return relu_mask(gg, ctx.saved_inputs[0]), None


def relu_mask(g: Tensor, y: Tensor) -> Tensor:
    """g where y = relu(x) is positive, else 0: what the gradient of ReLU does to g. A NaN in y lets g through."""
    return ReLUMask.apply(g, y.detach())


@method()
def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(x, 0), element by element; its gradient at 0 is 0. inplace: accepted, but the result is always a new Tensor."""
    check_floating("input", input)
    return ReLU.apply(input)


# --- straight lines


class Straight(Function):
    """x -> y, a straight line in each of three pieces. keep_result: y lies in the same piece as x, and serves the gradient as well."""

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, *, pieces: Pieces, keep_result: bool = False) -> np.ndarray:
        (ctx.save_outputs if keep_result else ctx.save_inputs)(0)
        return kernels.piecewise(x, pieces)

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> tuple[Tensor]:
        (kept,) = ctx.saved_outputs or ctx.saved_inputs
        return (StraightGradient.apply(gy, kept.detach(), pieces=ctx.options["pieces"]),)


class StraightGradient(Function):
    """(gy, x) -> gy times the slope where x lies; linear in gy, and constant in x (wherever that has a derivative)."""

    @staticmethod
    def forward(ctx: Any, gy: np.ndarray, x: np.ndarray, *, pieces: Pieces) -> np.ndarray:
        ctx.save_inputs(1)
        return kernels.piecewise_backward(gy, x, pieces)

    @staticmethod
    def backward(ctx: Any, ggx: Tensor) -> tuple[Tensor, None]:
        return StraightGradient.apply(ggx, ctx.saved_inputs[0], pieces=ctx.options["pieces"]), None


ZERO, SAME = (0.0, 0.0), (0.0, 1.0)  # the lines 0 and x, as (constant, slope)


@checked
def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """x, but not below `min_val` nor above `max_val`."""
    check_floating("input", input)
    if not min_val <= max_val:
        raise ValueError(f"min_val: got {min_val}, expected at most max_val = {max_val}")
    return Straight.apply(input, pieces=Pieces(min_val, max_val, (min_val, 0.0), SAME, (max_val, 0.0)), keep_result=True)


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(x, 0), 6)"""
    return hardtanh(input, 0.0, 6.0)


@checked
def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """x where it is positive, else negative_slope * x.

    (Maas et al. 2013, "Rectifier nonlinearities improve neural network acoustic models".)
    """
    check_floating("input", input)
    pieces = Pieces(0.0, math.inf, (0.0, negative_slope), SAME, SAME)
    return Straight.apply(input, pieces=pieces, keep_result=negative_slope >= 0)


@checked
def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """x where it is greater than `threshold`, else `value`."""
    check_floating("input", input)
    return Straight.apply(input, pieces=Pieces(threshold, math.inf, (value, 0.0), SAME, SAME))


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(x + 3, 0), 6) / 6"""
    check_floating("input", input)
    return Straight.apply(input, pieces=Pieces(-3.0, 3.0, ZERO, (0.5, 1 / 6), (1.0, 0.0)))


@checked
def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x where |x| > lambd, else 0."""
    check_floating("input", input)
    return Straight.apply(input, pieces=Pieces(*_outside(input, lambd), SAME, ZERO, SAME))


@checked
def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x, moved towards 0 by `lambd`, and 0 where |x| <= lambd."""
    check_floating("input", input)
    if not lambd >= 0:
        raise ValueError(f"lambd: got {lambd}, expected a number not below 0")
    return Straight.apply(input, pieces=Pieces(*_outside(input, lambd), (lambd, 1.0), ZERO, (-lambd, 1.0)))


def _outside(input: Tensor, lambd: float) -> tuple[float, float]:
    """The numbers next to -lambd and lambd, outside: `Pieces` count their ends as left and right, but here they belong to the middle."""
    beyond = np.nextafter(input.dtype.type(lambd), input.dtype.type(math.inf))
    return -float(beyond), float(beyond)


# --- smooth functions


class Smooth(Function):
    """x -> y = f(x). A subclass names f, and whether f' is known from the result y instead of x."""

    kernel: str
    from_result = False

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, *, parameters: tuple[float, ...] = ()) -> np.ndarray:
        (ctx.save_outputs if ctx.from_result else ctx.save_inputs)(0)
        return kernels.smooth(ctx.kernel, x, *parameters)

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> tuple[Tensor]:
        (kept,) = ctx.saved_outputs if ctx.from_result else ctx.saved_inputs
        return (SmoothGradient.apply(gy, kept, kernel=ctx.kernel, parameters=ctx.options.get("parameters", ())),)


class SmoothGradient(Function):
    """(gy, kept) -> gx = gy * f'(kept)."""

    @staticmethod
    def forward(ctx: Any, gy: np.ndarray, kept: np.ndarray, *, kernel: str, parameters: tuple[float, ...]) -> np.ndarray:
        ctx.save_inputs(0, 1)
        return kernels.smooth_backward(kernel, gy, kept, *parameters)

    @staticmethod
    def backward(ctx: Any, ggx: Tensor) -> tuple[Tensor | None, ...]:
        slope, parameters = SLOPES[ctx.options["kernel"]], ctx.options["parameters"]
        return vjp(lambda gy, kept: gy * slope(kept, *parameters), ctx.saved_inputs, (ggx,))


class Tanh(Smooth):
    kernel, from_result = "tanh", True


class Sigmoid(Smooth):
    kernel, from_result = "sigmoid", True


class Erf(Smooth):
    kernel = "erf"


class SiLU(Smooth):
    kernel = "silu"


class Mish(Smooth):
    kernel = "mish"


class GELU(Smooth):
    kernel = "gelu"


class GELUTanh(Smooth):
    kernel = "gelu_tanh"


class Hardswish(Smooth):
    kernel = "hardswish"


class Softsign(Smooth):
    kernel = "softsign"


class Softplus(Smooth):
    kernel = "softplus"


class ELU(Smooth):
    kernel = "elu"


@method()
def tanh(input: Tensor) -> Tensor:
    """The hyperbolic tangent, element by element."""
    check_floating("input", input)
    return Tanh.apply(input)


@method()
def sigmoid(input: Operand) -> Tensor:
    """1 / (1 + exp(-x)); of integers, as float32."""
    return Sigmoid.apply(floating(as_tensor("input", input)))


@method()
def erf(input: Operand) -> Tensor:
    """The error function: 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x; of integers, as float32."""
    return Erf.apply(floating(as_tensor("input", input)))


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """x * sigmoid(x), also called swish. (Ramachandran et al. 2017, "Searching for activation functions".)"""
    check_floating("input", input)
    return SiLU.apply(input)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """x * tanh(log(1 + exp(x))). (Misra 2019, "Mish: a self regularized non-monotonic activation function".)"""
    check_floating("input", input)
    return Mish.apply(input)


@checked
def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """x times the share of the normal distribution below x: x * (1 + erf(x / sqrt(2))) / 2.

    approximate: "tanh" for x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))) / 2, which differs by less than 0.0005.
    (Hendrycks & Gimpel 2016, "Gaussian error linear units".)
    """
    check_floating("input", input)
    if approximate not in ("none", "tanh"):
        raise ValueError(f"approximate: got {approximate!r}, expected 'none' or 'tanh'")
    return (GELU if approximate == "none" else GELUTanh).apply(input)


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """x * min(max(x + 3, 0), 6) / 6. (Howard et al. 2019, "Searching for MobileNetV3".)"""
    check_floating("input", input)
    return Hardswish.apply(input)


def softsign(input: Tensor) -> Tensor:
    """x / (1 + |x|)"""
    check_floating("input", input)
    return Softsign.apply(input)


@autocasts
@checked
def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """log(1 + exp(beta * x)) / beta, but x itself where beta * x > threshold."""
    check_floating("input", input)
    if beta == 0:
        raise ValueError("beta: got 0, expected another number")
    return Softplus.apply(input, parameters=(float(beta), float(threshold)))


@autocasts
def logsigmoid(input: Tensor) -> Tensor:
    """log(sigmoid(x)), exact also where the sigmoid itself would underflow."""
    check_floating("input", input)
    return Softplus.apply(input, parameters=(-1.0, math.inf))  # -log(1 + exp(-x))


SELU_ALPHA, SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946


@checked
def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where it is positive, else alpha * (exp(x) - 1). (Clevert et al. 2016, "Fast and accurate deep network learning by ELUs".)"""
    return _elu(input, alpha, 1.0, 1.0)


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """scale * elu(x, alpha), with the numbers that keep mean 0 and variance 1 from layer to layer.

    (Klambauer et al. 2017, "Self-normalizing neural networks".)
    """
    return _elu(input, SELU_ALPHA * SELU_SCALE, SELU_SCALE, 1.0)


@checked
def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where it is positive, else alpha * (exp(x / alpha) - 1): smooth for any alpha.

    (Barron 2017, "Continuously differentiable exponential linear units".)
    """
    if alpha == 0:
        raise ValueError("alpha: got 0, expected another number")
    return _elu(input, alpha, 1.0, 1 / alpha)


def _elu(input: Tensor, left: float, right: float, rate: float) -> Tensor:
    check_floating("input", input)
    return ELU.apply(input, parameters=(float(left), float(right), float(rate)))


def tanhshrink(input: Tensor) -> Tensor:
    """x - tanh(x)"""
    return input - tanh(input)


def _silu_slope(x: Tensor) -> Tensor:
    s = sigmoid(x)
    return s * (1 + x * (1 - s))


def _mish_slope(x: Tensor) -> Tensor:
    t = tanh(softplus(x, threshold=math.inf))
    return t + x * (1 - t * t) * sigmoid(x)


def _gelu_slope(x: Tensor) -> Tensor:
    return (1 + erf(x * math.sqrt(0.5))) * 0.5 + x * (x * x * -0.5).exp() * (1 / math.sqrt(2 * math.pi))


def _gelu_tanh_slope(x: Tensor) -> Tensor:
    scale, cube = math.sqrt(8 / math.pi), 0.044715
    s = sigmoid(scale * (x + cube * x * x * x))
    return s + x * s * (1 - s) * scale * (1 + 3 * cube * x * x)


def _hardswish_slope(x: Tensor) -> Tensor:
    return where(x <= -3, 0.0, where(x < 3, x * (1 / 3) + 0.5, 1.0))


def _softsign_slope(x: Tensor) -> Tensor:
    return (1 + x.abs()) ** -2


def _softplus_slope(x: Tensor, beta: float, threshold: float) -> Tensor:
    z = x * beta
    return where(z > threshold, 1.0, sigmoid(z))


def _elu_slope(x: Tensor, left: float, right: float, rate: float) -> Tensor:
    on = x > 0
    return where(on, right, (where(on, 0.0, x) * rate).exp() * (left * rate))


# f'(x), or in terms of y = f(x) for tanh and sigmoid
SLOPES: dict[str, Callable[..., Tensor]] = {
    "tanh": lambda y: 1 - y * y,
    "sigmoid": lambda y: y * (1 - y),
    "erf": lambda x: (-x * x).exp() * (2 / math.sqrt(math.pi)),
    "silu": _silu_slope,
    "mish": _mish_slope,
    "gelu": _gelu_slope,
    "gelu_tanh": _gelu_tanh_slope,
    "hardswish": _hardswish_slope,
    "softsign": _softsign_slope,
    "softplus": _softplus_slope,
    "elu": _elu_slope,
}
