"""CUDA C compiled by a C++ compiler, with the interface of `cupy.RawModule`: the very same source, executed on the CPU."""

import ctypes
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any, cast

import numpy as np

HERE = Path(__file__).parent
HEADER, TENSOR_CORE, RUNTIME = HERE / "cuda_on_cpu.h", HERE / "tensor_core_on_cpu.h", HERE / "runtime.cpp"
CHECKS = "bounds,signed-integer-overflow,shift,integer-divide-by-zero,alignment"
COMMON = ("-std=c++17", "-O1", "-fPIC", "-ffp-contract=off", "-Wno-unknown-pragmas")
MOST_THREADS = 1024  # in a block: what CUDA allows
MOST_SHARED_MEMORY = 163 * 1024  # of a block, on sm_80
MOST_BLOCKS = (2**31 - 1, 65535, 65535)

_BOUNDS = r"(?:__launch_bounds__\s*\([^)]*\)\s*)?"
_KERNEL = re.compile(rf"(?:\bKERNEL|__global__\s+{_BOUNDS}void)\s+{_BOUNDS}(\w+)\s*\(")
_DYNAMIC = re.compile(r"extern\s+__shared__\s+(?:__align__\s*\(\d+\)\s*)?([\w ]+?)\s+(\w+)\s*\[\s*\]\s*;")


class CudaFault(RuntimeError):
    """A kernel did what CUDA forbids, or what no array has room for."""


def compiler() -> str | None:
    """The C++ compiler: $CXX, g++ or clang++, what there is first."""
    return next((path for name in (os.environ.get("CXX"), "g++", "clang++") if name and (path := shutil.which(name))), None)


def kernel_names(source: str) -> list[str]:
    """The names of the kernels in a CUDA C source."""
    return list(dict.fromkeys(name for name in _KERNEL.findall(_without_comments(source)) if name != "void"))


def _without_comments(source: str) -> str:
    return re.sub(r"//[^\n]*|/\*.*?\*/", "", source, flags=re.DOTALL)


class CpuModule:
    """The interface of `cupy.RawModule`, for kernels that run on the CPU over arrays of the stand-in for CuPy.

    launched: called with the name of every kernel that was run.
    """

    launched: Callable[[str], None] | None = None

    def __init__(self, *, code: str, options: Sequence[str] = (), **ignored: Any) -> None:
        self.names = kernel_names(code)
        runtime()
        self._library = ctypes.CDLL(str(built(*for_the_cpu(code, options))))

    def get_function(self, name: str) -> "CpuKernel":
        """The kernel of that name."""
        if name not in self.names:
            raise CudaFault(f"{name}: not one of the kernels of this module: {', '.join(self.names)}")
        return CpuKernel(name, self._library)


def for_the_cpu(code: str, options: Sequence[str] = ()) -> tuple[str, tuple[str, ...]]:
    """CUDA C as a C++ compiler takes it, with an entry for each kernel, and the compiler's options."""
    source = _DYNAMIC.sub(r"\1* const \2 = (\1*)cuda_on_cpu::dynamic_shared;", code)
    source += "\n" + "\n".join(f"CUDA_ON_CPU_EXPORT({name})" for name in kernel_names(code)) + "\n"
    macros = [option for option in options if option.startswith("-D")]
    return source, ("-include", str(HEADER), f"-fsanitize={CHECKS}", "-fno-sanitize-recover=all", *macros)


class CpuKernel:
    """A kernel, to be called as CuPy's are."""

    def __init__(self, name: str, library: ctypes.CDLL) -> None:
        self.name = name
        self._launch = getattr(library, f"{name}__launch")
        ask = getattr(library, f"{name}__sizes")
        sizes = (ctypes.c_int * ask(None))()
        ask(sizes)
        self._sizes = list(sizes)
        self.max_dynamic_shared_size_bytes = 48 * 1024  # more must be asked for by setting this

    def __call__(self, grid: Sequence[int], block: Sequence[int], args: Sequence[Any], *, shared_mem: int = 0) -> None:
        """Run the kernel on `grid` blocks of `block` threads, at once; recorded instead where a stream captures."""
        from minitorch_cv.testing.emulation.cupy_stand_in import capture

        grid, block = _three(grid), _three(block)
        if 0 in grid or 0 in block or any(g > most for g, most in zip(grid, MOST_BLOCKS, strict=True)):
            raise CudaFault(f"{self.name}: got a grid of {grid} blocks of {block} threads, which CUDA does not launch")
        if block[0] * block[1] * block[2] > MOST_THREADS:
            raise CudaFault(f"{self.name}: got blocks of {block} threads, more than {MOST_THREADS}")
        if not shared_mem <= self.max_dynamic_shared_size_bytes <= MOST_SHARED_MEMORY:
            most = min(self.max_dynamic_shared_size_bytes, MOST_SHARED_MEMORY)
            raise CudaFault(f"{self.name}: got {shared_mem} bytes of shared memory, where {most} are allowed")
        if len(args) != len(self._sizes):
            raise CudaFault(f"{self.name}: got {len(args)} arguments, expected {len(self._sizes)}")
        slots = [_slot(self.name, i, a, size) for i, (a, size) in enumerate(zip(args, self._sizes, strict=True))]
        blocks = capture.blocks_of(*[a for a in args if hasattr(a, "_host")])
        capture.run(lambda: self._run(grid, block, slots, shared_mem, blocks), blocks)

    def _run(self, grid: tuple[int, ...], block: tuple[int, ...], slots: list, shared_mem: int, blocks: list) -> None:
        from minitorch_cv.testing.emulation.cupy_stand_in.memory import GuardError

        pointers = (ctypes.c_void_p * len(slots))(*[ctypes.addressof(slot) for slot in slots])
        three = ctypes.c_uint * 3
        if self._launch(pointers, three(*grid), three(*block), ctypes.c_uint(shared_mem)):
            raise CudaFault(f"{self.name}: {runtime().cuda_on_cpu_message().decode()}")
        for memory in blocks:
            try:
                memory.check()
            except GuardError as error:
                raise CudaFault(f"{self.name}: {error}") from None
        if CpuModule.launched is not None:
            CpuModule.launched(self.name)


