"""The GPU that tests run on: a real one where MINITORCH_CV_TEST_GPU=1 asks for it (`make test-gpu`), else the emulated one."""

import os
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from kernels.gpu import problem
from minitorch_cv.device import host
from minitorch_cv.testing import emulation

GPU = "real" if os.environ.get("MINITORCH_CV_TEST_GPU") == "1" else "emulated"

# Why tests that need a GPU, real or emulated, cannot run here; None where they can.
REASON = problem() if GPU == "real" else emulation.missing()


if GPU == "real" and REASON is None and os.environ.get("MINITORCH_CV_NO_POOL") == "1":  # for tests/sanitize.py
    import cupy

    cupy.cuda.set_allocator(None)


def gpu_here() -> AbstractContextManager[None]:
    """Inside there is a GPU: the real one, or the emulated."""
    return nullcontext() if GPU == "real" else emulation.emulated_gpu()


def to_gpu(value: Any, skipped: int = 0) -> Any:
    """NumPy arrays, alone or in lists, as arrays on the GPU, in the same order of memory; all else as it is.

    skipped: elements of the memory before the first of an array. CuPy's memory begins at multiples of 512 bytes.
    """
    if type(value) in (list, tuple):
        return type(value)([to_gpu(v, skipped) for v in value])
    if type(value) is dict:
        return {key: to_gpu(v, skipped) for key, v in value.items()}
    if not isinstance(value, np.ndarray):
        return value
    import cupy

    # Through the order of its memory, so that what is channels-last stays so.
    order = sorted(range(value.ndim), key=lambda axis: -abs(value.strides[axis]))
    values = np.asarray(value.transpose(order), order="C")
    memory = cupy.asarray(np.concatenate([np.zeros(skipped, values.dtype), values.reshape(-1)]))
    return memory[skipped:].reshape(values.shape).transpose(np.argsort(order).tolist())


def to_host(value: Any) -> Any:
    """The inverse of `to_gpu`; here too, in the same order of memory."""
    if type(value) in (list, tuple):
        return type(value)([to_host(v) for v in value])
    return host(value)
