"""Reading a pickle without executing it.

A pickle is a program for a small stack machine. Most of its instructions build values: numbers, strings, lists,
dictionaries. A few name a function of an installed module and call it, which is how a pickle from a stranger can delete
files. `pickle.loads` obeys; this reader does not. It is that machine with only the instructions for values. Of the
calls it knows four, those that rebuild NumPy arrays and byte strings, and it looks no function up for them: it
recognises their names and builds the array itself, from bytes that are really there.

Refused, with a DataError that says what came: any other name or instruction, arrays of Python objects, lengths that run
past the end of the file. Strings that Python 2 wrote come as `bytes`.

The instructions are described in the standard library's `pickletools.py`.
"""

import re
import struct
from collections.abc import Callable
from math import prod
from typing import Any, Literal

import numpy as np

from minitorch_cv.data.dataset import DataError

_DTYPE = re.compile(r"[<>|=]?(?:[?bBhHiIlLqQefd]|[biufc](?:1|2|4|8|16)|b1)")
MOST_INSTRUCTIONS = 10_000_000  # CIFAR-100 takes 300,000; an instruction of one byte can ask for a list of 56


class _Name:
    """A global that the pickle mentions, known by its name alone."""

    def __init__(self, name: str) -> None:
        self.name = name


class _Dtype:
    """A NumPy dtype under construction: its code, `"u1"`, and then its byte order."""

    def __init__(self, code: str) -> None:
        self.code = code
        self.order = "="

    def build(self, state: Any) -> None:
        # (version, byte order, sub-array, names, fields, element size, alignment, flags)
        if not isinstance(state, tuple) or len(state) < 5 or any(entry is not None for entry in state[2:5]):
            raise DataError("it holds an array with fields or of Python objects, expected one of numbers")
        self.order = _text(state[1])

    def finished(self) -> np.dtype:
        spelled = (self.order if self.order in ("<", ">") else "") + self.code
        if not _DTYPE.fullmatch(spelled):
            raise DataError(f"it holds an array of dtype {spelled[:20]!r}, expected one of numbers")
        return np.dtype(spelled)


class _Array:
    """An array under construction."""

    def __init__(self) -> None:
        self.array = np.empty(0, np.uint8)

    def build(self, state: Any) -> None:
        # (version, shape, dtype, Fortran order, bytes)
        if not isinstance(state, tuple) or len(state) != 5 or not isinstance(state[2], _Dtype):
            raise DataError("it holds an array in an unknown form")
        _, shape, dtype, fortran, raw = state
        self.array = _array(raw, dtype, shape, "F" if fortran else "C")


def _array(raw: Any, dtype: Any, shape: Any, order: Literal["C", "F"]) -> np.ndarray:
    if not isinstance(raw, bytes | bytearray) or not isinstance(dtype, _Dtype) or not isinstance(shape, tuple):
        raise DataError("it holds an array of Python objects, or in an unknown form, expected one of numbers")
    kind = dtype.finished()
    if len(shape) > 8 or not all(isinstance(length, int) and 0 <= length < 2**48 for length in shape):
        raise DataError("it holds an array with an impossible shape")
    if prod(shape) * kind.itemsize != len(raw):
        raise DataError(f"it holds an array that claims the shape {shape} of {kind}, with {len(raw)} bytes")
    return np.frombuffer(raw, kind).reshape(shape, order=order)


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if not isinstance(value, str):
        raise DataError(f"it holds {type(value).__name__} where a string was expected")
    return value


def _call(name: str, arguments: tuple) -> Any:
    """The calls that this reader knows, by the name of what is called."""
    match name, arguments:
        case "numpy.core.multiarray._reconstruct" | "numpy._core.multiarray._reconstruct", (_Name(), _, _):
            return _Array()  # empty; BUILD fills it
        case "numpy.core.numeric._frombuffer" | "numpy._core.numeric._frombuffer", (raw, dtype, shape, order):
            result = _Array()
            result.array = _array(raw, dtype, shape, "F" if order == "F" else "C")
            return result
        case "numpy.core.multiarray.scalar" | "numpy._core.multiarray.scalar", (dtype, raw):
            return _array(raw, dtype, (), "C")[()]
        case "numpy.dtype", (code, *_):
            return _Dtype(_text(code))
        case "_codecs.encode", (str(text), "latin1" | "latin-1"):  # how Python 3 writes bytes for Python 2
            return text.encode("latin-1")
        case "__builtin__.bytes" | "builtins.bytes" | "__builtin__.bytearray" | "builtins.bytearray", ():
            return b""
    raise DataError(f"it holds a call of {name[:80]!r}, which is not part of a data set")


