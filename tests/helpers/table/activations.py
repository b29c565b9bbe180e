"""Activation functions and softmax."""

from collections.abc import Callable

import numpy as np
from numpy.random import Generator

from minitorch_cv.testing import Domain
from table.row import BOTH, Bad, Call, Row, Values, bad, call, either, some_dim, some_shape

WIDE = Domain(-5, 5)
INTEGERS = np.ones(3, int)
X = np.ones((2, 4))


def one_tensor(rng: Generator, values: Values) -> Call:
    return call(values(*some_shape(rng)))


def with_options(**options: Callable[[Generator], object]) -> Callable[[Generator, Values], Call]:
    """One tensor, and options that are drawn, or left out together in a third of all calls."""

    def draw(rng: Generator, values: Values) -> Call:
        x = values(*some_shape(rng))
        return call(x) if rng.random() < 1 / 3 else call(x, **{name: option(rng) for name, option in options.items()})

    return draw


def one_of(*numbers: object) -> Callable[[Generator], object]:
    return lambda rng: either(rng, *numbers)


def simple(name: str, *kinks: float, wrong: tuple[Bad, ...] = (), torch: str | None = "", **options: Callable) -> Row:
    """A row of a function of one tensor that has a kernel."""
    draw = with_options(**options) if options else one_tensor
    return Row(name, draw, Domain(-7, 7, kinks), BOTH, torch=torch, bad=(bad(TypeError, "input: got dtype int64", INTEGERS), *wrong))


def _hardtanh(rng: Generator, values: Values) -> Call:
    ends = {"min_val": -1.5, "max_val": 2.5} if rng.random() < 0.5 else {}
    return call(values(*some_shape(rng), domain=Domain(-4, 4, (-1.5, -1, 1, 2.5))), **ends)


def _prelu(rng: Generator, values: Values) -> Call:
    shape = some_shape(rng, 1)
    channels = shape[1] if len(shape) > 1 else 1
    return call(values(*shape), values(either(rng, 1, channels), domain=Domain(-1, 1)))


def _threshold(rng: Generator, values: Values) -> Call:
    return call(values(*some_shape(rng)), 1.0, float(either(rng, -7, 1, 3)))


def _rrelu(rng: Generator, values: Values) -> Call:
    return call(values(*some_shape(rng)), lower=float(either(rng, 0.1, -0.2)), upper=float(either(rng, 0.1, 0.5)))


def _rrelu_in_training(rng: Generator, values: Values) -> Call:
    args, options = _rrelu(rng, values)
    return call(*args, **options, training=True)


def _glu(rng: Generator, values: Values) -> Call:
    shape = [2 * length for length in some_shape(rng, 1, 3, 3)]
    return call(values(*shape), dim=some_dim(rng, tuple(shape)))


def _along(rng: Generator, values: Values) -> Call:
    shape = some_shape(rng, 1)
    return call(values(*shape), some_dim(rng, shape))


def _with_temperature(rng: Generator, values: Values) -> Call:
    args, options = _along(rng, values)
    return call(*args, **options, temperature=float(either(rng, 0.5, 3)))


ALONG = (
    bad(IndexError, "dim: got 2", X, 2),
    bad(TypeError, "dim: got None", X, None),
    bad(TypeError, "input: got dtype int64", INTEGERS, 0),
)
TEMPERATURE = tuple(bad(ValueError, f"temperature: got {number}", X, 1, temperature=number) for number in (0, -1.0, np.nan))

ROWS = [
    simple("relu", 0),
    simple("relu6", 0, 6),
    simple("leaky_relu", 0, negative_slope=one_of(0.2, 0.0, -0.5, 1.5)),
    simple("elu", 0, alpha=one_of(0.5, 2.0)),
    simple("selu", 0),
    simple("celu", 0, alpha=one_of(0.5, 2.0, -1.5), wrong=(bad(ValueError, "alpha: got 0", X, 0),)),
    simple("hardsigmoid", -3, 3, torch=None),  # in float64, PyTorch's gradient is 1/6 as float32 has it
    simple("hardswish", -3, 3),
    simple("hardshrink", -1, -0.5, 0.5, 1, lambd=one_of(1.0, 0.5)),
    simple("softshrink", -1, -0.5, 0, 0.5, 1, lambd=one_of(1.0, 0.5, 0.0), wrong=(bad(ValueError, "lambd: got -1", X, -1),)),
    simple("tanh"),
    simple("tanhshrink"),
    simple("logsigmoid"),
    simple("silu"),
    simple("mish"),
    simple("gelu", approximate=one_of("none", "tanh"), wrong=(bad(ValueError, "approximate: got 'erf'", X, "erf"),)),
    simple("softplus", 0.5, 1, 4, beta=one_of(1.0, 2.0, 0.5), threshold=one_of(2.0, 20.0),
           wrong=(bad(ValueError, "beta: got 0", X, 0),)),
    simple("softsign", 0),
    Row("sigmoid", one_tensor, WIDE, BOTH),
    Row("erf", one_tensor, WIDE, BOTH),
    Row("hardtanh", _hardtanh, backends=BOTH, bad=(bad(ValueError, "min_val: got 2", X, 2.0, 1.0),)),
    Row("threshold", _threshold, Domain(-5, 5, (1,)), BOTH),
    Row("prelu", _prelu, Domain(-2, 2, (0,)), BOTH, bad=(
        bad(ValueError, r"weight: got shape \(3,\)", X, np.ones(3)),
        bad(TypeError, "weight: got float32", X, np.ones(4, np.float32)),
    )),
    Row("rrelu", _rrelu, Domain(-2, 2, (0,)), BOTH, bad=(bad(ValueError, "lower: got 0.5", X, 0.5, 0.25),)),
    Row("rrelu", _rrelu_in_training, Domain(-2, 2, (0,)), variant="training", torch=None),
    Row("glu", _glu, WIDE, BOTH, bad=(
        bad(ValueError, r"input: got shape \(2, 3\), expected an even length", np.ones((2, 3))),
        bad(IndexError, "dim: got 5", X, 5),
    )),
    Row("softmax", _along, WIDE, BOTH, bad=ALONG + TEMPERATURE),
    Row("log_softmax", _along, WIDE, BOTH, bad=ALONG + TEMPERATURE),
    Row("softmin", _along, WIDE, BOTH, bad=ALONG),
    Row("softmax", _with_temperature, WIDE, BOTH, variant="temperature", torch=None),
    Row("log_softmax", _with_temperature, WIDE, BOTH, variant="temperature", torch=None),
]  # fmt: skip
