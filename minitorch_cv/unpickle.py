"""Reading a pickle without executing it.

A pickle is a program for a small stack machine. Most of its instructions build values: numbers, strings, lists,
dictionaries. A few name a function of an installed module and call it, which is how a pickle from a stranger can delete
files. `pickle.loads` obeys; this reader does not. It is that machine with only the instructions for values, and it
looks no function up. What a call stands for is decided by a `Dialect`: a table of the few names that a kind of file
needs, arrays of NumPy say, each with a function of ours that builds the value from bytes that are really there.

Refused, with a PickleError that says what came: any other name or instruction, lengths that run past the end of the
file. Strings that Python 2 wrote come as `bytes`.

The instructions are described in the standard library's `pickletools.py`.
"""

import struct
from collections.abc import Callable
from typing import Any


class PickleError(ValueError):
    """A pickle is damaged, or holds more than values: the message says what was met, and begins with "it"."""


class Name:
    """A global that the pickle mentions, known by its name alone."""

    def __init__(self, name: str) -> None:
        self.name = name


class Dialect:
    """What pickles of one kind hold beside plain values; the base class admits nothing.

    kind: what such a file is, for error messages.
    most_instructions: a pickle with more is refused. An instruction of one byte can ask for a list of 56.
    leaves, containers: the types of finished values, and of what they may stand in.
    """

    kind = "plain data"
    most_instructions = 10_000_000
    leaves: tuple[type, ...] = (bytes, str, int, float, type(None))
    containers: tuple[type, ...] = (list, dict)

    def call(self, name: str, arguments: tuple) -> Any:
        """What the call of `name` with `arguments` gives. Raises PickleError where the call is not admitted."""
        raise PickleError(f"it holds a call of {name[:80]!r}, which is not part of {self.kind}")

    def build(self, value: Any, state: Any) -> None:
        """Give `value`, made by `call`, the state that the pickle has for it."""
        raise PickleError("it holds a state for something that has none")

    def persistent(self, identity: Any) -> Any:
        """The value that the file keeps outside of the pickle under `identity`."""
        raise PickleError(f"it refers to something outside of itself, which is not part of {self.kind}")

    def finished(self, value: Any) -> Any:
        """What stands for `value` in the result: itself, unless it was only a builder."""
        return value


def text(value: Any) -> str:
    """A string of either Python."""
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if not isinstance(value, str):
        raise PickleError(f"it holds {type(value).__name__} where a string was expected")
    return value


class _Machine:
    """The stack machine: `stack` holds the values built so far, `marks` the stacks set aside by MARK, `memo` values to be used again."""

    def __init__(self, data: bytes, place: int, dialect: Dialect) -> None:
        self.data = data
        self.place = place
        self.dialect = dialect
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        self.encoded = 0  # bytes that calls made of text

    def run(self) -> Any:
        for _ in range(self.dialect.most_instructions):
            code = self.take(1)
            if code == b".":  # STOP
                return _finish(self.stack.pop(), self.dialect)
            instruction = _INSTRUCTIONS.get(code)
            if instruction is None:
                raise PickleError(f"it holds the instruction {code!r} at byte {self.place - 1}, which is not part of {self.dialect.kind}")
            instruction(self)
        raise PickleError(f"it holds more than {self.dialect.most_instructions} instructions, which {self.dialect.kind} never needs")

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        end = self.place + count
        if end > len(self.data):
            raise PickleError(f"it is cut off: byte {self.place} announces {count} more bytes, and {len(self.data) - self.place} are left")
        taken = self.data[self.place : end]
        self.place = end
        return taken

    def number(self, form: str) -> int:
        """The next number, in the notation of `struct`."""
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def line(self) -> str:
        end = self.data.find(b"\n", self.place, self.place + 200)
        if end < 0:
            raise PickleError("it holds a name without an end")
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
            raise PickleError("it holds entries for something that is not a dictionary")
        for key, value in zip(values[::2], values[1::2], strict=True):
            if not isinstance(key, bytes | str | int):
                raise PickleError("it holds a dictionary whose keys are not strings or numbers")
            mapping[key] = value

    def append(self, values: list[Any]) -> None:
        if type(self.stack[-1]) is not list:
            raise PickleError("it holds elements for something that is not a list")
        self.stack[-1].extend(values)

    def reduce(self) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        if not isinstance(function, Name) or not isinstance(arguments, tuple):
            raise PickleError("it holds a call of something that is not a function")
        result = self.dialect.call(function.name, arguments)
        if isinstance(result, bytes):  # each text can be encoded again and again
            self.encoded += len(result)
            if self.encoded > len(self.data):
                raise PickleError("it holds calls that make more bytes than it has itself")
        self.stack.append(result)

    def build(self) -> None:
        state = self.stack.pop()
        self.dialect.build(self.stack[-1], state)

    def mark(self) -> None:
        self.marks.append(self.stack)
        self.stack = []

    def stack_global(self) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        self.stack.append(Name(f"{text(module)}.{text(name)}"))

    def persistent(self) -> None:
        self.stack.append(self.dialect.persistent(self.stack.pop()))


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
    b"c": _push(lambda m: Name(f"{m.line()}.{m.line()}")),
    b"\x93": _Machine.stack_global,
    b"R": _Machine.reduce,
    b"b": _Machine.build,
    b"Q": _Machine.persistent,
}


def _finish(result: Any, dialect: Dialect) -> Any:
    """The result with values in place of builders; containers are walked once each, so shared and circular ones are no trouble."""
    seen: set[int] = set()
    top = [result]
    waiting: list[Any] = [top]
    while waiting:
        container = waiting.pop()
        for key, value in list(container.items() if isinstance(container, dict) else enumerate(container)):
            final = dialect.finished(value)
            if final is not value:
                container[key] = final
            elif type(value) in dialect.containers:
                if id(value) not in seen:
                    seen.add(id(value))
                    waiting.append(value)
            elif not isinstance(value, dialect.leaves):
                what = type(value).__name__.strip("_").lower()
                raise PickleError(f"it holds a {what} where an array, a list, a dictionary, a string or a number was expected")
    return top[0]


def load_one(data: bytes, dialect: Dialect, place: int = 0) -> tuple[Any, int]:
    """The value that the pickle at `place` in `data` describes, and the place after it. Nothing in it is executed.

    Raises PickleError, whose message says what was met instead.
    """
    machine = _Machine(data, place, dialect)
    try:
        return machine.run(), machine.place
    except PickleError:
        raise
    except (IndexError, KeyError, TypeError, ValueError, OverflowError, struct.error) as error:
        raise PickleError(f"it is not a well-formed pickle ({type(error).__name__}: {error})") from error
