"""What the members of the array class are made of: its flags, methods that NumPy has as well, operators."""

from collections.abc import Callable
from typing import Any

import numpy as np

from . import core, dispatch, reductions, ufuncs
from .names import check_call


class Flags:
    """The three that CuPy has."""

    def __init__(self, c_contiguous: bool, f_contiguous: bool, owndata: bool) -> None:
        self.c_contiguous, self.f_contiguous, self.owndata = c_contiguous, f_contiguous, owndata

    @property
    def forc(self) -> bool:
        return self.f_contiguous or self.c_contiguous

    @property
    def fnc(self) -> bool:
        return self.f_contiguous and not self.c_contiguous

    def __getitem__(self, name: str) -> bool:
        return {"C_CONTIGUOUS": self.c_contiguous, "F_CONTIGUOUS": self.f_contiguous, "OWNDATA": self.owndata}[name]


def method(name: str, function: Callable | None = None) -> Callable:
    """A method that NumPy's arrays have as well, with CuPy's signature."""
    compute = function or getattr(np.ndarray, name)

    def method(self: "core.Array", *args: Any, **kwargs: Any) -> Any:
        return dispatch.call(name, compute, (self, *args), kwargs, "ndarray")

    method.__name__ = name
    return method


def reduction(name: str) -> Callable:
    def method(self: "core.Array", *args: Any, **kwargs: Any) -> "core.Array":
        given = check_call("ndarray", name, (self, *args), kwargs)
        return reductions.reduce(name, given.pop("self"), **given)

    method.__name__ = name
    return method


def binary(name: str, swapped: bool = False) -> Callable:
    def method(self: "core.Array", other: Any) -> Any:
        # The other's own operator comes first where it says so (NEP 13), or by its priority where it says nothing.
        priority = getattr(other, "__array_priority__", 0)
        if (other.__array_ufunc__ is None if hasattr(other, "__array_ufunc__") else priority > self.__array_priority__):
            return NotImplemented
        return getattr(np, name)(other, self) if swapped else getattr(np, name)(self, other)

    return method


def in_place(name: str) -> Callable:
    def method(self: "core.Array", other: Any) -> "core.Array":
        ufuncs.ufunc(name)(self, other, self)
        return self

    return method
