r"""Initial values of parameters, drawn in place; names and defaults are those of `torch.nn.init`.

The idea behind the scaled ones: a layer that sums fan_in products x*w with independent entries multiplies the variance
by fan_in * Var(w). With Var(w) = gain^2 / fan_in a signal keeps its size through many layers, where gain makes up for
what the activation takes away (ReLU zeroes half: gain sqrt(2)). For gradients, which travel backward, fan_out stands in
the place of fan_in.

- Glorot and Bengio 2010 ("Xavier"): Var(w) = gain^2 * 2 / (fan_in + fan_out), between the two.
- He et al. 2015 ("Kaiming"): Var(w) = gain^2 / fan_in or gain^2 / fan_out.

A uniform distribution on [-b, b] has the variance b^2 / 3. All functions fill the tensor that they are given, outside
the graph, and return it. The numbers come from the stream "init" of `minitorch_cv.random`, or from the NumPy
`generator` given, drawn in C order whatever the memory order, so that a seed means the same values everywhere.
"""

import math
from collections.abc import Callable

import numpy as np

from minitorch_cv import random
from minitorch_cv.autograd import no_grad
from minitorch_cv.tensor import Tensor

_GAINS = {"linear": 1.0, "conv2d": 1.0, "sigmoid": 1.0, "tanh": 5 / 3, "relu": math.sqrt(2), "selu": 3 / 4}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The gain that makes up for `nonlinearity`; for "leaky_relu" sqrt(2 / (1 + slope^2)), the slope being `param`, 0.01 by default."""
    if nonlinearity == "leaky_relu":
        return math.sqrt(2 / (1 + (0.01 if param is None else param) ** 2))
    if nonlinearity not in _GAINS:
        raise ValueError(f"nonlinearity: got {nonlinearity!r}, expected one of {', '.join([*_GAINS, 'leaky_relu'])}")
    return _GAINS[nonlinearity]


def _calculate_fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    """(fan_in, fan_out) of a weight (OUT, IN, ...): IN and OUT times the number of taps of the kernel."""
    if tensor.ndim < 2:
        raise ValueError(f"tensor: got shape {tensor.shape}, expected at least 2 dimensions: (out, in, ...)")
    taps = math.prod(tensor.shape[2:])
    return tensor.shape[1] * taps, tensor.shape[0] * taps


def _fill(tensor: Tensor, values: float | Callable[[], np.ndarray]) -> Tensor:
    """Give `tensor` its values: a number, or what calling `values` draws. One without values (device "meta") stays as it is."""
    if not isinstance(tensor, Tensor):
        raise TypeError(f"tensor: got {type(tensor).__name__}, expected a Tensor")
    if tensor.is_meta:
        return tensor
    array = np.asarray(values() if callable(values) else values, tensor.dtype)
    with no_grad():
        return tensor.copy_(Tensor(np.broadcast_to(array, tensor.shape)))


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: np.random.Generator | None = None) -> Tensor:
    """Uniform between `a` and `b`."""
    if a > b:
        raise ValueError(f"a: got {a}, expected at most b = {b}")
    return _fill(tensor, lambda: (generator or random.generator("init")).uniform(a, b, tensor.shape))


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: np.random.Generator | None = None) -> Tensor:
    """Normal with mean `mean` and standard deviation `std`."""
    if std < 0:
        raise ValueError(f"std: got {std}, expected a number of at least 0")
    return _fill(tensor, lambda: (generator or random.generator("init")).normal(mean, std, tensor.shape))


def constant_(tensor: Tensor, val: float) -> Tensor:
    """`val` everywhere."""
    return _fill(tensor, val)


def zeros_(tensor: Tensor) -> Tensor:
    """Zero everywhere."""
    return _fill(tensor, 0)


def ones_(tensor: Tensor) -> Tensor:
    """One everywhere."""
    return _fill(tensor, 1)


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: np.random.Generator | None = None) -> Tensor:
    """Uniform on [-b, b], b = gain * sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio 2010)."""
    bound = gain * math.sqrt(6 / max(1, sum(_calculate_fan_in_and_fan_out(tensor))))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: np.random.Generator | None = None) -> Tensor:
    """Normal, std = gain * sqrt(2 / (fan_in + fan_out)) (Glorot and Bengio 2010)."""
    return normal_(tensor, 0.0, gain * math.sqrt(2 / max(1, sum(_calculate_fan_in_and_fan_out(tensor)))), generator)


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    fans = dict(zip(("fan_in", "fan_out"), _calculate_fan_in_and_fan_out(tensor), strict=True))
    if mode not in fans:
        raise ValueError(f"mode: got {mode!r}, expected 'fan_in' or 'fan_out'")
    return calculate_gain(nonlinearity, a) / math.sqrt(max(1, fans[mode]))


def kaiming_uniform_(
    tensor: Tensor, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", generator: np.random.Generator | None = None
) -> Tensor:
    """Uniform on [-b, b], b = gain * sqrt(3 / fan) (He et al. 2015); `a` is the slope of "leaky_relu", so the default means ReLU."""
    bound = math.sqrt(3) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", generator: np.random.Generator | None = None
) -> Tensor:
    """Normal, std = gain / sqrt(fan) (He et al. 2015); `a` is the slope of "leaky_relu", so the default means ReLU."""
    return normal_(tensor, 0.0, _kaiming_std(tensor, a, mode, nonlinearity), generator)


def default_weight_and_bias_(weight: Tensor, bias: Tensor | None) -> None:
    """What PyTorch gives convolutions and linear layers: both uniform on [-1/sqrt(fan_in), 1/sqrt(fan_in)].

    PyTorch writes it as `kaiming_uniform_` with a = sqrt(5), of which the bound is sqrt(3) * sqrt(2 / (1 + 5)) / sqrt(fan_in).
    """
    kaiming_uniform_(weight, a=math.sqrt(5))
    if bias is not None:
        bound = 1 / math.sqrt(max(1, _calculate_fan_in_and_fan_out(weight)[0]))
        uniform_(bias, -bound, bound)
