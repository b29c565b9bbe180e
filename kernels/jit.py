"""Compiling kernels: the one place where Numba is set up.

`jit` is `numba.njit` with this project's settings. What it compiles is kept on disk, so that the next process starts
at once. Numba notices when the file of a kernel changes, but not when a helper in another file does: therefore the
cache lies in a folder that is named by a hash of all sources of `kernels/`, and a changed source never meets old
code.
"""

import hashlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import FunctionType
from typing import Any

# The threads of a parallel region wait for the next one by spinning. For ever, they would starve the threads of BLAS (measured: a small
# matrix product 30 times slower); not at all, and every region would start with a 50 us wake-up. About 200 us does both well.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")

import numba
from numba.core import event
from numba.core.caching import FunctionCache
from numba.core.ccallback import CFunc

from kernels.linking import keep_copies_apart

# What LLVM may do to floating point: contract a*b+c, reorder sums, ignore the sign of zero. Not "nnan" and "ninf",
# which fastmath=True would add: they allow it to assume that no NaN ever comes, and then a NaN vanishes in a maximum.
FAST_MATH = {"contract", "reassoc", "nsz", "arcp"}
# For arithmetic whose order is its point, where x - k*a - k*b must not become x - k*(a + b): multiply-adds may be fused, no more.
IN_ORDER = {"contract"}

keep_copies_apart()


def jit(function: Callable | None = None, *, parallel: bool = False, inline: bool = False, strict: bool = False) -> Callable:
    """Compile a kernel for this CPU, on first use for each combination of argument types.

    parallel: `numba.prange` loops run on several threads. inline: always copied into its callers. strict: IEEE arithmetic in source order.
    """
    def decorate(python_function: Callable) -> Callable:
        with _cache_in(cache_folder()):
            kernel = numba.njit(
                python_function, cache=True, parallel=parallel, nogil=True, error_model="numpy",
                fastmath=False if strict else FAST_MATH, inline="always" if inline else "never",
                no_cfunc_wrapper=True,  # nobody calls kernels from C; a tenth of the time of compiling
            )  # fmt: skip
        _find_again(kernel._cache, python_function)
        return kernel
    return decorate if function is None else decorate(function)


def jit_callback(function: Callable, signature: numba.core.typing.Signature, strict: bool = False) -> int:
    """Compile `function` now, as one that is called through its address, with arguments of C's types as in `signature`; the address.

    The machine code stays where it is as long as the process lives. strict: as for `jit`.
    """
    options = {"nogil": True, "error_model": "numpy", "fastmath": False if strict else FAST_MATH}
    with _cache_in(cache_folder()):
        callback: Any = CFunc(function, (signature.args, signature.return_type), {}, options)
        callback.enable_caching()
    _find_again(callback._cache, function)
    callback.compile()
    _callbacks.append(callback)  # its machine code would go with it
    return callback.address


_callbacks: list[CFunc] = []


def _find_again(kept: FunctionCache, function: Callable) -> None:
    """Let a function that captured others be looked up by their names.

    Numba would look its code up by a pickle of them. A compiled function is pickled differently in every process, so such code would
    never be found again.
    """
    if function.__closure__:
        captured = _identity(function)
        kept._index_key = lambda signature, codegen: (signature, codegen.magic_tuple(), captured)


def _identity(value: object) -> str:
    """A captured value in words: a number is itself, a function is its name and what it captured in turn."""
    function = getattr(value, "py_func", value)
    if not isinstance(function, FunctionType):
        return repr(value)
    captured = ", ".join(_identity(cell.cell_contents) for cell in function.__closure__ or ())
    return f"{function.__module__}.{function.__qualname__}({captured})"


@cache
def cache_folder() -> Path:
    """Where compiled code is kept: below NUMBA_CACHE_DIR or the user's cache folder, one folder for each state of the sources."""
    home = Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache")
    base = Path(os.environ.get("NUMBA_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME") or home)
    folder = base / "minitorch_cv" / f"kernels-{source_hash()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise PermissionError(folder)
    except OSError:
        folder = Path(tempfile.gettempdir()) / f"minitorch_cv-{os.getuid()}" / f"kernels-{source_hash()}"
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def source_hash() -> str:
    """A hash of every source file of `kernels/` and of the versions that compile them."""
    digest = hashlib.sha256(f"{numba.__version__} {sys.version}".encode())
    root = Path(__file__).parent
    for path in sorted(root.rglob("*.py")):
        digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


@contextmanager
def _cache_in(folder: Path) -> Iterator[None]:
    # Numba reads the setting when a function is decorated; the user's own functions keep theirs.
    before, numba.config.CACHE_DIR = numba.config.CACHE_DIR, str(folder)
    try:
        yield
    finally:
        numba.config.CACHE_DIR = before


@contextmanager
def compile_notices(tell: Callable[[str], None]) -> Iterator[None]:
    """Inside the block, call `tell(name)` whenever the compilation of a kernel begins: "conv2d.numba_conv2d.convolve", say.

    The helpers that a kernel calls are compiled along with it, and not told.
    """

    class Listener(event.Listener):
        depth = 0

        def on_start(self, happened: event.Event) -> None:
            function = happened.data["dispatcher"].py_func
            if self.depth == 0 and function.__module__.startswith("kernels."):
                tell(f"{function.__module__.removeprefix('kernels.')}.{function.__name__}")
            self.depth += 1

        def on_end(self, happened: event.Event) -> None:
            self.depth -= 1

    with event.install_listener("numba:compile", Listener()):
        yield


def set_num_threads(threads: int) -> None:
    """Use `threads` threads for the kernels that this thread calls."""
    most = numba.config.NUMBA_NUM_THREADS
    if not 1 <= threads <= most:
        raise ValueError(f"threads: got {threads}, expected 1 to {most} on this machine")
    numba.set_num_threads(threads)


def get_num_threads() -> int:
    """How many threads kernels called from this thread use."""
    return numba.get_num_threads()
