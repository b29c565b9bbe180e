"""A GPU that is not there: CUDA kernels executed on the CPU, and a stand-in for CuPy, so that all GPU code can be tested without one.

    from minitorch_cv.testing.emulation import emulated_gpu

    with emulated_gpu():
        x = mt.tensor([1.0, 2.0], device="cuda")
        y = (x * x).sum()

The `.cu` files are compiled by a C++ compiler (`cuda_on_cpu.h`, `runtime.cpp`, `module.py`): every CUDA thread is a fiber. Numba CUDA
kernels run in `numba_simulator`. `cupy_stand_in` takes CuPy's place; its arrays lie in ordinary memory, but refuse what CuPy's would.
Nothing of this is fast, and nothing of it is used but by tests.
"""

import importlib
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from minitorch_cv.testing.emulation.module import CpuModule, CudaFault, compiler, kernel_names, only_blocks

__all__ = [
    "CpuModule", "CudaFault", "compiler", "emulated_gpu", "fenced_memory", "kernel_names", "launched_kernels", "missing", "only_blocks",
    "order",
]  # fmt: skip

_MODULES = {"cupy": "cupy_stand_in", "cupy.cuda": "cupy_stand_in.cuda", "cupyx": "cupy_stand_in.cupyx"}


def missing() -> str | None:
    """Why kernels cannot be executed here, in a sentence; None where they can."""
    return None if compiler() else "CUDA kernels are executed on the CPU by a C++ compiler, and there is neither g++ nor clang++ here"


@contextmanager
def emulated_gpu() -> Iterator[None]:
    """Inside, `import cupy` gives the stand-in, and kernels for the GPU are executed on the CPU. May be nested."""
    from kernels.gpu import numba_kernels
    from minitorch_cv.testing.emulation import numba_simulator

    before = {name: sys.modules.get(name) for name in _MODULES}
    launcher = numba_kernels.launcher
    sys.modules.update({name: importlib.import_module(f"{__name__}.{real}") for name, real in _MODULES.items()})
    numba_kernels.launcher = numba_simulator.launch
    try:
        yield
    finally:
        numba_kernels.launcher = launcher
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module


def fenced_memory() -> AbstractContextManager[None]:
    """Inside, memory that may not be touched follows every new array: a kernel that reads beyond one is a `CudaFault`."""
    from minitorch_cv.testing.emulation.cupy_stand_in import memory

    return memory.fenced_memory()


@contextmanager
def launched_kernels() -> Iterator[set[str]]:
    """The names of the kernels that are executed inside, CUDA C and Numba CUDA."""
    from minitorch_cv.testing.emulation import numba_simulator

    names: set[str] = set()
    before, CpuModule.launched = CpuModule.launched, names.add
    try:
        with numba_simulator.watch(lambda py_func, arguments: names.add(py_func.__name__)):
            yield names
    finally:
        CpuModule.launched = before


@contextmanager
def order(threads: int = 0, blocks: int = 0) -> Iterator[None]:
    """Inside, threads of a block and blocks of a grid run forward (0), backward (1) or shuffled (2 and up, each in its own way)."""
    from minitorch_cv.testing.emulation import module, numba_simulator

    with module.order(threads, blocks), numba_simulator.order(threads):
        yield
