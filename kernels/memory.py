"""Memory for results, reused from step to step.

A large array fresh from the operating system costs a page fault every 4 KiB when it is first written: at the sizes of
a training step that is as slow as the arithmetic. Training asks for the same sizes again and again, so `empty` keeps
the blocks that nobody refers to any more and hands them out again. A block goes back by itself, when the last array
that looks at it dies.
"""

from bisect import bisect_left, insort
from collections import deque
from math import prod
from threading import Lock

import numpy as np

ALIGNMENT = 64  # bytes: a cache line, and the widest vector register
SMALLEST = 1 << 12  # bytes: below this, NumPy's own allocator is as good


class _Block:
    """A piece of memory that arrays share; returns to the pool when the last of them is gone."""

    __slots__ = ("__array_interface__", "__weakref__", "entry")

    def __init__(self, entry: "_Entry", shape: tuple[int, ...], dtype: np.dtype) -> None:
        self.entry = entry
        self.__array_interface__ = {"shape": shape, "typestr": dtype.str, "data": (entry[1], False), "version": 3}

    def __del__(self) -> None:
        # A finaliser may run at any moment, also inside `empty` under its lock: appending to a deque needs no lock.
        _returned.append(self.entry)


_Entry = tuple[int, int, np.ndarray]  # size in bytes, address, the memory itself
_idle: list[_Entry] = []  # sorted
_returned: deque[_Entry] = deque()
_lock = Lock()


def empty(shape: tuple[int, ...], dtype: np.dtype | type) -> np.ndarray:
    """A C-contiguous array of `shape`, aligned to 64 bytes, its values undefined, its memory reused where possible."""
    dtype = np.dtype(dtype)
    size = prod(shape) * dtype.itemsize
    if size < SMALLEST:
        return np.empty(shape, dtype)
    return np.asarray(_Block(_take(size), tuple(map(int, shape)), dtype))


def zeros(shape: tuple[int, ...], dtype: np.dtype | type) -> np.ndarray:
    """Like `empty`, filled with zeros."""
    result = empty(shape, dtype)
    result.fill(0)
    return result


def release() -> None:
    """Give all idle memory back to the operating system."""
    with _lock:
        _idle.clear()
        _returned.clear()


def idle_bytes() -> int:
    """How much memory waits to be reused."""
    with _lock:
        _collect()
        return sum(size for size, _, _ in _idle)


def _collect() -> None:
    while _returned:
        insort(_idle, _returned.popleft())


def _take(size: int) -> _Entry:
    with _lock:
        _collect()
        place = bisect_left(_idle, (size, 0))
        # A block up to twice too large is taken rather than a new one: the last, smaller batch of an epoch fits into the
        # memory of the others.
        if place < len(_idle) and _idle[place][0] <= 2 * size:
            return _idle.pop(place)
    memory = np.empty(size + ALIGNMENT, np.uint8)
    address = memory.ctypes.data
    return size, address + -address % ALIGNMENT, memory
