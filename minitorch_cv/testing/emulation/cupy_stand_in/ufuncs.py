"""CuPy's ufuncs: the loops that it has for each, chosen by its rules, computed by NumPy."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from . import arrays, creation
from .capture import blocks_of, run
from .dispatch import check_operands
from .names import TABLE

try:
    from ml_dtypes import bfloat16

    BFLOAT16: np.dtype | None = np.dtype(bfloat16)
except ImportError:
    BFLOAT16 = None

SCALARS = (bool, int, float, complex, np.generic)
Types = tuple[tuple[np.dtype, ...], tuple[np.dtype, ...]]


def _dtypes(chars: str) -> tuple[np.dtype, ...] | None:
    dtypes = tuple(BFLOAT16 if char == "E" else np.dtype(char) for char in chars)
    return None if None in dtypes else dtypes  # type: ignore[return-value]


class UFunc:
    """`cupy.<name>`."""

    def __init__(self, name: str) -> None:
        entry = TABLE["cupy"]["ufuncs"][name]
        self.name, self.nin, self.nout = name, entry["nin"], entry["nout"]
        self.__name__ = name
        self.types: list[str] = entry["types"]
        pairs = [tuple(map(_dtypes, loop.split("->"))) for loop in self.types]
        self._loops: list[Types] = [pair for pair in pairs if None not in pair]  # type: ignore[misc]
        self._numpy: Callable | None = getattr(np, name, None)

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
            outs = out if isinstance(out, tuple) else (out,)
        outs = outs or (None,) * self.nout
        found = [a for a in (*inputs, *outs) if isinstance(a, arrays.ndarray)]
        check_operands((inputs, outs), found)
        for value in inputs:
            if not isinstance(value, (arrays.ndarray, *SCALARS)):
                raise TypeError(f"Unsupported type {type(value)}")
        in_types, out_types = self._loop(inputs, dtype)
        shape = np.broadcast_shapes(*[a.shape for a in found])
        results = [self._output(given, shape, kind, casting) for given, kind in zip(outs, out_types, strict=True)]
        self._launch(inputs, in_types, results)
        return results[0] if self.nout == 1 else tuple(results)

    def _launch(self, inputs: tuple, in_types: tuple[np.dtype, ...], results: "list[arrays.ndarray]") -> None:
        compute = [np.dtype(np.float32) if kind == BFLOAT16 else kind for kind in in_types]
        hosts = [a._host if isinstance(a, arrays.ndarray) else np.asarray(a, kind) for a, kind in zip(inputs, in_types, strict=True)]
        targets = [a._host for a in results]
        function: Callable = self._numpy  # type: ignore[assignment]

        def work() -> None:
            values = function(*[host.astype(kind, copy=False) for host, kind in zip(hosts, compute, strict=True)])
            for target, value in zip(targets, values if self.nout > 1 else (values,), strict=True):
                target[...] = value

        used = [a for a in (*inputs, *results) if isinstance(a, arrays.ndarray)]
        run(work, blocks_of(*used))

    def _output(self, given: Any, shape: tuple[int, ...], kind: np.dtype, casting: str) -> "arrays.ndarray":
        if given is None:
            return creation.empty(shape, kind)  # C-contiguous whatever the inputs are, unlike NumPy's
        if not isinstance(given, arrays.ndarray):
            raise TypeError("Output arguments type must be cupy.ndarray")
        if given.shape != shape:
            raise ValueError("Out shape is mismatched")
        if not np.can_cast(kind, given.dtype, casting):  # type: ignore[arg-type]
            raise TypeError(f"Cannot cast output operand from {kind!r} to {given.dtype!r} with casting rule '{casting}'")
        return given

    def _loop(self, inputs: tuple, dtype: Any) -> Types:
        """The first loop that the inputs can be cast to without loss; Python numbers adapt to the arrays beside them."""
        if dtype is not None:
            wanted = np.dtype(dtype)
            loop = next((loop for loop in self._loops if all(kind == wanted for kind in loop[1])), None)
            if loop is None:
                raise TypeError(f"Wrong type ({wanted}) of arguments for cupy_{self.name}")
            return loop
        kinds = tuple(_kind(value) for value in inputs)
        return self._find(kinds)

    @cache  # noqa: B019 - the ufuncs live as long as the module
    def _find(self, kinds: tuple[tuple[np.dtype, type | None], ...]) -> Types:
        weak = [_score(kind) for kind, python in kinds if python]
        strong = [_score(kind) for kind, python in kinds if not python]
        adapt = bool(weak) and bool(strong) and max(strong) >= max(weak)
        for loop in self._loops:
            if all(
                np.can_cast(kind, to) or (adapt and python is not None and _adapts(python, to))
                for (kind, python), to in zip(kinds, loop[0], strict=True)
            ):
                return loop
        raise TypeError(f"Wrong type ({', '.join(str(kind) for kind, _ in kinds)}) of arguments for cupy_{self.name}")

    def outer(self, a: Any, b: Any, **kwargs: Any) -> Any:
        a, b = creation.asarray(a), creation.asarray(b)
        return self(a.reshape(a.shape + (1,) * b.ndim), b.reshape((1,) * a.ndim + b.shape), **kwargs)

    def at(self, a: Any, indices: Any, b: Any = None) -> None:
        if self.name not in ("add", "maximum", "minimum"):
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


def _kind(value: Any) -> tuple[np.dtype, type | None]:
    """(dtype, the Python type of a Python number)."""
    if type(value) is bool:
        return np.dtype(bool), None
    if type(value) in (int, float, complex):
        return np.dtype(type(value)), type(value)
    return value.dtype, None


def _score(kind: np.dtype) -> int:
    return 0 if kind.kind == "b" else 1 if kind.kind in "iu" else 2


def _adapts(python: type, to: np.dtype) -> bool:
    try:
        return np.result_type(python(0), to) == to
    except TypeError:
        return False


@cache
def ufunc(name: str) -> UFunc:
    return UFunc(name)


def unary(name: str, array: "arrays.ndarray") -> Any:
    return ufunc(name)(array)
