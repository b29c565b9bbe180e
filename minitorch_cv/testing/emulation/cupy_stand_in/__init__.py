"""A stand-in for CuPy over NumPy arrays, for tests on machines without a GPU.

    with emulated_gpu():
        import cupy

It is as strict as CuPy: it has the names, arguments and loops that CuPy has (names.json), keeps
NumPy's arrays and its own apart, and gives arrays where CuPy gives arrays. What a GPU does silently shows here: memory that nobody wrote
is NaN (`memory`), what was written beside an array is found (`check_guards`), work that a stream records is not done before its graph is
launched (`capture`), copies can come late (`late_copies`), and every transfer to the host is counted (`transfers`).

Not emulated: work on several streams at once, except for late copies; captures over several streams; peer access between devices; reuse
of memory by the pool; `cupy.random`, `fft`, `ElementwiseKernel`; NumPy's errors for indices out of range are kept, where CuPy wraps them.
"""

from typing import Any

from . import cuda as cuda
from . import cupyx as cupyx
from . import lib as lib
from . import linalg as linalg
from . import namespace as _namespace
from .arrays import ndarray as ndarray
from .capture import run as run
from .device import set_device_count as set_device_count
from .memory import GuardError as GuardError
from .memory import check_all_guards as check_all_guards
from .memory import check_guards as check_guards
from .memory import default_pool as _default_pool
from .names import TABLE as _TABLE
from .namespace import get_array_module as get_array_module
from .pinned import default_pinned_pool as _default_pinned_pool
from .streams import late_copies as late_copies
from .streams import transfers as transfers

__version__ = _TABLE["version"]


def is_available() -> bool:
    return cuda.is_available()


def get_default_memory_pool() -> Any:
    return _default_pool


def get_default_pinned_memory_pool() -> Any:
    return _default_pinned_pool


def __getattr__(name: str) -> Any:
    if name in ("RawModule", "RawKernel"):
        from minitorch_cv.testing.emulation.module import CpuModule  # which needs this package

        return CpuModule if name == "RawModule" else lambda code, name, options=(): CpuModule(code=code, options=options).get_function(name)
    if name.startswith("_"):
        raise AttributeError(name)
    return _namespace.get(name)
