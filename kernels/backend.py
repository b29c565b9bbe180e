"""Which version of a kernel runs: the one place that looks at the type of an array.

A family of kernels is a folder, `kernels/pool2d`, say. Its `__init__.py` holds the contract: what is computed, the
shapes, the errors. Beside it stands one module for each backend, named `<backend>_<family>.py`: `numpy_pool2d.py` is
the definition, `numba_pool2d.py` the fast version. Both define functions of the same names and arguments, and a contract ends with

    return implementation("pool2d", "max_pool2d", x)(x, kernel_size, ...)

The NumPy module is complete; a function that the Numba module does not have falls back to it. A `meta_pool2d.py` holds functions for
arrays that are only shapes (see `kernels.meta`), those for which the definition would not do.

An array in a GPU's memory runs `cuda_pool2d.py`, whose kernels are CUDA C; inside `with backend("numba_cuda"):` those of
`numba_cuda_pool2d.py`, where there are such. So a backend is chosen for each kind of array by itself: "numpy" or "numba" for arrays in
the computer's memory, "cuda" or "numba_cuda" for arrays in a GPU's.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib import import_module
from importlib.util import find_spec

import numpy as np

from kernels.gpu import is_gpu
from kernels.meta import MetaArray

BACKENDS = ("numpy", "numba")
GPU_BACKENDS = ("cuda", "numba_cuda")
FAST_DTYPES = (np.dtype(np.float32), np.dtype(np.float64))

_chosen: ContextVar[str | None] = ContextVar("minitorch_cv_backend", default=None)
_chosen_on_gpu: ContextVar[str] = ContextVar("minitorch_cv_gpu_backend", default="cuda")


def current_backend() -> str:
    """The backend that NumPy arrays run on now: `with backend(...)`, else MINITORCH_CV_BACKEND, else "numba"."""
    return _chosen.get() or _from_environment()


def current_gpu_backend() -> str:
    """The backend that arrays on a GPU run on now: `with backend(...)`, else "cuda"."""
    return _chosen_on_gpu.get()


@cache
def _from_environment() -> str:
    # Read once: this is asked at every call of every kernel.
    return _checked(os.environ.get("MINITORCH_CV_BACKEND") or "numba", "MINITORCH_CV_BACKEND", BACKENDS)


@contextmanager
def backend(name: str) -> Iterator[None]:
    """Run the kernels called inside the block, by this thread, on backend `name`.

    "numpy" and "numba" are for arrays in the computer's memory, "cuda" and "numba_cuda" for arrays on a GPU; the other kind stays as it is.
    """
    variable: ContextVar = _chosen_on_gpu if name in GPU_BACKENDS else _chosen
    token = variable.set(_checked(name, "backend", (*BACKENDS, *GPU_BACKENDS)))
    try:
        yield
    finally:
        variable.reset(token)


def choose(array: np.ndarray, **versions: Callable) -> Callable:
    """Of several versions of one kernel, given by the names of their backends, the one that computes on arrays like `array`.

    For kernels that live outside this package: `choose(x, numpy=blur, numba=fast_blur)(x)`. A version "numpy" must be there: it takes
    the place of those that are not. "meta" is the one for shape-only arrays. On a GPU, a definition in NumPy functions and methods
    of arrays works too: CuPy's arrays answer to them.
    """
    known = (*BACKENDS, *GPU_BACKENDS, "meta")
    if unknown := set(versions) - {*known}:
        raise ValueError(f"versions: got {', '.join(sorted(unknown))}, expected some of {', '.join(known)}")
    if "numpy" not in versions:
        raise ValueError(f"versions: got {', '.join(versions) or 'none'}, expected at least numpy, the definition")
    name = _backend_of(array)
    while name not in versions:
        name = _INSTEAD.get(name, "numpy")
    return versions[name]


def implementation(family: str, function: str, array: np.ndarray) -> Callable:
    """The version of `kernels.<family>.<function>` that computes on arrays like `array`."""
    return _lookup(family, function, _backend_of(array))


# What takes the place of a version that does not exist; the definition for all others.
_INSTEAD = {"numba_cuda": "cuda"}


def _backend_of(array: np.ndarray) -> str:
    if type(array) is MetaArray:
        return "meta"
    if is_gpu(array):
        return _chosen_on_gpu.get()
    return "numba" if current_backend() == "numba" and array.dtype in FAST_DTYPES else "numpy"


@cache
def _lookup(family: str, function: str, backend_name: str) -> Callable:
    name = f"kernels.{family}.{backend_name}_{family}"
    if backend_name != "numpy" and (find_spec(name) is None or not hasattr(import_module(name), function)):
        return _lookup(family, function, _INSTEAD.get(backend_name, "numpy"))
    return getattr(import_module(name), function)


def _checked(name: str, where: str, known: tuple[str, ...]) -> str:
    if name not in known:
        raise ValueError(f"{where}: got {name!r}, expected one of {', '.join(known)}")
    return name
