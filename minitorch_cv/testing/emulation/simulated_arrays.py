"""Arrays as a Numba CUDA kernel sees them in the simulator: every index is looked at, every number has the type of its array.

Numba reads whatever lies at a negative or too large index; here that raises. A float is read as a NumPy scalar of its type, so that sums
are rounded as on a GPU; whole numbers are read as Python's, because Numba computes with 64 bits whatever the type of the array.
"""

from collections.abc import Callable
from functools import cache
from itertools import product
from math import prod
from typing import Any, Protocol

import numpy as np

# Who touched an element of shared memory, and when: how many barriers of the block came before, the number of the last `syncwarp` of
# the thread, the thread. A plain tuple, because one is made at every step of every thread.
Stamp = tuple[int, int, int]
NEVER: Stamp = (-1, -1, -1)


def unordered(one: Stamp, other: Stamp) -> bool:
    """Whether two threads did it, and no barrier says which of the two came first."""
    return one[0] == other[0] and one[2] != other[2] and (one[2] // 32 != other[2] // 32 or one[1] == other[1])


class Running(Protocol):
    """What arrays need to know of the launch that they belong to."""

    stamp: Stamp

    def fault(self, what: str) -> Exception: ...


def caster(dtype: np.dtype) -> Callable[[Any], Any]:
    """What makes a number of type `dtype` of any number. OverflowError for one that a signed type cannot hold; unsigned ones go round."""
    if dtype.kind in "fV":  # "V": bfloat16
        return dtype.type
    if dtype.kind == "b":
        return bool
    low, high = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)

    def cast(value: Any) -> int:
        whole = int(value)
        if low <= whole <= high:
            return whole
        if low == 0:
            return whole & high
        raise OverflowError(f"{whole} does not fit into {dtype}")

    return cast


class GlobalArray:
    """An array argument of a kernel, over NumPy's memory."""

    __slots__ = ("_cast", "_host", "_name", "_running", "_whole", "dtype", "ndim", "shape", "size")

    def __init__(self, host: np.ndarray, name: str, running: Running) -> None:
        self._host, self._name, self._running = host, name, running
        self.dtype, self.ndim, self.shape, self.size = host.dtype, host.ndim, host.shape, host.size
        self._cast, self._whole = caster(host.dtype), host.dtype.kind in "iub"

    def __getitem__(self, index: Any) -> Any:
        if index.__class__ is tuple:
            for i in index:
                if i < 0:
                    raise self._outside(index)
        elif index < 0:
            raise self._outside(index)
        try:
            value = self._host[index]
        except IndexError:
            raise self._outside(index) from None
        if value.__class__ is np.ndarray:
            return GlobalArray(value, f"{self._name}[{index}]", self._running)
        return value.item() if self._whole else value

    def __setitem__(self, index: Any, value: Any) -> None:
        if (len(index) if index.__class__ is tuple else 1) != self.ndim:
            raise self._running.fault(f"{self._name}[{index}] is not one number of an array of shape {self.shape}")
        if index.__class__ is tuple:
            for i in index:
                if i < 0:
                    raise self._outside(index)
        elif index < 0:
            raise self._outside(index)
        try:
            self._host[index] = self._cast(value) if self._whole else value
        except IndexError:
            raise self._outside(index) from None
        except OverflowError as error:
            raise self._running.fault(f"{self._name}[{index}]: {error}") from None

    def __len__(self) -> int:
        return self.shape[0]

    def reshape(self, *shape: Any) -> "GlobalArray":
        if not self._host.flags.c_contiguous:
            raise self._running.fault(f"{self._name}.reshape: Numba can do that to C-contiguous arrays only")
        return GlobalArray(self._host.reshape(*shape), self._name, self._running)

    def ravel(self) -> "GlobalArray":
        return self.reshape(-1)

    def update(self, index: Any, change: Callable[[Any], Any]) -> Any:
        """Replace the element by `change` of it; the element before."""
        before = self[index]
        self[index] = change(before)
        return before

    def _outside(self, index: Any) -> Exception:
        return self._running.fault(f"{self._name}[{_words(index)}] is outside of its shape {self.shape}")


