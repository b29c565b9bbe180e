"""How precisely matrix products are computed on a GPU.

Products of float16 and bfloat16 numbers run on tensor cores, and their sums are float32. Tensor cores know no float32 factors, but they
know TF32: a float32 whose fraction is rounded from 23 bits to 10, which makes a product several times as fast and changes it by about
one part in a thousand. Inside `with tf32():` products of float32 arrays may be computed so, convolutions too; nothing else changes.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any

_tf32: ContextVar[bool] = ContextVar("minitorch_cv_tf32", default=False)
_cublas: ContextVar[bool] = ContextVar("minitorch_cv_cublas", default=True)
_tensor_cores: ContextVar[bool] = ContextVar("minitorch_cv_tensor_cores", default=True)


def tf32_allowed() -> bool:
    """Whether products of float32 numbers may round their factors to TF32; not unless somebody asked for it."""
    return _tf32.get()


@contextmanager
def tf32(allowed: bool = True) -> Iterator[None]:
    """Inside, products of float32 arrays on a GPU may round their factors to TF32, or may not."""
    token = _tf32.set(allowed)
    try:
        yield
    finally:
        _tf32.reset(token)


def cublas_allowed() -> bool:
    """Whether matrix products may be cuBLAS's, where it has them; else they are the project's own."""
    return _cublas.get()


@contextmanager
def cublas(allowed: bool) -> Iterator[None]:
    """Inside, matrix products may be cuBLAS's, or are the project's own: those can be recorded in a CUDA graph."""
    token = _cublas.set(allowed)
    try:
        yield
    finally:
        _cublas.reset(token)


@contextmanager
def tensor_cores(used: bool = True) -> Iterator[None]:
    """Inside, the project's own products use tensor cores, or plain arithmetic, as on GPUs before sm_80: to compare the two."""
    token = _tensor_cores.set(used)
    try:
        yield
    finally:
        _tensor_cores.reset(token)


def on_tensor_cores(array: Any) -> bool:
    """Whether the project's own products of arrays like `array`, on its GPU, are for tensor cores."""
    small = array.dtype.itemsize == 2 or (array.dtype.itemsize == 4 and tf32_allowed())
    return small and _tensor_cores.get() and _compute_capability(array.device.id) >= 80


@cache
def _compute_capability(device: int) -> int:
    """75, 80, 90, ..."""
    import cupy

    return int(cupy.cuda.Device(device).compute_capability)
