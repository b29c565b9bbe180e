"""How kernels get onto a GPU.

CuPy gives the arrays in a GPU's memory and the compiler; the kernels are ours: CUDA C in the `.cu` file of their family, launched by
the `cuda_<family>.py` beside it (see `kernels.gpu.launch`). CuPy is looked for when somebody asks for a GPU, never before: everything
else works without it.
"""

from functools import cache
from types import ModuleType
from typing import Any

import numpy as np

from kernels.gpu.launch import THREADS, CudaSource, blocks_for, launch_sizes, wide_dtype

__all__ = [
    "THREADS", "CudaSource", "GpuUnavailableError", "blocks_for", "cupy", "current_device", "empty", "is_gpu", "launch_sizes", "problem",
    "wide_dtype", "zeros",
]  # fmt: skip

INSTALL = "pip install 'minitorch_cv[cuda13]' (or [cuda12], by the version of the driver that nvidia-smi shows)"


class GpuUnavailableError(RuntimeError):
    """A GPU was asked for where there is none, or nothing to use it with."""


@cache
def _is_gpu_type(kind: type) -> bool:
    # Arrays of other libraries have the interface too, PyTorch's even those on the CPU; `get`, a copy for NumPy, is CuPy's.
    return hasattr(kind, "__cuda_array_interface__") and hasattr(kind, "get")


def is_gpu(array: Any) -> bool:
    """Whether `array` lies in a GPU's memory, as CuPy's arrays do."""
    return _is_gpu_type(type(array))  # type: ignore[arg-type]


def cupy() -> ModuleType:
    """The module CuPy. GpuUnavailableError, which says what to do, where it or a GPU is missing."""
    sentence = problem()
    if sentence is not None:
        raise GpuUnavailableError(sentence)
    import cupy

    return cupy


def problem() -> str | None:
    """Why no GPU can be used here, in a sentence; None where one can."""
    try:
        import cupy
    except ImportError as error:
        return f"device 'cuda' needs CuPy, which cannot be imported ({error}): {INSTALL}"
    if not cupy.cuda.is_available():
        found = f"CuPy {cupy.__version__} is installed, but finds none (does nvidia-smi show one?)"
        return f"device 'cuda' needs an NVIDIA GPU and its driver: {found}"
    return None


def current_device() -> int:
    """The number of the GPU that computes: CuPy's current device."""
    import cupy

    return cupy.cuda.runtime.getDevice()


def empty(shape: tuple[int, ...], dtype: Any) -> Any:
    """A C-contiguous array of `shape` on the current GPU, its values undefined. CuPy reuses memory that nobody refers to any more."""
    import cupy

    return cupy.empty(shape, dtype)


def zeros(shape: tuple[int, ...], dtype: np.dtype | type) -> Any:
    """Like `empty`, filled with zeros."""
    import cupy

    return cupy.zeros(shape, dtype)
