"""CuPy's ufuncs: its choice of a loop, NumPy's computation."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from . import core, creation, loops
from .capture import blocks_of, run
from .dispatch import check_devices, refuse_numpy
from .names import TABLE

SCALARS = (bool, int, float, complex, np.generic)


class UFunc:
    """`cupy.<name>`: `nin` inputs, `nout` outputs, the `types` of its loops, computed by NumPy's `function`."""

    def __init__(self, name: str, text: str, function: Callable | None) -> None:
        self.name = self.__name__ = name
        self.types = text.split()
        inputs, outputs = self.types[0].split("->")
        self.nin, self.nout = len(inputs), len(outputs)
        self._text, self._numpy = text, function

    def __repr__(self) -> str:
        return f"<ufunc 'cupy_{self.name}'>"

    def __call__(self, *args: Any, out: Any = None, dtype: Any = None, casting: str = "same_kind", **kwargs: Any) -> Any:
        if kwargs:
            raise TypeError(f"Wrong arguments {kwargs}")
        if not self.nin <= len(args) <= self.nin + self.nout:
            raise TypeError(f"cupy.{self.name}: got {len(args)} arguments, expected {self.nin} or {self.nin + self.nout} (with outputs)")
        if self._numpy is None:
            raise NotImplementedError(f"cupy.{self.name} is not emulated: NumPy has no function of this name")
        inputs, outs = args[: self.nin], args[self.nin :]
        if out is not None:
            if outs:
                raise ValueError("Cannot specify 'out' as both a positional and keyword argument")
            outs = out if isinstance(out, tuple) else (out,)
        outs = outs or (None,) * self.nout
        if len(outs) != self.nout:
            raise ValueError("The 'out' tuple must have exactly one entry per ufunc output")
        found = [a for a in (*inputs, *outs) if isinstance(a, core.Array)]
        refuse_numpy(inputs)
        check_devices(found)
        for value in inputs:
            if not isinstance(value, (core.Array, *SCALARS)):
                raise TypeError(f"Unsupported type {type(value)}")
        in_types, out_types = self._loop(inputs, dtype)
        shape = np.broadcast_shapes(*[a.shape for a in found])
        results = [self._output(given, shape, kind, casting) for given, kind in zip(outs, out_types, strict=True)]
        self._launch(inputs, in_types, results)
        return results[0] if self.nout == 1 else tuple(results)

    def _launch(self, inputs: tuple, in_types: tuple[np.dtype, ...], results: "list[core.Array]") -> None:
        # NumPy's own loops for bfloat16 are few: float32, rounded at the end, is what the device computes as well.
        compute = [np.dtype(np.float32) if kind == loops.BFLOAT16 else kind for kind in in_types]
        hosts = [a._host if isinstance(a, core.Array) else np.asarray(a, kind) for a, kind in zip(inputs, in_types, strict=True)]
        targets = [a._host for a in results]
        function: Callable = self._numpy  # type: ignore[assignment]

        def work() -> None:
            values = function(*[host.astype(kind, copy=False) for host, kind in zip(hosts, compute, strict=True)])
            for target, value in zip(targets, values if self.nout > 1 else (values,), strict=True):
                target[...] = value

        run(work, blocks_of(*[a for a in (*inputs, *results) if isinstance(a, core.Array)]))

    def _output(self, given: Any, shape: tuple[int, ...], kind: np.dtype, casting: str) -> "core.Array":
        if given is None:
            return creation.empty(shape, kind)  # C-contiguous whatever the inputs are, unlike NumPy's
        if not isinstance(given, core.Array):
            raise TypeError("Output arguments type must be cupy.ndarray")
        if given.shape != shape:
            raise ValueError("Out shape is mismatched")
        if not np.can_cast(kind, given.dtype, casting):  # type: ignore[arg-type]
            raise TypeError(f"Cannot cast output operand from {kind!r} to {given.dtype!r} with casting rule '{casting}'")
        return given

    def _loop(self, inputs: tuple, dtype: Any) -> loops.Loop:
        kinds = tuple(map(loops.kind_of, inputs))
        loop = loops.find(self._text, kinds) if dtype is None else loops.find_by_result(self._text, np.dtype(dtype))
        if loop is None:
            wrong = dtype or ", ".join(str(kind) for kind, _ in kinds)
            raise TypeError(f"Wrong type ({wrong}) of arguments for cupy_{self.name}")
        return loop

    def outer(self, A: Any, B: Any, **kwargs: Any) -> Any:
        a, b = creation.asarray(A), creation.asarray(B)
        return self(a.reshape(a.shape + (1,) * b.ndim), b.reshape((1,) * a.ndim + b.shape), **kwargs)

    def at(self, a: Any, indices: Any, b: Any = None) -> None:
        if self.name not in ("add", "subtract", "maximum", "minimum", "bitwise_and", "bitwise_or", "bitwise_xor"):
            raise NotImplementedError(f"`cupy_{self.name}.at` is not supported yet")
        a._scatter(self._numpy, indices, b)

    def reduce(self, array: Any, axis: Any = 0, dtype: Any = None, out: Any = None, keepdims: bool = False) -> Any:
        if self.name not in ("add", "multiply"):
            raise NotImplementedError(f"`cupy_{self.name}.reduce` is not supported yet")
        return (array.sum if self.name == "add" else array.prod)(axis, dtype, out, keepdims)

    def accumulate(self, array: Any, axis: Any = 0, dtype: Any = None, out: Any = None) -> Any:
        if self.name not in ("add", "multiply"):
            raise NotImplementedError(f"`cupy_{self.name}.accumulate` is not supported yet")
        return (array.cumsum if self.name == "add" else array.cumprod)(axis, dtype, out)

    def reduceat(self, array: Any, indices: Any, axis: int = 0, dtype: Any = None, out: Any = None) -> Any:
        raise NotImplementedError(f"`cupy_{self.name}.reduceat` is not emulated")


@cache
def ufunc(name: str) -> UFunc:
    """One of `cupy`'s ufuncs."""
    return UFunc(name, TABLE["cupy"]["ufuncs"][name], getattr(np, name, None))


_where = UFunc("where", TABLE["loops"]["where"], np.where)
_clip = UFunc("clip", TABLE["loops"]["clip"], np.clip)
_round = UFunc("round", TABLE["loops"]["round"], lambda values, decimals: np.round(values, int(decimals)))


def where(condition: Any, x: Any = None, y: Any = None) -> Any:
    if (x is None) != (y is None):
        raise ValueError("Must provide both 'x' and 'y' or neither.")
    return condition.nonzero() if x is None else _where(condition.astype("?", copy=False), x, y)


def clip(a: Any, a_min: Any, a_max: Any, out: Any = None) -> Any:
    if a_min is None and a_max is None:
        raise ValueError("array_clip: must set either max or min")
    if a.dtype.kind == "f":
        low, high = a.dtype.type("-inf"), a.dtype.type("inf")
    elif a.dtype.kind in "iu":
        low, high = np.iinfo(a.dtype).min, np.iinfo(a.dtype).max
    else:  # bfloat16 among them: CuPy has no bound to put in
        low = high = None
    return _clip(a, low if a_min is None else a_min, high if a_max is None else a_max, out=out)


def round_(a: Any, decimals: int = 0, out: Any = None) -> Any:
    return _round(a, decimals, out=out)