class _Machine:
    """The stack machine: `stack` holds the values built so far, `marks` the stacks set aside by MARK, `memo` values to be used again."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.place = 0
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        self.encoded = 0  # bytes that calls made of text

    def run(self) -> Any:
        for _ in range(MOST_INSTRUCTIONS):
            code = self.take(1)
            if code == b".":  # STOP
                return _finish(self.stack.pop())
            instruction = _INSTRUCTIONS.get(code)
            if instruction is None:
                raise DataError(f"it holds the instruction {code!r} at byte {self.place - 1}, which is not part of a data set")
            instruction(self)
        raise DataError(f"it holds more than {MOST_INSTRUCTIONS} instructions, which no data set needs")

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        end = self.place + count
        if end > len(self.data):
            raise DataError(f"it is cut off: byte {self.place} announces {count} more bytes, and {len(self.data) - self.place} are left")
        taken = self.data[self.place : end]
        self.place = end
        return taken

    def number(self, form: str) -> int:
        """The next number, in the notation of `struct`."""
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def line(self) -> str:
        end = self.data.find(b"\n", self.place, self.place + 200)
        if end < 0:
            raise DataError("it holds a name without an end")
        return self.take(end + 1 - self.place)[:-1].decode("latin-1")

    def pop_mark(self) -> list[Any]:
        """The values since the last MARK."""
        values = self.stack
        self.stack = self.marks.pop()
        return values

    def tuple_since_mark(self) -> None:
        values = tuple(self.pop_mark())  # first, as it changes which list `self.stack` is
        self.stack.append(values)

    def set_items(self, values: list[Any]) -> None:
        mapping = self.stack[-1]
        if type(mapping) is not dict:
            raise DataError("it holds entries for something that is not a dictionary")
        for key, value in zip(values[::2], values[1::2], strict=True):
            if not isinstance(key, bytes | str | int):
                raise DataError("it holds a dictionary whose keys are not strings or numbers")
            mapping[key] = value

    def append(self, values: list[Any]) -> None:
        if type(self.stack[-1]) is not list:
            raise DataError("it holds elements for something that is not a list")
        self.stack[-1].extend(values)

    def reduce(self) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        if not isinstance(function, _Name) or not isinstance(arguments, tuple):
            raise DataError("it holds a call of something that is not a function")
        result = _call(function.name, arguments)
        if isinstance(result, bytes):  # each text can be encoded again and again
            self.encoded += len(result)
            if self.encoded > len(self.data):
                raise DataError("it holds calls that make more bytes than it has itself")
        self.stack.append(result)

    def build(self) -> None:
        state = self.stack.pop()
        if not isinstance(self.stack[-1], _Array | _Dtype):
            raise DataError("it holds a state for something that is not an array")
        self.stack[-1].build(state)

    def mark(self) -> None:
        self.marks.append(self.stack)
        self.stack = []

    def stack_global(self) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        self.stack.append(_Name(f"{_text(module)}.{_text(name)}"))


def _push(read: Callable[[_Machine], Any]) -> Callable[[_Machine], None]:
    """An instruction that reads a value from the file and puts it on the stack."""
    def instruction(machine: _Machine) -> None:
        machine.stack.append(read(machine))
    return instruction


def _tuple(count: int) -> Callable[[_Machine], None]:
    """An instruction that makes one tuple of the last `count` values."""
    def instruction(machine: _Machine) -> None:
        machine.stack[-count:] = [tuple(machine.stack[-count:])]
    return instruction


def _memoize(read: Callable[[_Machine], int]) -> Callable[[_Machine], None]:
    """An instruction that remembers the last value under a number."""
    def instruction(machine: _Machine) -> None:
        machine.memo[read(machine)] = machine.stack[-1]
    return instruction


_INSTRUCTIONS: dict[bytes, Callable[[_Machine], Any]] = {
    b"\x80": lambda m: m.take(1),  # PROTO
    b"\x95": lambda m: m.take(8),  # FRAME: a hint for buffering
    b"(": _Machine.mark,
    b"0": lambda m: m.stack.pop(),
    b"1": _Machine.pop_mark,
    # constants and numbers
    b"N": _push(lambda m: None),
    b"\x88": _push(lambda m: True),
    b"\x89": _push(lambda m: False),
    b"J": _push(lambda m: m.number("<i")),
    b"K": _push(lambda m: m.number("<B")),
    b"M": _push(lambda m: m.number("<H")),
    b"\x8a": _push(lambda m: int.from_bytes(m.take(m.number("<B")), "little", signed=True)),
    b"\x8b": _push(lambda m: int.from_bytes(m.take(m.number("<I")), "little", signed=True)),
    b"G": _push(lambda m: m.number(">d")),
    # strings: of Python 2, of Python 3, and bytes, each with a length of 1, 4 or 8 bytes before it
    b"U": _push(lambda m: m.take(m.number("<B"))),
    b"T": _push(lambda m: m.take(m.number("<I"))),
    b"\x8c": _push(lambda m: m.take(m.number("<B")).decode("utf-8")),
    b"X": _push(lambda m: m.take(m.number("<I")).decode("utf-8")),
    b"\x8d": _push(lambda m: m.take(m.number("<Q")).decode("utf-8")),
    b"C": _push(lambda m: m.take(m.number("<B"))),
    b"B": _push(lambda m: m.take(m.number("<I"))),
    b"\x8e": _push(lambda m: m.take(m.number("<Q"))),
    b"\x96": _push(lambda m: m.take(m.number("<Q"))),
    # containers
    b"]": _push(lambda m: []),
    b"}": _push(lambda m: {}),
    b")": _push(lambda m: ()),
    b"a": lambda m: m.append([m.stack.pop()]),
    b"e": lambda m: m.append(m.pop_mark()),
    b"s": lambda m: m.set_items([m.stack.pop(-2), m.stack.pop()]),
    b"u": lambda m: m.set_items(m.pop_mark()),
    b"t": _Machine.tuple_since_mark,
    b"\x85": _tuple(1),
    b"\x86": _tuple(2),
    b"\x87": _tuple(3),
    # values to be used again
    b"q": _memoize(lambda m: m.number("<B")),
    b"r": _memoize(lambda m: m.number("<I")),
    b"\x94": _memoize(lambda m: len(m.memo)),
    b"h": _push(lambda m: m.memo[m.number("<B")]),
    b"j": _push(lambda m: m.memo[m.number("<I")]),
    # names and calls
    b"c": _push(lambda m: _Name(f"{m.line()}.{m.line()}")),
    b"\x93": _Machine.stack_global,
    b"R": _Machine.reduce,
    b"b": _Machine.build,
}


def _finish(result: Any) -> Any:
    """The result with its arrays in place of the builders; containers are walked once each, so shared and circular ones are no trouble."""
    seen: set[int] = set()
    top = [result]
    waiting: list[Any] = [top]
    while waiting:
        container = waiting.pop()
        for key, value in list(container.items() if isinstance(container, dict) else enumerate(container)):
            if isinstance(value, _Array):
                container[key] = value.array
            elif isinstance(value, list | dict):
                if id(value) not in seen:
                    seen.add(id(value))
                    waiting.append(value)
            elif not isinstance(value, bytes | str | int | float | np.generic | None):
                what = type(value).__name__.strip("_").lower()
                raise DataError(f"it holds a {what} where an array, a list, a dictionary, a string or a number was expected")
    return top[0]


def loads(data: bytes) -> Any:
    """The value that the pickle `data` describes: arrays, lists, dictionaries, strings and numbers. Nothing in it is executed.

    Raises DataError, whose message says what was met instead.
    """
    try:
        return _Machine(data).run()
    except (IndexError, KeyError, TypeError, ValueError, struct.error) as error:
        raise DataError(f"it is not a well-formed pickle ({type(error).__name__}: {error})") from error
