"""Lists of arrays as tables on the GPU: addresses, and the chunks into which all arrays are cut.

What a kernel is given of a model is the same at every step, gradients included: CuPy hands the memory of the step before out again. So
tables stay on the GPU, and are found there by what is in them.
"""

from collections.abc import Callable, Hashable, Sequence
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from kernels.layout import contiguous, memory_order
from kernels.optimizer import recording

Arrays = Sequence[Any]

CHUNK = 1 << 12  # elements of an array that a block of threads works on


class Table:
    """Lists of arrays as lines of addresses, one (written..., read) for each array of a list; 0 for a list that is None.

    Inside the `with` block all arrays of a line have their elements in one order in memory, without gaps: those that have not are
    represented by copies, and the copies of written arrays are written back at the end. `blocks` is the number of chunks.
    """

    def __init__(self, written: list[Arrays | None], read: Arrays | None) -> None:
        self._copies: list[tuple[Any, Any]] = []  # (written array, its copy)
        self._alive: list[Any] = []
        lists = written if read is None else [*written, read]
        there = [arrays for arrays in lists if arrays is not None]
        self.sizes = tuple([array.size for array in there[0]])
        count = len(written) - written.count(None)
        try:
            lines = np.array([self._line(arrays, count) for arrays in zip(*there, strict=True)], np.int64)
        except AttributeError as error:  # of a NumPy array, which has another kind of `data`
            raise TypeError("arrays: got some on a GPU and some in the computer's memory, expected all in one place") from error
        self._lines = np.zeros((len(self.sizes), len(lists)), np.int64)
        self._lines[:, [place for place, arrays in enumerate(lists) if arrays is not None]] = lines
        self.blocks = len(chunks(self.sizes))

    def _line(self, arrays: Arrays, written: int) -> list[int]:
        if all(array.flags.c_contiguous for array in arrays):
            return [array.data.ptr for array in arrays]
        order = memory_order(arrays[0]) or tuple(range(arrays[0].ndim))
        line = []
        for number, array in enumerate(arrays):
            turned = array.transpose(order)
            dense: Any = contiguous(turned)
            if dense is not turned:
                self._alive.append(dense)
                if number < written:
                    self._copies.append((turned, dense))
            line.append(dense.data.ptr)
        return line

    def __enter__(self) -> "Table":
        return self

    def __exit__(self, *exception: object) -> None:
        for turned, dense in self._copies:
            turned[...] = dense

    @property
    def addresses(self) -> Any:
        """(arrays of a list, lists) on the GPU."""
        return self.constant(self._lines)

    @cached_property
    def chunks(self) -> Any:
        """(blocks, 3) on the GPU: which line, the first element, how many."""
        return _on_gpu(chunks, self.sizes)

    @property
    def first_chunks(self) -> Any:
        """(arrays of a list + 1,) on the GPU: the number of the first chunk of each array, and of all chunks."""
        return _on_gpu(first_chunks, self.sizes)

    def constant(self, values: np.ndarray) -> Any:
        """`values` on the GPU, not to be changed there."""
        return _on_gpu(_values, values.tobytes(), values.dtype.str, values.shape)


@lru_cache(maxsize=64)
def chunks(sizes: tuple[int, ...]) -> np.ndarray:
    """(chunks, 3): number of the array, first element, how many, for arrays of these sizes."""
    pieces = [(owner, start, min(CHUNK, size - start)) for owner, size in enumerate(sizes) for start in range(0, size, CHUNK)]
    return np.array(pieces, np.int64).reshape(-1, 3)


def first_chunks(sizes: tuple[int, ...]) -> np.ndarray:
    """The number of the first chunk of each array, and the number of all chunks."""
    return np.searchsorted(chunks(sizes)[:, 0], np.arange(len(sizes) + 1)).astype(np.int64)


def _values(content: bytes, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    return np.frombuffer(content, dtype).reshape(shape)


def _on_gpu(make: Callable[..., np.ndarray], *key: Hashable) -> Any:
    """make(*key) on the GPU that computes."""
    import cupy

    recorded = recording.recorded()
    if recorded is not None:
        return recorded.table(make(*key))
    return _kept(cupy.cuda.runtime.getDevice(), cupy.cuda.get_current_stream().ptr, make, *key)


@lru_cache(maxsize=256)
def _kept(device: int, stream: int, make: Callable[..., np.ndarray], *key: Hashable) -> Any:
    # For each stream by itself: another one might read before the copy has arrived.
    import cupy

    return cupy.asarray(make(*key))
