"""A row of the table of functions: what one function is tested on."""

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
from numpy.random import Generator

import minitorch_cv as mt
from minitorch_cv.testing import Domain

BOTH = ("numpy", "numba")
ANY = Domain()


class Call(NamedTuple):
    """Arguments of a call: float64 arrays stand for tensors with a gradient, other arrays and Tensors for those without one."""

    args: tuple
    options: dict[str, Any]


def call(*args: Any, **options: Any) -> Call:
    """The arguments of one call, written as in the call. (What NumPy computes from arrays without dimensions becomes one again.)"""
    return Call(tuple(map(_array, args)), {name: _array(value) for name, value in options.items()})


def _array(value: Any) -> Any:
    return np.asarray(value) if isinstance(value, np.floating) else value


def constant(array: np.ndarray) -> mt.Tensor:
    """A tensor without a gradient, whatever its type."""
    return mt.from_numpy(np.asarray(array))


class Bad(NamedTuple):
    """A call that must raise `error` with a message that `match` (a regular expression) finds."""

    error: type[Exception]
    match: str
    call: Call


def bad(error: type[Exception], match: str, *args: Any, **options: Any) -> Bad:
    """`error`, `match`, and the call's arguments, as in `call`."""
    return Bad(error, match, Call(args, options))


class Values:
    """Draws arrays from a row's domain: `values(2, 3)`; or from another one: `values(2, 3, domain=Domain(0, 1))`."""

    def __init__(self, rng: Generator, domain: Domain, anywhere: bool) -> None:
        self.rng, self.domain, self.anywhere = rng, domain, anywhere

    def __call__(self, *shape: int, domain: Domain | None = None) -> np.ndarray:
        domain = domain or self.domain
        return (domain.draw_anywhere if self.anywhere else domain.draw)(self.rng, *shape)


@dataclass(frozen=True)
class Row:
    """One function, or one of several ways to use it.

    name: its name in `minitorch_cv.functional`. variant: what sets this row apart from others of that name.
    draw: random arguments, `draw(rng, values)`. `values` keeps to the domain and away from its kinks, or not: see `Values`.
    domain: what its arguments are drawn from where `draw` says nothing else, with the kinks.
    backends: BOTH if it spends its time in a kernel that has a Numba version, else ("numpy",); this is checked.
    differentiable: whether it has gradients. second_order: whether these have gradients that can be compared with differences.
    float32: how far float32 may be from float64, in units of max(1, max |reference|); None: incomparable (what is drawn differs).
    shape_only: whether it runs on tensors of the device "meta"; not if shapes depend on values.
    torch: where PyTorch has it ("nn.functional.relu"); "" for the same name in torch.nn.functional, torch or torch.Tensor; None where it
    has none, or draws other random numbers.
    run: how it is called, `run(library)(*args, **options)`, where that is not `library.functional.name`; with PyTorch as library too.
    bad: calls that must fail, and how.
    """

    name: str
    draw: Callable[[Generator, Values], Call]
    domain: Domain = ANY
    backends: tuple[str, ...] = ("numpy",)
    variant: str = ""
    differentiable: bool = True
    second_order: bool = True
    float32: float | None = 1e-5
    shape_only: bool = True
    torch: str | None = ""
    run: Callable[[ModuleType], Callable] | None = None
    bad: tuple[Bad, ...] = ()

    def __str__(self) -> str:
        return f"{self.name}-{self.variant}" if self.variant else self.name

    def function(self, library: ModuleType = mt) -> Callable:
        """The function in minitorch_cv, or in PyTorch."""
        if self.run is not None:
            return self.run(library)
        if library is mt:
            return getattr(mt.functional, self.name)
        if self.torch:
            found: Any = library
            for part in self.torch.split("."):
                found = getattr(found, part)
            return found
        places = (library.nn.functional, library, library.Tensor)
        return next(getattr(place, self.name) for place in places if hasattr(place, self.name))

    def drawn(self, seed: int, anywhere: bool = False) -> Call:
        """Call number `seed`; with `anywhere`, arguments may lie on kinks and be equal."""
        rng = np.random.default_rng([seed, sum(map(ord, str(self)))])
        return self.draw(rng, Values(rng, self.domain, anywhere))


# --- what many draws need


def either(rng: Generator, *values: Any) -> Any:
    """One of the values."""
    return values[rng.integers(len(values))]


def some_shape(rng: Generator, least: int = 0, most: int = 4, longest: int = 4) -> tuple[int, ...]:
    """A shape of `least` to `most` dimensions, each from 1 to `longest`."""
    return tuple(int(length) for length in rng.integers(1, longest + 1, rng.integers(least, most + 1)))


def some_pair(rng: Generator, low: int, high: int) -> tuple[int, int]:
    """Two numbers from low to high, both included; in half of all draws they are equal."""
    first, second = (int(v) for v in rng.integers(low, high + 1, 2))
    return (first, first) if rng.random() < 0.5 else (first, second)


def some_dim(rng: Generator, shape: tuple[int, ...]) -> int:
    """A dimension of the shape, counted from the front or, negative, from the end."""
    return int(rng.integers(-len(shape), len(shape)))
