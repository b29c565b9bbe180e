"""Arithmetic and other functions element by element, choices, comparisons, changes in place, conversions."""

import math
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
from numpy.random import Generator

from minitorch_cv.testing import Domain
from table.row import Call, Row, Values, bad, call, constant, either, some_shape

POSITIVE = Domain(0.1, 3)
APART = Domain(kinks=(0,))
INTEGERS = tuple(range(-3, 4))

UNARY = {
    "exp": Domain(), "exp2": Domain(), "expm1": Domain(), "log": POSITIVE, "log2": POSITIVE, "log10": POSITIVE, "log1p": Domain(-0.9, 3),
    "sqrt": POSITIVE, "rsqrt": POSITIVE, "reciprocal": POSITIVE, "square": Domain(), "neg": Domain(), "abs": APART,
    "sin": Domain(), "cos": Domain(), "tan": Domain(-1.4, 1.4), "asin": Domain(-0.9, 0.9), "acos": Domain(-0.9, 0.9), "atan": Domain(),
    "sinh": Domain(), "cosh": Domain(), "asinh": Domain(), "acosh": Domain(1.1, 3), "atanh": Domain(-0.9, 0.9),
    "floor": Domain(-3, 3, INTEGERS), "ceil": Domain(-3, 3, INTEGERS), "trunc": Domain(-3, 3, INTEGERS), "sign": APART,
    "clone": Domain(), "contiguous": Domain(),
}  # fmt: skip


