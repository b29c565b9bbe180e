"""Device memory, emulated: NumPy bytes with guards on both sides, filled with 0xFF until they are written.

Bytes of 0xFF are NaN in every floating type and -1 in the signed ones, so a result that was never written, or a value read beside an array,
shows. `check_guards` finds what was written beside an array. Inside `with fenced_memory():` whatever reads beyond the end of an array, too,
is a fault: memory that may not be touched follows it.
"""

import ctypes
import mmap
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from .device import Device, current_device_id
from .streams import get_current_stream

ALIGNMENT = 512  # that of CuPy's pool
GUARD = 512  # bytes on each side; a multiple of ALIGNMENT
POISON = 0xFF
HUGE = 1 << 30  # bytes; more are not poisoned, nor guarded, but zero, memory that exists once it is touched
FENCED_ALIGNMENT = 16  # of an array whose end meets a fence: what the widest load needs
PAGE = mmap.PAGESIZE
NO_ACCESS = 0  # PROT_NONE of sys/mman.h

_fenced = False


@contextmanager
def fenced_memory() -> Iterator[None]:
    """Inside, new arrays end where memory that nobody may touch begins, but for at most 15 bytes: a read beyond the end does not pass."""
    global _fenced
    before, _fenced = _fenced, True
    try:
        yield
    finally:
        _fenced = before


