"""Kernels written in Python and compiled for the GPU by Numba.

    from numba import cuda

    from kernels.gpu.numba_kernels import cuda_kernel

    @cuda_kernel
    def scale(x, y, factor):
        i = cuda.grid(1)
        if i < x.size:
            y[i] = x[i] * factor

    scale.launch(blocks_for(x.size), 256, x, y, np.float32(2))

Nothing is compiled before the first launch with arguments of these types, and nothing needs a GPU before that. How a kernel is written:

- The type of the numbers is the arrays': `cuda.shared.array((TILE, TILE), x.dtype)`, `total = x.dtype.type(0)`. So one kernel serves
  float32 and float64. A literal 0.0 is a float64, and would make float64 of all that is added to it.
- Sizes of shared and local arrays are constants of the module. `cuda.shared.array(0, x.dtype)` takes what `shared_memory` gives.
- Whole numbers are of 64 bits, threadIdx and its like too once they meet in a sum or a product; nothing needs a cast.
- Helpers that kernels call are decorated with `@cuda.jit(device=True)`, Numba's own.
"""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from numba import types

from kernels.gpu import is_gpu
from kernels.gpu.launch import _three

# What runs a kernel in place of a GPU: launcher(py_func, grid, block, arguments, shared_memory). Tests set it.
launcher: Callable[[Callable, tuple[int, int, int], tuple[int, int, int], tuple, int], None] | None = None


class CudaKernel:
    """A kernel that Numba compiles. `py_func`: the function it was made of."""

    def __init__(self, py_func: Callable) -> None:
        self.py_func = py_func
        self.__name__, self.__doc__, self.__module__ = py_func.__name__, py_func.__doc__, py_func.__module__

    def launch(self, blocks: int | tuple[int, ...], threads: int | tuple[int, ...], *arguments: Any, shared_memory: int = 0) -> None:
        """Run the kernel on the GPU of its first array, in CuPy's current stream.

        blocks, threads: how many, up to three dimensions; nothing is launched where there are no blocks. arguments: arrays on the GPU,
        numbers, None. shared_memory: bytes for shared arrays of size 0. TypeError for an array that is not on the GPU.
        """
        grid, block = _three(blocks), _three(threads)
        if 0 in grid:
            return
        for argument in arguments:
            if isinstance(argument, np.ndarray):
                raise TypeError(f"{self.py_func.__name__}: got a NumPy array of shape {argument.shape}, expected arrays on the GPU")
        if launcher is not None:
            launcher(self.py_func, grid, block, arguments, shared_memory)
            return
        import cupy
        from numba import cuda

        device = next(a for a in arguments if is_gpu(a)).device.id
        with cuda.gpus[device]:
            # A view for Numba costs some microseconds; without `sync=False`, it would wait for all work in CuPy's stream, at every launch.
            views = [cuda.as_cuda_array(a, sync=False) if is_gpu(a) else a for a in arguments]
            stream = cupy.cuda.get_current_stream(device).ptr
            self._compiled[grid, block, cuda.external_stream(stream) if stream else 0, shared_memory](*views)

    @cached_property
    def _compiled(self) -> Any:
        from numba import cuda

        return cuda.jit(self.py_func, extensions=[_NullForNone])


class _NullForNone:
    """What Numba asks about each argument before a launch. A kernel compiled for None has a parameter for it, of 64 bits, that Numba itself
    does not know how to fill."""

    @staticmethod
    def prepare_args(kind: Any, value: Any, stream: Any, retr: list) -> tuple[Any, Any]:
        """(type, value) as they are passed."""
        return (types.uint64, 0) if value is None else (kind, value)


def cuda_kernel(py_func: Callable) -> CudaKernel:
    """Decorates a kernel; see the module's text."""
    return CudaKernel(py_func)