def broadcastable(rng: Generator) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Two shapes that are broadcast against each other: lengths of 1 on either side, and fewer dimensions on one."""
    full = some_shape(rng)
    first, second = (tuple(1 if rng.random() < 0.2 else n for n in full) for _ in range(2))
    cut = int(rng.integers(0, len(full) + 1)) if rng.random() < 0.5 else 0
    return (first, second[cut:]) if rng.random() < 0.5 else (first[cut:], second)


def mask(rng: Generator, shape: tuple[int, ...]) -> Any:
    return constant(rng.random(shape) < 0.5)


def _one(rng: Generator, values: Values) -> Call:
    return call(values(*some_shape(rng)))


def _two(rng: Generator, values: Values) -> Call:
    first, second = broadcastable(rng)
    return call(values(*first), values(*second))


def _two_distinct(rng: Generator, values: Values) -> Call:
    first, second = broadcastable(rng)
    both = values(math.prod(first) + math.prod(second))
    return call(both[: math.prod(first)].reshape(first), both[math.prod(first) :].reshape(second))


def _scaled(rng: Generator, values: Values) -> Call:
    return call(*_two(rng, values).args, alpha=either(rng, 1, 2, -0.5))


def _divided(rng: Generator, values: Values) -> Call:
    """The divisor stays away from 0."""
    first, second = broadcastable(rng)
    return call(values(*first), values(*second, domain=POSITIVE) * rng.choice([-1, 1], second))


def _away_from_multiples(rng: Generator, values: Values) -> tuple[np.ndarray, np.ndarray]:
    shape = some_shape(rng)
    y = values(*shape, domain=Domain(0.5, 2)) * rng.choice([-1, 1], shape)
    x = y * (rng.integers(-3, 4, shape) + values(*shape, domain=Domain(0.1, 0.9)))
    return x.astype(np.float32).astype(np.float64), y


def _whole(rng: Generator, values: Values) -> Call:
    return call(*_away_from_multiples(rng, values))


def _rounded_quotient(rng: Generator, values: Values) -> Call:
    return call(*_away_from_multiples(rng, values), rounding_mode=either(rng, "floor", "trunc"))


def _power_of_number(rng: Generator, values: Values) -> Call:
    return call(values(*some_shape(rng)), either(rng, 0, 1, 2, 3, -1, 0.5, -1.5))


def _lerp(rng: Generator, values: Values) -> Call:
    first, second = broadcastable(rng)
    return call(values(*first), values(*second), either(rng, 0.3, 0.8, values(*second)))


def _add_product(rng: Generator, values: Values) -> Call:
    first, second = broadcastable(rng)
    return call(values(*first), values(*second), values(*first), value=either(rng, 1, -0.5))


def _add_quotient(rng: Generator, values: Values) -> Call:
    first, second = broadcastable(rng)
    return call(values(*first), values(*second), values(*first, domain=POSITIVE), value=either(rng, 1, -0.5))


def _rounded(rng: Generator, values: Values) -> Call:
    return call(values(*some_shape(rng)), decimals=either(rng, 0, -1))


def _where(rng: Generator, values: Values) -> Call:
    first, second = broadcastable(rng)
    return call(mask(rng, first), values(*second), values(*first))


def _masked_fill(rng: Generator, values: Values) -> Call:
    first, second = broadcastable(rng)
    return call(values(*first), mask(rng, second), either(rng, -1.5, values()))


def _clamp(rng: Generator, values: Values) -> Call:
    return call(values(*some_shape(rng)), *either(rng, (-1, 1), (None, 1), (-1, None), (-1.0, None), (1, -1)))


def _clamp_tensors(rng: Generator, values: Values) -> Call:
    first, second = broadcastable(rng)
    x, low, high = values(*first), values(*second, domain=Domain(-1.5, -0.5)), values(*second, domain=Domain(0.5, 1.5))
    x = np.where(np.abs(x - low) < 0.02, 0.0, np.where(np.abs(x - high) < 0.02, 0.0, x))
    return call(x, *either(rng, (low, high), (low, None), (None, high), (high, low)))


def _bits(rng: Generator, values: Values) -> Call:
    first, second = broadcastable(rng)
    if rng.random() < 0.5:
        return call(mask(rng, first), mask(rng, second))
    return call(*(constant(rng.integers(-9, 9, shape)) for shape in (first, second)))


def _isclose(rng: Generator, values: Values) -> Call:
    shape = some_shape(rng)
    x = values(*shape)
    near = np.asarray(x + rng.choice([0, 1e-9, 1e-3, 1], shape))
    return call(x, near, rtol=either(rng, 1e-5, 1e-2), atol=either(rng, 1e-8, 1e-2))


def in_place(name: str) -> Callable[[ModuleType], Callable]:
    """The method `name`, which changes a copy of its first argument: a leaf must not be changed."""
    return lambda library: lambda x, *args, **options: getattr(x.clone(), name)(*args, **options)


ONES = np.ones((2, 3))

ROWS = [
    *[Row(name, _one, domain) for name, domain in UNARY.items()],
    Row("round", _rounded, Domain(-29, 29, tuple(i / 2 for i in range(-57, 58, 2)))),
    Row("add", _scaled, bad=(
        bad(TypeError, "other of add: got str", ONES, "1"), bad(TypeError, "add: got tensors of", ONES, ONES.astype("f")),
    )),
    Row("sub", _scaled, bad=(bad(TypeError, "other of sub: got str", ONES, "1"),)),
    Row("mul", _two, bad=(bad(TypeError, "other of mul: got NoneType", ONES, None),)),
    Row("div", _divided),
    Row("div", _rounded_quotient, variant="rounded", bad=(bad(ValueError, "rounding_mode: got 'up'", ONES, 2, rounding_mode="up"),)),
    Row("floor_divide", _whole, torch=None, bad=(
        bad(ZeroDivisionError, "floor_divide: got an integer 0", constant(np.array([1, 2])), constant(np.array([1, 0]))),
    )),
    Row("remainder", _whole, bad=(bad(ZeroDivisionError, "remainder: got an integer 0", constant(np.array([1, 2])), 0),)),
    Row("pow", _power_of_number, POSITIVE, variant="number"),
    Row("pow", _two, POSITIVE, variant="tensors"),
    Row("lerp", _lerp),
    Row("addcmul", _add_product),
    Row("addcdiv", _add_quotient),
    Row("where", _where, bad=(bad(TypeError, "condition: got float64", ONES, ONES, ONES),)),
    Row("masked_fill", _masked_fill, bad=(
        bad(TypeError, "mask: got float64", ONES, ONES, 0), bad(ValueError, "value: got shape", ONES, constant(ONES > 0), ONES),
    )),
    Row("maximum", _two_distinct, Domain(distinct=True)),
    Row("minimum", _two_distinct, Domain(distinct=True)),
    Row("clamp", _clamp, Domain(kinks=(-1, 1)), variant="numbers", bad=(bad(ValueError, "min, max: got None", ONES),)),
    Row("clamp", _clamp_tensors, variant="tensors", bad=(bad(TypeError, "min of clamp: got str", ONES, min="0", max=ONES),)),
    *[Row(name, _two, differentiable=False) for name in ("eq", "ne", "lt", "le", "gt", "ge", "logical_and", "logical_or", "logical_xor")],
    *[Row(name, _one, differentiable=False) for name in ("logical_not", "isnan", "isinf", "isfinite")],
    *[Row(name, _bits, differentiable=False) for name in ("bitwise_and", "bitwise_or", "bitwise_xor")],
    Row("bitwise_not", lambda rng, values: call(_bits(rng, values).args[0]), differentiable=False),
    Row("isclose", _isclose, differentiable=False, float32=None),
    Row("allclose", _isclose, differentiable=False, float32=None, shape_only=False),
    Row("to", lambda rng, values: call(values(*some_shape(rng)), dtype=np.float64), float32=None, torch=None, bad=(
        bad(TypeError, "dtype: got", ONES, "nonsense"),
    )),
]  # fmt: skip


def _same_shape(rng: Generator, values: Values) -> Call:
    shape = some_shape(rng)
    return call(values(*shape), values(*shape[int(rng.integers(0, len(shape) + 1)) :]))


def _by_a_constant(rng: Generator, values: Values) -> Call:
    """A gradient that needs what was overwritten is refused: that of x *= y with respect to y, and that of x **= y."""
    x, y = _same_shape(rng, values).args
    return call(x, constant(y))


def _constants(rng: Generator, values: Values) -> Call:
    return call(*map(constant, _same_shape(rng, values).args))


IN_PLACE = {
    "add_": lambda rng, values: call(*_same_shape(rng, values).args, alpha=either(rng, 1, 3)),
    "sub_": lambda rng, values: call(*_same_shape(rng, values).args, alpha=either(rng, 1, 3)),
    "mul_": _by_a_constant,
    "div_": _same_shape,
    "copy_": _same_shape,
    "floor_divide_": _whole,
    "remainder_": _whole,
    "clamp_": lambda rng, values: call(values(*some_shape(rng)), 0.5, 2),
    "masked_fill_": lambda rng, values: call(values(*(shape := some_shape(rng))), mask(rng, shape), 4),
    "fill_": lambda rng, values: call(values(*some_shape(rng)), 4),
    "zero_": _one,
}

ROWS += [
    Row(name, draw, Domain(0.1, 3, (0.5, 2)), run=in_place(name), torch=None if name == "floor_divide_" else "")
    for name, draw in IN_PLACE.items()
]
ROWS.append(Row("pow_", _constants, POSITIVE, run=in_place("pow_"), differentiable=False))
