"""What a device array is: memory with a shape. All that can be done with one is in `arrays.ndarray`, the class that users see."""

from typing import TYPE_CHECKING, Any

import numpy as np

from . import memory


def checked_dtype(dtype: Any) -> np.dtype:
    """The dtype, of those that CuPy has: booleans, integers, floating and complex numbers, bfloat16."""
    kind = np.dtype(dtype)
    if kind.char not in "?bhilqBHILQefdFDE":
        raise ValueError(f"Unsupported dtype {kind}")
    return kind


def strides_of(shape: tuple[int, ...], itemsize: int, order: str) -> tuple[int, ...]:
    strides, step = [], itemsize
    for length in shape[::-1] if order == "C" else shape:
        strides.append(step)
        step *= max(length, 1)
    return tuple(strides[::-1] if order == "C" else strides)


class Array:
    """Memory with a shape; the base of `arrays.ndarray`, so that what makes and takes arrays need not know all that they can do."""

    _host: np.ndarray  # the same memory, shape and strides
    _memory: memory.Memory
    base: "Array | None"
    kind: "type[Array]"  # the class of all arrays

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    def __init_subclass__(cls) -> None:
        Array.kind = cls

    def __init__(
        self, shape: Any, dtype: Any = float, memptr: memory.MemoryPointer | None = None, strides: Any = None, order: str = "C"
    ) -> None:
        shape = (int(shape),) if np.ndim(shape) == 0 else tuple(map(int, shape))
        kind = checked_dtype(dtype)
        if order not in ("C", "F", None):
            raise ValueError(f"order not understood. order={order}")
        if any(length < 0 for length in shape):
            raise ValueError("Negative dimensions are not allowed")
        if strides is None:
            strides = strides_of(shape, kind.itemsize, order or "C")
        elif memptr is None:
            raise ValueError("memptr is required if strides is given.")
        if memptr is None:
            memptr = memory.alloc(int(np.prod(shape, dtype=np.int64)) * kind.itemsize)
        self._memory, self.base = memptr.mem, None
        self._host = memptr.mem.block.view(memptr.offset, shape, kind, strides)


def new(*args: Any, **kwargs: Any) -> Array:
    """An array of the class that users see."""
    return Array.kind(*args, **kwargs)
