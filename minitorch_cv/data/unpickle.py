"""The pickles of data sets: arrays of numbers, lists, dictionaries, strings and numbers; nothing in them is executed.

`minitorch_cv.unpickle` is the machine; here are the four calls that rebuild NumPy arrays and byte strings. Arrays of
Python objects are refused.
"""

import re
from math import prod
from typing import Any, Literal

import numpy as np

from minitorch_cv.data.dataset import DataError
from minitorch_cv.unpickle import Dialect, Name, PickleError, load_one, text

_DTYPE = re.compile(r"[<>|=]?(?:[?bBhHiIlLqQefd]|[biufc](?:1|2|4|8|16)|b1)")


class _Dtype:
    """A NumPy dtype under construction: its code, `"u1"`, and then its byte order."""

    def __init__(self, code: str) -> None:
        self.code = code
        self.order = "="

    def build(self, state: Any) -> None:
        # (version, byte order, sub-array, names, fields, element size, alignment, flags)
        if not isinstance(state, tuple) or len(state) < 5 or any(entry is not None for entry in state[2:5]):
            raise PickleError("it holds an array with fields or of Python objects, expected one of numbers")
        self.order = text(state[1])

    def finished(self) -> np.dtype:
        spelled = (self.order if self.order in ("<", ">") else "") + self.code
        if not _DTYPE.fullmatch(spelled):
            raise PickleError(f"it holds an array of dtype {spelled[:20]!r}, expected one of numbers")
        return np.dtype(spelled)


class _Array:
    """An array under construction."""

    def __init__(self) -> None:
        self.array = np.empty(0, np.uint8)

    def build(self, state: Any) -> None:
        # (version, shape, dtype, Fortran order, bytes)
        if not isinstance(state, tuple) or len(state) != 5 or not isinstance(state[2], _Dtype):
            raise PickleError("it holds an array in an unknown form")
        _, shape, dtype, fortran, raw = state
        self.array = _array(raw, dtype, shape, "F" if fortran else "C")


def _array(raw: Any, dtype: Any, shape: Any, order: Literal["C", "F"]) -> np.ndarray:
    if not isinstance(raw, bytes | bytearray) or not isinstance(dtype, _Dtype) or not isinstance(shape, tuple):
        raise PickleError("it holds an array of Python objects, or in an unknown form, expected one of numbers")
    kind = dtype.finished()
    if len(shape) > 8 or not all(isinstance(length, int) and 0 <= length < 2**48 for length in shape):
        raise PickleError("it holds an array with an impossible shape")
    if prod(shape) * kind.itemsize != len(raw):
        raise PickleError(f"it holds an array that claims the shape {shape} of {kind}, with {len(raw)} bytes")
    return np.frombuffer(raw, kind).reshape(shape, order=order)


class _DataSet(Dialect):
    kind = "a data set"
    leaves = (*Dialect.leaves, np.generic)

    def call(self, name: str, arguments: tuple) -> Any:
        match name, arguments:
            case "numpy.core.multiarray._reconstruct" | "numpy._core.multiarray._reconstruct", (Name(), _, _):
                return _Array()  # empty; BUILD fills it
            case "numpy.core.numeric._frombuffer" | "numpy._core.numeric._frombuffer", (raw, dtype, shape, order):
                result = _Array()
                result.array = _array(raw, dtype, shape, "F" if order == "F" else "C")
                return result
            case "numpy.core.multiarray.scalar" | "numpy._core.multiarray.scalar", (dtype, raw):
                return _array(raw, dtype, (), "C")[()]
            case "numpy.dtype", (code, *_):
                return _Dtype(text(code))
            case "_codecs.encode", (str(characters), "latin1" | "latin-1"):  # how Python 3 writes bytes for Python 2
                return characters.encode("latin-1")
            case "__builtin__.bytes" | "builtins.bytes" | "__builtin__.bytearray" | "builtins.bytearray", ():
                return b""
        return super().call(name, arguments)

    def build(self, value: Any, state: Any) -> None:
        if not isinstance(value, _Array | _Dtype):
            raise PickleError("it holds a state for something that is not an array")
        value.build(state)

    def finished(self, value: Any) -> Any:
        return value.array if isinstance(value, _Array) else value


def loads(data: bytes) -> Any:
    """The value that the pickle `data` describes: arrays, lists, dictionaries, strings and numbers. Nothing in it is executed.

    Raises DataError, whose message says what was met instead.
    """
    try:
        return load_one(data, _DataSet())[0]
    except PickleError as error:
        raise DataError(str(error)) from error