class LocalArray:
    """An array of one thread's own."""

    __slots__ = ("_cast", "_name", "_offsets", "_running", "_values", "dtype", "ndim", "shape", "size")

    def __init__(self, shape: int | tuple[int, ...], dtype: np.dtype, name: str, running: Running) -> None:
        self.shape: tuple[int, ...] = tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)
        self.dtype, self.ndim, self.size = dtype, len(self.shape), prod(self.shape)
        self._name, self._running, self._cast = name, running, caster(self.dtype)
        self._values: list[Any] = [None] * self.size
        self._offsets = _offsets(self.shape)

    def __getitem__(self, index: Any) -> Any:
        offset = self._offsets.get(index)
        if offset is None:
            raise self._outside(index)
        value = self._values[offset]
        if value is None:
            raise self._unwritten(index)
        return value

    def __setitem__(self, index: Any, value: Any) -> None:
        offset = self._offsets.get(index)
        if offset is None:
            raise self._outside(index)
        self._values[offset] = self._converted(value, index)

    def __len__(self) -> int:
        return self.shape[0]

    def _outside(self, index: Any) -> Exception:
        one = len(index) if isinstance(index, tuple) else 1
        what = f"is outside of its shape {self.shape}" if one == self.ndim else f"is not one number of an array of shape {self.shape}"
        return self._running.fault(f"{self._name}[{_words(index)}] {what}")

    def _converted(self, value: Any, index: Any) -> Any:
        try:
            return self._cast(value)
        except OverflowError as error:
            raise self._running.fault(f"{self._name}[{_words(index)}]: {error}") from None

    def _unwritten(self, index: Any) -> Exception:
        return self._running.fault(f"{self._name}[{_words(index)}] is read, but nobody has written to it")


class SharedArray(LocalArray):
    """An array that the threads of a block share. A fault: two threads at one element, one of them writing, and no barrier between."""

    __slots__ = ("_atomics", "_first_readers", "_last_readers", "_writers")

    def __init__(self, shape: int | tuple[int, ...], dtype: np.dtype, name: str, running: Running) -> None:
        super().__init__(shape, dtype, name, running)
        self._writers = [NEVER] * self.size
        # Of the readers between two barriers, the first and the last: whoever writes, one of them is another thread if there is one.
        self._first_readers = [NEVER] * self.size
        self._last_readers = [NEVER] * self.size
        self._atomics = [NEVER] * self.size

    def __getitem__(self, index: Any) -> Any:
        offset = self._offsets.get(index)
        if offset is None:
            raise self._outside(index)
        value = self._values[offset]
        if value is None:
            raise self._unwritten(index)
        now = self._running.stamp
        if self._writers[offset][0] == now[0]:
            self._check(self._writers[offset], now, index, "written by thread {} and read by thread {}")
        if self._atomics[offset][0] == now[0]:
            self._check(self._atomics[offset], now, index, "changed by thread {} and read by thread {}")
        first = self._first_readers[offset]
        if first[0] != now[0]:
            self._first_readers[offset] = now
        self._last_readers[offset] = now
        return value

    def __setitem__(self, index: Any, value: Any) -> None:
        offset = self._offsets.get(index)
        if offset is None:
            raise self._outside(index)
        now = self._running.stamp
        self._check(self._writers[offset], now, index, "written by thread {} and by thread {}")
        self._check(self._first_readers[offset], now, index, "read by thread {} and written by thread {}")
        self._check(self._last_readers[offset], now, index, "read by thread {} and written by thread {}")
        self._check(self._atomics[offset], now, index, "changed by thread {} and written by thread {}")
        self._values[offset], self._writers[offset] = self._converted(value, index), now

    def update(self, index: Any, change: Callable[[Any], Any]) -> Any:
        """Replace the element by `change` of it, as an atomic function does; the element before."""
        offset = self._offsets.get(index)
        if offset is None:
            raise self._outside(index)
        before = self._values[offset]
        if before is None:
            raise self._unwritten(index)
        now = self._running.stamp
        self._check(self._writers[offset], now, index, "written by thread {} and changed by thread {}")
        self._check(self._first_readers[offset], now, index, "read by thread {} and changed by thread {}")
        self._check(self._last_readers[offset], now, index, "read by thread {} and changed by thread {}")
        self._values[offset], self._atomics[offset] = self._converted(change(before), index), now
        return before

    def _check(self, before: Stamp, now: Stamp, index: Any, what: str) -> None:
        if unordered(before, now):
            told = what.format(before[2], now[2])
            raise self._running.fault(f"{self._name}[{_words(index)}] is {told} with no barrier between")


@cache
def _offsets(shape: tuple[int, ...]) -> dict[Any, int]:
    """Where in a list the element of each index stands: looking that up is faster than comparing and multiplying."""
    if len(shape) == 1:
        return {i: i for i in range(shape[0])}
    return {index: offset for offset, index in enumerate(product(*map(range, shape)))}


def _words(index: Any) -> str:
    return ", ".join(map(str, index)) if isinstance(index, tuple) else str(index)
