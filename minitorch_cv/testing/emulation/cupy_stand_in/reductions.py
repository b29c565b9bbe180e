"""Sums and their like. Sums of float16 and bfloat16 accumulate in float32 and are rounded at the end."""

from typing import Any

import numpy as np

from . import core, loops
from .capture import blocks_of, run
from .dispatch import LOW_PRECISION, check_devices, evaluate
from .names import TABLE


def reduce(
    name: str, a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool | None = False, **more: Any
) -> "core.Array":
    """`a.<name>(axis, ...)`."""
    if not isinstance(a, core.Array):
        raise TypeError(f"Argument 'a' has incorrect type (expected {core.Array}, got {type(a)})")
    kind = np.dtype(dtype) if dtype is not None else _result(name, a.dtype)
    wide = _computed_in(name, a.dtype, kind)
    host, function = a._host, getattr(np, name)

    def value() -> np.ndarray:
        return np.asarray(function(host.astype(wide, copy=False), axis=axis, keepdims=bool(keepdims), **more)).astype(kind)

    if out is None:
        return evaluate(value, [a])
    check_devices([a, out])
    target = out._host
    if target.shape != value().shape:
        raise ValueError("Out shape is mismatched")

    def store() -> None:
        target[...] = value()

    run(store, blocks_of(a, out))
    return out


def _result(name: str, kind: np.dtype) -> np.dtype:
    if name in TABLE["loops"]:
        loop = loops.find(TABLE["loops"][name], ((kind, None),))
        if loop is None:
            raise TypeError(f"Wrong type ({kind}) of arguments for cupy_{name}")
        return loop[1][0]
    # mean, var and std, whose loops CuPy does not show.
    return np.dtype(np.float64) if kind.kind in "bui" else kind


def _computed_in(name: str, given: np.dtype, kind: np.dtype) -> np.dtype:
    if name in ("all", "any", "max", "min"):
        return np.dtype(np.float32) if given.name == "bfloat16" else given
    return np.dtype(np.float32) if kind.name in LOW_PRECISION else kind
