"""From a `.cu` file to a running kernel.

A family's CUDA C kernels stand in one file beside their launcher. The file does not say what a `Real` is: the type of the numbers in
memory (float32, float64, float16 or bfloat16) is chosen when the file is compiled, once for each type, by a macro that `types.cuh`
reads. Sizes are arguments, never part of the source: a new shape compiles nothing.

Kernels take pointers, `Index` (64 bits) for whole numbers and `double` for others: what Python's int and float are to CuPy.

    SOURCE = CudaSource("relu.cu")                                     # in cuda_relu.py, beside relu.cu
    SOURCE.launch("relu", x.dtype, blocks_for(x.size), 256, x, y, x.size)
"""

import re
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

SHARED = Path(__file__).parent  # where types.cuh and its like are
REALS = {"float32": "REAL_FLOAT32", "float64": "REAL_FLOAT64", "float16": "REAL_FLOAT16", "bfloat16": "REAL_BFLOAT16"}
OPTIONS = ("-std=c++17",)
USUAL_SHARED_MEMORY = 48 * 1024  # bytes that a block may have unasked
THREADS = 256  # in a block, where a kernel has no reason for another number
MOST_BLOCKS = 1 << 16  # enough to fill any GPU many times over; loops over the grid do the rest

_INCLUDE = re.compile(r'^#include "([\w.]+)"[^\n]*$', re.MULTILINE)


class CudaSource:
    """The kernels of one `.cu` file, which stands beside the Python file that calls this."""

    def __init__(self, file_name: str) -> None:
        caller = sys._getframe(1)
        self.path = Path(caller.f_code.co_filename).with_name(file_name)

    def launch(self, kernel: str, real: Any, blocks: int | tuple[int, ...], threads: int | tuple[int, ...], *arguments: Any,
               shared_memory: int = 0, **macros: int) -> None:  # fmt: skip
        """Run `kernel`, compiled for elements of the dtype `real`, on the GPU of its first array, in CuPy's current stream.

        blocks, threads: how many, up to three dimensions; nothing is launched where there are no blocks. arguments: arrays without gaps
        in their memory, Python numbers, None for a null pointer. shared_memory: bytes for `extern __shared__`. macros: small numbers
        that the compiler must know (MAX_TAPS=9): every new value compiles the file anew.
        """
        grid, block = _three(blocks), _three(threads)
        if 0 in grid:
            return
        device = next(a for a in arguments if hasattr(type(a), "__cuda_array_interface__")).device
        import cupy

        function = _function(cupy, self.path, kernel, str(real), device.id, tuple(sorted(macros.items())))
        given = tuple([_NULL if a is None else a for a in arguments])
        with device:
            if shared_memory > USUAL_SHARED_MEMORY:
                function.max_dynamic_shared_size_bytes = shared_memory
            function(grid, block, given, shared_mem=shared_memory)


_NULL = np.uint64(0)


def source_text(path: Path, real: str, macros: tuple[tuple[str, int], ...] = ()) -> str:
    """What is compiled: the file with its `#include "..."` put in, under the macros that say what a Real is."""
    if real not in REALS:
        raise TypeError(f"dtype: got {real}, expected one of {', '.join(REALS)}")
    lines = [f"#define {REALS[real]} 1", *[f"#define {name} {value}" for name, value in macros]]
    return "\n".join([*lines, _with_includes(path, set())])


def _with_includes(path: Path, seen: set[str]) -> str:
    text = path.read_text(encoding="utf-8")

    def put_in(match: re.Match[str]) -> str:
        name = match[1]
        if name in seen:
            return ""
        seen.add(name)
        line = text.count("\n", 0, match.start()) + 2
        beside = path.with_name(name)
        inner = _with_includes(beside if beside.exists() else SHARED / name, seen)
        return f'{inner}\n#line {line} "{path.name}"'

    return f'#line 1 "{path.name}"\n' + _INCLUDE.sub(put_in, text)


@cache
def _function(cupy: Any, path: Path, kernel: str, real: str, device: int, macros: tuple[tuple[str, int], ...]) -> Any:
    """The kernel as CuPy calls it, one for each device: what is set of a kernel, its shared memory, is set on one device."""
    return _compiled(cupy, path, real, device, macros).get_function(kernel)


@cache
def _compiled(cupy: Any, path: Path, real: str, device: int, macros: tuple[tuple[str, int], ...]) -> Any:
    """The module of `path`, compiled at its first use and kept; CuPy keeps the binaries on disk too."""
    return cupy.RawModule(code=source_text(path, real, macros), options=OPTIONS)


def _three(size: int | tuple[int, ...]) -> tuple[int, int, int]:
    sizes = tuple(size) if isinstance(size, tuple) else (size,)
    x, y, z = (*sizes, 1, 1)[:3]
    return int(x), int(y), int(z)


def blocks_for(count: int, threads: int = THREADS) -> int:
    """Blocks for a loop over `count` things, one for each thread (`FOR_EACH` in types.cuh); a very long loop goes round the grid."""
    return min(-(-count // threads), MOST_BLOCKS)


def launch_sizes(rows: int, columns: int, threads: int = THREADS) -> tuple[tuple[int, int], tuple[int, int]]:
    """(blocks, threads) for a plane of `rows` by `columns`: threads side by side along the columns, which are contiguous in memory."""
    across = min(threads, max(32, 1 << (max(columns, 1) - 1).bit_length()))
    down = threads // across
    return (-(-columns // across), min(-(-rows // down), 65535)), (across, down)


def wide_dtype(dtype: Any) -> np.dtype:
    """What is computed with where elements are stored as `dtype`, and the type of numbers per channel: at least float32."""
    return np.dtype(np.float64) if dtype == np.float64 else np.dtype(np.float32)
