"""The loops that CuPy has for a function, "ee->e EE->E ff->f", and which of them it takes for given operands.

The table lists them in the order in which CuPy tries them. It takes the first that all operands can be cast to without loss, where Python
numbers adapt to the arrays beside them. So float16 plus a Python float is float16; and where there is no loop for bfloat16 (E), as in
`where` and `clip`, the result is float32.
"""

from functools import cache
from typing import Any

import numpy as np

try:
    from ml_dtypes import bfloat16

    BFLOAT16: np.dtype | None = np.dtype(bfloat16)
except ImportError:
    BFLOAT16 = None

Loop = tuple[tuple[np.dtype, ...], tuple[np.dtype, ...]]
Kind = tuple[np.dtype, type | None]  # the dtype, and the Python type of a Python number


@cache
def parsed(text: str) -> tuple[Loop, ...]:
    """The loops as dtypes; those of bfloat16 are left out where ml_dtypes is not installed."""
    pairs = [loop.split("->") for loop in text.split() if BFLOAT16 is not None or "E" not in loop]
    return tuple((_dtypes(inputs), _dtypes(outputs)) for inputs, outputs in pairs)


def _dtypes(chars: str) -> tuple[np.dtype, ...]:
    return tuple(BFLOAT16 if char == "E" and BFLOAT16 is not None else np.dtype(char) for char in chars)


def kind_of(value: Any) -> Kind:
    if type(value) is bool:
        return np.dtype(bool), None
    if type(value) in (int, float, complex):
        return np.dtype(type(value)), type(value)
    return value.dtype, None


@cache
def find(text: str, kinds: tuple[Kind, ...]) -> Loop | None:
    """The loop for operands of these kinds; None where there is none."""
    weak = [_score(kind) for kind, python in kinds if python]
    strong = [_score(kind) for kind, python in kinds if not python]
    adapt = bool(weak) and bool(strong) and max(strong) >= max(weak)
    for loop in parsed(text):
        if all(
            np.can_cast(kind, to) or (adapt and python is not None and _adapts(python, to))
            for (kind, python), to in zip(kinds, loop[0], strict=True)
        ):
            return loop
    return None


@cache
def find_by_result(text: str, dtype: np.dtype) -> Loop | None:
    """The loop whose results have this dtype."""
    return next((loop for loop in parsed(text) if all(kind == dtype for kind in loop[1])), None)


def _score(kind: np.dtype) -> int:
    return 0 if kind.kind == "b" else 1 if kind.kind in "iu" else 2


def _adapts(python: type, to: np.dtype) -> bool:
    try:
        return np.result_type(python(0), to) == to
    except TypeError:
        return False
