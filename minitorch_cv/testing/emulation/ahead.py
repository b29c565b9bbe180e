"""All CUDA C kernels compiled for the CPU ahead of their use, in the background: for a run of many tests with nothing compiled yet."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import kernels
from kernels.gpu.launch import source_text
from minitorch_cv.testing.emulation.compile_cuda import macro_sets
from minitorch_cv.testing.emulation.module import built, for_the_cpu

REALS = ("float32", "float64", "float16")


@contextmanager
def compiling_ahead(workers: int = 1) -> Iterator[None]:
    """Inside, `workers` compilers are at work on the kernels; at the end, what they have not begun is left."""
    executor = ThreadPoolExecutor(workers, thread_name_prefix="compiling CUDA kernels")
    for path in sorted(Path(kernels.__file__).parent.rglob("*.cu")):
        for macros in macro_sets(path.read_text(encoding="utf-8")):
            for real in REALS:
                executor.submit(_compile, path, real, tuple(sorted(macros)))
    try:
        yield
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def _compile(path: Path, real: str, macros: tuple[tuple[str, int], ...]) -> None:
    built(*for_the_cpu(source_text(path, real, macros)))
