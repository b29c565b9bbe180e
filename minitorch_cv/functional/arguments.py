"""Arguments of the wrong type: one decorator, for all public functions, that names them.

    @checked
    def leaky_relu(input: Tensor, negative_slope: float = 0.01) -> Tensor: ...

    leaky_relu(x, "steep")    # TypeError: negative_slope: got 'steep', expected a number

What a function demands beyond types (ranges, shapes) it checks itself.
"""

import inspect
from collections.abc import Callable, Sequence
from functools import wraps
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

import numpy as np

from kernels.gpu import is_gpu
from minitorch_cv.tensor import Tensor

AnyFunction = TypeVar("AnyFunction", bound=Callable)
Kinds = dict[type, str]  # types that are allowed, and what they are called

INTEGERS = {int: "an integer", np.integer: "an integer"}
NUMBERS = {float: "a number", int: "a number", np.integer: "a number", np.floating: "a number"}
KNOWN: dict[Any, Kinds] = {
    Tensor: {Tensor: "a Tensor"},
    np.ndarray: {np.ndarray: "an array"},
    int: INTEGERS,
    float: NUMBERS,
    str: {str: "a string"},
    NoneType: {NoneType: "None"},
    tuple: {tuple: "a tuple", list: "a list"},
    list: {tuple: "a tuple", list: "a list"},
    Sequence: {tuple: "a tuple", list: "a list"},
}


def checked(function: AnyFunction) -> AnyFunction:
    """`function`, with a TypeError that names the argument where one has another type than its annotation says.

    Annotations that are in no table above (`bool`, which everything can stand for, and what is computed with by duck typing) allow
    everything.
    """
    parameters = inspect.signature(function, eval_str=True).parameters.values()
    allowed = {parameter.name: _kinds(parameter.annotation) for parameter in parameters}
    by_name = {name: (tuple(kinds), kinds) for name, kinds in allowed.items() if kinds}
    positional = [
        (parameter.name, *by_name.get(parameter.name, ((object,), {})))
        for parameter in parameters
        if parameter.kind is parameter.POSITIONAL_OR_KEYWORD
    ]

    @wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        for value, (name, types, kinds) in zip(args, positional, strict=False):  # of several lengths: what is left out has a default
            if not isinstance(value, types) and not (np.ndarray in types and is_gpu(value)):
                raise _wrong(name, value, kinds)
        for name, value in options.items():
            if name in by_name and not isinstance(value, by_name[name][0]) and not (np.ndarray in by_name[name][0] and is_gpu(value)):
                raise _wrong(name, value, by_name[name][1])
        return function(*args, **options)

    return call  # type: ignore[return-value]


def _kinds(annotation: Any) -> Kinds | None:
    """The types that an annotation allows; None: everything."""
    origin = get_origin(annotation)
    if origin in (Union, UnionType):
        parts = [_kinds(part) for part in get_args(annotation)]
        return None if None in parts else {kind: name for part in parts for kind, name in (part or {}).items()}
    known = KNOWN.get(origin or annotation) if isinstance(origin or annotation, type) else None
    return None if known is None else dict(known)


def _wrong(name: str, value: Any, kinds: Kinds) -> TypeError:
    came = type(value).__name__ if set(kinds) & {Tensor, np.ndarray} else repr(value)
    return TypeError(f"{name}: got {came}, expected {' or '.join(dict.fromkeys(kinds.values()))}")