def _slot(kernel: str, number: int, argument: Any, size: int) -> Any:
    """The argument as the bytes that a kernel gets; a Python number as CuPy passes it."""
    if hasattr(argument, "_host"):
        if not _gapless(argument):
            gaps = f"shape {argument.shape} and strides {argument.strides}"
            raise CudaFault(f"{kernel}: argument {number} has {gaps}: gaps, which a pointer hides")
        value: Any = ctypes.c_void_p(argument.data.ptr)
    elif isinstance(argument, (bool, np.bool_)):
        value = ctypes.c_bool(argument)
    elif isinstance(argument, int):
        value = ctypes.c_longlong(argument)
    elif isinstance(argument, float):
        value = ctypes.c_double(argument)
    elif isinstance(argument, np.generic):
        value = np.ctypeslib.as_ctypes_type(cast(Any, argument.dtype))(argument.item())
    else:
        raise TypeError(f"{kernel}: argument {number} is {type(argument).__name__}, which no kernel takes")
    if ctypes.sizeof(value) != size:
        raise CudaFault(f"{kernel}: argument {number} has {ctypes.sizeof(value)} bytes, the kernel takes {size}")
    return value


def _gapless(array: Any) -> bool:
    order = sorted(range(array.ndim), key=lambda axis: -array.strides[axis])
    return array.size == 0 or array._host.transpose(order).flags.c_contiguous


@contextmanager
def order(threads: int = 0, blocks: int = 0) -> Iterator[None]:
    """Inside, threads of a block and blocks of a grid run forward (0), backward (1) or shuffled (2 and up, each in its own way)."""
    runtime().cuda_on_cpu_order(threads, blocks)
    try:
        yield
    finally:
        runtime().cuda_on_cpu_order(0, 0)


@contextmanager
def only_blocks(first: int, count: int) -> Iterator[None]:
    """Inside, only `count` blocks of every grid run, from number `first` (negative: from the end): for arrays too large for all."""
    runtime().cuda_on_cpu_blocks(ctypes.c_longlong(first), ctypes.c_longlong(count))
    try:
        yield
    finally:
        runtime().cuda_on_cpu_blocks(ctypes.c_longlong(0), ctypes.c_longlong(-1))


@cache
def runtime() -> ctypes.CDLL:
    """The library that runs the threads; its names are there for the kernels' libraries, which are loaded later."""
    library = ctypes.CDLL(str(built(RUNTIME.read_text(), ("-U_FORTIFY_SOURCE", "-fno-stack-protector"))), ctypes.RTLD_GLOBAL)
    library.cuda_on_cpu_message.restype = ctypes.c_char_p
    return library


def built(source: str, options: tuple[str, ...]) -> Path:
    """The shared library made of `source`, compiled once for the same source, options and headers. Threads may ask for it at once."""
    path = compiler()
    if path is None:
        raise RuntimeError("no C++ compiler: CUDA kernels are executed on the CPU by g++ or clang++; set CXX or install one")
    parts = [source, path, *COMMON, *options, HEADER.read_text(), TENSOR_CORE.read_text()]
    key = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "minitorch_cv" / "cuda_on_cpu"
    library = folder / f"{key}.so"
    with _building.setdefault(key, Lock()):
        if not library.exists():
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder) as scratch:
                object_file, made = Path(scratch) / "kernels.o", Path(scratch) / "kernels.so"
                _call([path, *COMMON, *options, "-x", "c++", "-c", "-o", str(object_file), "-"], source)
                # Linked without the sanitizer's own library: runtime.cpp has its handlers.
                _call([path, "-shared", "-o", str(made), str(object_file)])
                made.replace(library)
    return library


_building: dict[str, Lock] = {}


def _call(command: list[str], source: str = "") -> None:
    result = subprocess.run(command, input=source, text=True, capture_output=True, check=False)
    if result.returncode:
        raise RuntimeError(f"the C++ compiler refused a kernel:\n{result.stderr}")


def _three(size: Sequence[int]) -> tuple[int, int, int]:
    x, y, z = (*size, 1, 1)[:3]
    return int(x), int(y), int(z)