def _before_a_fence(size: int) -> np.ndarray:
    """At least `size` writable bytes, followed by a page that may not be touched."""
    pages = -(-size // PAGE) * PAGE
    memory = mmap.mmap(-1, pages + PAGE)
    whole = np.frombuffer(memory, np.uint8)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mprotect(ctypes.c_void_p(whole.ctypes.data + pages), ctypes.c_size_t(PAGE), NO_ACCESS):
        raise OSError(ctypes.get_errno(), "mprotect")
    return whole[:pages]


class GuardError(RuntimeError):
    """Something was written beside an array."""


class Block:
    """`size` bytes between two guards. It outlives the arrays in it where a recorded graph works on it."""

    def __init__(self, size: int, pool: "MemoryPool | None", device_id: int) -> None:
        self.size, self.device_id = size, device_id
        self._pool = None if pool is None else weakref.ref(pool)
        self.freed = False
        if _fenced:
            self.bytes = _before_a_fence(GUARD + size + FENCED_ALIGNMENT)
            self.bytes.fill(POISON)
            self.start = (self.bytes.size - size) // FENCED_ALIGNMENT * FENCED_ALIGNMENT  # pages begin at multiples of it
        elif size > HUGE:
            self.bytes = np.zeros(GUARD + size + GUARD + ALIGNMENT, np.uint8)
            self.start = GUARD + -(self.bytes.ctypes.data + GUARD) % ALIGNMENT
        else:
            self.bytes = np.full(GUARD + size + GUARD + ALIGNMENT, POISON, np.uint8)
            self.start = GUARD + -(self.bytes.ctypes.data + GUARD) % ALIGNMENT
        self.ptr = self.bytes.ctypes.data + self.start

    @property
    def pool(self) -> "MemoryPool | None":
        """The pool that the block goes back to; None where there was none, or is none any more."""
        return None if self._pool is None else self._pool()

    def view(self, offset: int, shape: tuple[int, ...], dtype: np.dtype, strides: tuple[int, ...] | None) -> np.ndarray:
        return np.ndarray(shape, dtype, self.bytes, self.start + offset, strides)

    def holds(self, host: np.ndarray) -> bool:
        """Whether `host` lies in this block."""
        return bool(np.may_share_memory(self.bytes, host))

    def check(self) -> None:
        """Raise `GuardError` naming the side if bytes beside the block were overwritten."""
        if self.size > HUGE:
            return
        sides = {"before": self.bytes[: self.start], "after": self.bytes[self.start + self.size :]}
        for side, guard in sides.items():
            written = np.flatnonzero(guard != POISON)
            if written.size:
                distance = guard.size - written[-1] if side == "before" else written[0] + 1
                text = f"something wrote {side} an array of {self.size} bytes: {written.size} bytes changed, the nearest {distance} away"
                raise GuardError(text)


_memories: "weakref.WeakSet[Memory]" = weakref.WeakSet()


class Memory:
    """The ownership of a block: when the last array over it is gone, the block goes back to its pool."""

    def __init__(self, size: int, pool: "MemoryPool | None" = None) -> None:
        self.block = Block(size, pool, current_device_id())
        _memories.add(self)
        if pool is not None:
            pool._taken(self.block)

    def __del__(self, at_the_end: Callable[[], bool] = sys.is_finalizing) -> None:
        if at_the_end():  # of the program, when what the pool would need is gone
            return
        block = self.block
        block.freed = True
        pool = block.pool
        if pool is not None:
            pool._given_back(block)

    @property
    def ptr(self) -> int:
        return self.block.ptr

    @property
    def size(self) -> int:
        return self.block.size

    @property
    def device_id(self) -> int:
        return self.block.device_id

    @property
    def device(self) -> Device:
        return Device(self.block.device_id)


class MemoryPointer:
    """An address in device memory."""

    def __init__(self, mem: Memory, offset: int) -> None:
        self.mem, self.offset = mem, offset

    @property
    def ptr(self) -> int:
        return self.mem.ptr + self.offset

    @property
    def device(self) -> Device:
        return self.mem.device

    @property
    def device_id(self) -> int:
        return self.mem.device_id

    def __add__(self, offset: int) -> "MemoryPointer":
        return MemoryPointer(self.mem, self.offset + offset)

    def __int__(self) -> int:
        return self.ptr

    def memset_async(self, value: int, size: int, stream: Any = None) -> None:
        from .capture import run  # which needs this module

        target = self.mem.block.view(self.offset, (size,), np.dtype(np.uint8), None)
        run(lambda: target.fill(value), [self.mem.block], stream)

    memset = memset_async


class MemoryPool:
    """Counts the bytes of the arrays in it, per device, in units of 512 as CuPy's pool does.

    Bytes given back count as the pool's until `free_all_blocks`.
    """

    def __init__(self, allocator: Callable | None = None) -> None:
        self._used: dict[int, int] = {}
        self._total: dict[int, int] = {}
        self.graphs: weakref.WeakSet[Any] = weakref.WeakSet()  # that were recorded with memory of this pool
        self._lock = threading.RLock()  # an array may be collected while the lock is held

    def malloc(self, size: int) -> MemoryPointer:
        return MemoryPointer(Memory(size, self), 0)

    def _taken(self, block: Block) -> None:
        recording = get_current_stream().graph
        if recording is not None:
            recording._use([block])  # kernels may know it by its address alone, in a table
        elif self is not default_pool:
            for graph in list(self.graphs):
                graph.allocated_outside()
        with self._lock:
            device = block.device_id
            self._used[device] = self._used.get(device, 0) + _rounded(block.size)
            self._total[device] = max(self._total.get(device, 0), self._used[device])

    def _given_back(self, block: Block) -> None:
        with self._lock:
            self._used[block.device_id] -= _rounded(block.size)

    def used_bytes(self) -> int:
        return self._used.get(current_device_id(), 0)

    def total_bytes(self) -> int:
        return self._total.get(current_device_id(), 0)

    def free_bytes(self) -> int:
        return self.total_bytes() - self.used_bytes()

    def n_free_blocks(self) -> int:
        return int(self.free_bytes() > 0)

    def free_all_blocks(self, stream: Any = None) -> None:
        self._total[current_device_id()] = self.used_bytes()

    def get_limit(self) -> int:
        return 0

    def set_limit(self, size: int | None = None, fraction: float | None = None) -> None:
        raise NotImplementedError("set_limit: the emulated pool has no limit")


def _rounded(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT


default_pool = MemoryPool()
_local = threading.local()
_allocator: Callable[[int], MemoryPointer] = default_pool.malloc


def alloc(size: int) -> MemoryPointer:
    """`size` bytes of the current device from the current allocator."""
    return get_allocator()(size)


def get_allocator() -> Callable[[int], MemoryPointer]:
    return getattr(_local, "allocator", None) or _allocator


def set_allocator(allocator: Callable[[int], MemoryPointer] | None = None) -> None:
    global _allocator
    _allocator = allocator or _unpooled


def _unpooled(size: int) -> MemoryPointer:
    return MemoryPointer(Memory(size), 0)


@contextmanager
def using_allocator(allocator: Callable[[int], MemoryPointer] | None = None) -> Iterator[None]:
    """Allocate from `allocator` inside the block, in this thread."""
    before = getattr(_local, "allocator", None)
    _local.allocator = allocator or _unpooled
    try:
        yield
    finally:
        _local.allocator = before


def check_guards(array: Any) -> None:
    """Raise `GuardError` if something was written beside the memory that `array` lies in."""
    array._memory.block.check()


def check_all_guards() -> None:
    """Raise `GuardError` if something was written beside any array that is alive."""
    for memory in list(_memories):
        memory.block.check()


def pointer_at(address: int) -> MemoryPointer:
    """The device memory at an address, for what gives addresses alone (`__cuda_array_interface__`)."""
    for memory in list(_memories):
        if memory.ptr <= address < memory.ptr + max(memory.size, 1):
            return MemoryPointer(memory, address - memory.ptr)
    raise ValueError(f"no device memory at {address:#x}")
