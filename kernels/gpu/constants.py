"""Small tables on the GPU: copied there once, and kept.

Which pixels a window sees, what a resampled pixel is made of: such tables are made on the computer, once for each geometry, and read by
kernels at every step.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from kernels.gpu import current_device

MOST = 4096  # tables kept. A recorded CUDA graph refers to them without our knowing, so that none should be dropped soon


class _Itself:
    """An array as the key of a cache: equal to nothing but itself. Keeping it alive keeps its id from being given to another."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    def __hash__(self) -> int:
        return id(self.array)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Itself) and self.array is other.array


def constant(array: np.ndarray, function: Callable[[Any], Any] = np.ascontiguousarray) -> Any:
    """The copy of `function(array)` on the current GPU. It is made at the first call, and again for an equal array that is another object.

    Nobody may write to `array`, which therefore comes from a cache itself.
    """
    return _copied(_Itself(array), function, current_device())


@lru_cache(maxsize=MOST)
def _copied(key: _Itself, function: Callable[[Any], Any], device: int) -> Any:
    import cupy

    copy = cupy.asarray(function(key.array))
    cupy.cuda.get_current_stream().synchronize()  # there for all streams
    return copy
