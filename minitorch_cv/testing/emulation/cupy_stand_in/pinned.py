"""Host memory that the device copies from and to without waiting."""

from collections.abc import Callable
from typing import Any


class PinnedMemoryPointer(bytearray):
    """Host bytes, which `np.frombuffer` makes an array of."""


class PinnedMemoryPool:
    def __init__(self, allocator: Callable | None = None) -> None:
        self._allocator = allocator

    def malloc(self, size: int) -> PinnedMemoryPointer:
        return PinnedMemoryPointer(b"\xff" * size)

    def free_all_blocks(self) -> None:
        """Nothing is kept."""

    def n_free_blocks(self) -> int:
        return 0


default_pinned_pool = PinnedMemoryPool()


def alloc_pinned_memory(size: int) -> PinnedMemoryPointer:
    """`size` bytes of host memory."""
    return default_pinned_pool.malloc(size)


def is_pinned(array: Any) -> bool:
    """Whether a NumPy array lies in pinned memory."""
    while array is not None:
        if isinstance(array, PinnedMemoryPointer):
            return True
        array = array.obj if isinstance(array, memoryview) else getattr(array, "base", None)
    return False
