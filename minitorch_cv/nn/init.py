r"""Initial values of parameters, drawn in place; names and defaults are those of `torch.nn.init`.

The idea behind the scaled ones: a layer that sums fan_in products x*w with independent entries multiplies the variance
by fan_in * Var(w). With Var(w) = gain^2 / fan_in a signal keeps its size through many layers, where gain makes up for
what the activation takes away (ReLU zeroes half: gain sqrt(2)). For gradients, which travel backward, fan_out stands in
the place of fan_in.

- Glorot and Bengio 2010 ("Xavier"): Var(w) = gain^2 * 2 / (fan_in + fan_out), between the two.
- He et al. 2015 ("Kaiming"): Var(w) = gain^2 / fan_in or gain^2 / fan_out.
- Saxe et al. 2014: an orthogonal matrix keeps the length of every signal, not only on average.
- Mishkin and Matas 2016: measure the variance layer by layer, and divide by it (`lsuv_`).

A uniform distribution on [-b, b] has the variance b^2 / 3. All functions fill the tensor that they are given, outside
the graph, and return it. The numbers come from the stream "init" of `minitorch_cv.random`, or from the NumPy
`generator` given, drawn in C order whatever the memory order, so that a seed means the same values everywhere.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from minitorch_cv import random
from minitorch_cv.autograd import no_grad
from minitorch_cv.tensor import Tensor

if TYPE_CHECKING:
    from minitorch_cv.nn.module import Module

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


def trunc_normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0, generator: np.random.Generator | None = None
) -> Tensor:
    """Normal with mean `mean` and standard deviation `std`, of which only what lies between `a` and `b` is taken.

    a and b are values, not multiples of std: with std = 0.02, as networks use it, the default bounds cut nothing off.
    """
    if not std > 0:
        raise ValueError(f"std: got {std}, expected a positive number")
    if not a < b:
        raise ValueError(f"a: got {a}, expected less than b = {b}")
    return _fill(tensor, lambda: _truncated_normal(generator or random.generator("init"), tensor.shape, mean, std, a, b))


def _truncated_normal(
    generator: np.random.Generator, shape: tuple[int, ...], mean: float, std: float, a: float, b: float
) -> np.ndarray:
    """Draw, look what is outside, draw that again: from the normal distribution, or uniformly where little of it lies between the bounds.

    A uniform draw x is kept with the probability density(x) / (largest density between the bounds).
    """
    inside = math.erf((b - mean) / std / math.sqrt(2)) / 2 - math.erf((a - mean) / std / math.sqrt(2)) / 2
    likeliest = (min(max(mean, a), b) - mean) / std
    values = np.empty(math.prod(shape))
    wrong = np.arange(values.size)
    while wrong.size:
        if inside > 0.3:
            values[wrong] = draws = generator.normal(mean, std, wrong.size)
            wrong = wrong[(draws < a) | (draws > b)]
        else:
            values[wrong] = draws = generator.uniform(a, b, wrong.size)
            log_density = (likeliest**2 - ((draws - mean) / std) ** 2) / 2  # the logarithm of the ratio above
            wrong = wrong[np.log1p(-generator.random(wrong.size)) > log_density]
    return values.reshape(shape)


def orthogonal_(tensor: Tensor, gain: float = 1.0, generator: np.random.Generator | None = None) -> Tensor:
    """A random orthogonal matrix times `gain`; of (OUT, IN, ...) as a matrix of OUT rows, the shorter side is orthonormal.

    Saxe, McClelland, Ganguli: Exact solutions to the nonlinear dynamics of learning in deep linear neural networks (ICLR 2014).
    """
    if tensor.ndim < 2:
        raise ValueError(f"tensor: got shape {tensor.shape}, expected at least 2 dimensions: (out, in, ...)")

    def draw() -> np.ndarray:
        rows, columns = tensor.shape[0], math.prod(tensor.shape[1:])
        matrix = (generator or random.generator("init")).normal(0.0, 1.0, (rows, columns))
        q, r = np.linalg.qr(matrix if rows >= columns else matrix.T)
        q *= np.where(np.diagonal(r) < 0, -1.0, 1.0)  # else the signs of r's diagonal, LAPACK's habit, would make q less random
        return gain * (q if rows >= columns else q.T).reshape(tensor.shape)

    return _fill(tensor, draw)


def eye_(tensor: Tensor) -> Tensor:
    """The identity matrix: ones where the row is the column."""
    if tensor.ndim != 2:
        raise ValueError(f"tensor: got shape {tensor.shape}, expected 2 dimensions")
    return _fill(tensor, lambda: np.eye(tensor.shape[0], tensor.shape[1]))


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """A convolution (OUT, IN, ...) that passes as many channels on, unchanged, as there are; in each of `groups` groups of outputs."""
    if tensor.ndim not in (3, 4, 5):
        raise ValueError(f"tensor: got shape {tensor.shape}, expected 3, 4 or 5 dimensions: (out, in, ...)")
    if groups < 1 or tensor.shape[0] % groups:
        raise ValueError(f"groups: got {groups}, expected a divisor of the {tensor.shape[0]} output channels")

    def draw() -> np.ndarray:
        values = np.zeros(tensor.shape)
        outputs = tensor.shape[0] // groups  # of one group
        middle = tuple(size // 2 for size in tensor.shape[2:])
        for group in range(groups):
            for channel in range(min(outputs, tensor.shape[1])):
                values[(group * outputs + channel, channel, *middle)] = 1
        return values

    return _fill(tensor, draw)


def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: np.random.Generator | None = None) -> Tensor:
    """Normal with standard deviation `std`, but zero in the part `sparsity` of each column of a matrix, at random rows (Martens 2010)."""
    if tensor.ndim != 2:
        raise ValueError(f"tensor: got shape {tensor.shape}, expected 2 dimensions")
    if not 0 <= sparsity <= 1:
        raise ValueError(f"sparsity: got {sparsity}, expected a number from 0 to 1")

    def draw() -> np.ndarray:
        numbers = generator or random.generator("init")
        values = numbers.normal(0.0, std, tensor.shape)
        shuffled = numbers.random(tensor.shape).argsort(axis=0)  # each column: the numbers of the rows, in random order
        values[shuffled < math.ceil(sparsity * tensor.shape[0])] = 0
        return values

    return _fill(tensor, draw)


def default_weight_and_bias_(weight: Tensor, bias: Tensor | None) -> None:
    """What PyTorch gives convolutions and linear layers: both uniform on [-1/sqrt(fan_in), 1/sqrt(fan_in)].

    PyTorch writes it as `kaiming_uniform_` with a = sqrt(5), of which the bound is sqrt(3) * sqrt(2 / (1 + 5)) / sqrt(fan_in).
    """
    kaiming_uniform_(weight, a=math.sqrt(5))
    if bias is not None:
        bound = 1 / math.sqrt(max(1, _calculate_fan_in_and_fan_out(weight)[0]))
        uniform_(bias, -bound, bound)


# --- Layer-sequential unit variance ---


def lsuv_(model: "Module", batch: Tensor, tol: float = 0.1, max_iter: int = 10, generator: np.random.Generator | None = None) -> "Module":
    """Orthogonal weights, each then scaled so that its layer answers to `batch`, (N, C, H, W) say, with outputs of variance 1.

    Layer by layer, convolutions and linear layers, in the order in which they run: while the variance of the layer's output differs from 1
    by `tol` or more, its weight is divided by the root of that variance, at most `max_iter` times. Biases begin at zero. A layer whose
    output is constant, and one that the batch never reaches, keep their orthogonal weights. The model runs in the mode it is in;
    running statistics are afterwards what they were. Returns the model.

    Mishkin, Matas: All you need is a good init (ICLR 2016), algorithm 1.
    """
    if not tol > 0:
        raise ValueError(f"tol: got {tol}, expected a positive number")
    if max_iter < 0:
        raise ValueError(f"max_iter: got {max_iter}, expected 0 or more")
    from minitorch_cv.nn.conv import Conv2d, ConvTranspose2d  # here, since they import this module
    from minitorch_cv.nn.linear import Linear

    layers = [module for module in model.modules() if isinstance(module, Conv2d | ConvTranspose2d | Linear)]
    if any(layer.weight.is_meta for layer in layers):
        return model  # shapes only, as with all initialisers
    for layer in layers:
        orthogonal_(layer.weight, generator=generator)
        if layer.bias is not None:
            zeros_(layer.bias)
    with no_grad(), _buffers_kept(model):
        for name, layer in _in_order_of_execution(model, layers, batch):
            _scale(model, name, layer, batch, tol, max_iter)
    return model


class _FarEnough(Exception):
    """Ends a forward pass at the layer that is looked at; what comes after it does not matter yet."""


def _scale(model: "Module", name: str, layer: "Module", batch: Tensor, tol: float, max_iter: int) -> None:
    for _ in range(max_iter):
        variance = float(np.var(_output(model, layer, batch).data, dtype=np.float64))
        if not np.isfinite(variance):
            raise ValueError(f"batch: the output of {name} has the variance {variance}, expected finite numbers")
        if variance == 0 or abs(variance - 1) < tol:
            return
        layer.weight.copy_(layer.weight / variance**0.5)


def _output(model: "Module", layer: "Module", batch: Tensor) -> Tensor:
    """What `layer` answers when the batch first reaches it."""
    found: list[Tensor] = []

    def stop(module: "Module", args: tuple, output: Tensor) -> None:
        found.append(output)
        raise _FarEnough

    with layer.register_forward_hook(stop), suppress(_FarEnough):
        model(batch)
    return found[0]


def _in_order_of_execution(model: "Module", layers: list[Any], batch: Tensor) -> list[tuple[str, Any]]:
    """(path, layer) of those layers that the batch reaches, first come first; a weight that several share comes once."""
    names = {id(module): name for name, module in model.named_modules()}
    order: dict[int, tuple[str, Any]] = {}

    def note(module: Any, args: tuple) -> None:
        order.setdefault(id(module.weight), (names[id(module)], module))

    handles = [layer.register_forward_pre_hook(note) for layer in layers]
    try:
        model(batch)
    finally:
        for handle in handles:
            handle.remove()
    return list(order.values())


@contextmanager
def _buffers_kept(model: "Module") -> Iterator[None]:
    """Inside the block buffers may change; after it they are what they were."""
    before = [(buffer, buffer.data.copy()) for buffer in model.buffers()]
    try:
        yield
    finally:
        with no_grad():
            for buffer, values in before:
                buffer.copy_(Tensor(values))
