"""The fixture `backend` of the kernels' tests: all four backends, those of the GPU too."""

from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from pathlib import Path
from typing import Any

import gpu
import numpy as np
import pytest

import kernels

GPU_NEEDED = pytest.mark.skipif(gpu.REASON is not None, reason=str(gpu.REASON))
WRITTEN_IN_NUMBA_CUDA = {path.parent.name for path in Path(kernels.__file__).parent.glob("*/numba_cuda_*.py")}  # families
OTHER_NAMES = {"BACKENDS", "GPU_BACKENDS", "Pieces", "backend", "choose", "current_backend", "current_gpu_backend"}
KERNELS = sorted(set(kernels.__all__) - OTHER_NAMES)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The backends of a test: "numba_cuda" for families that have such a version, since others would repeat what "cuda" runs."""
    if "backend" in metafunc.fixturenames:
        family = Path(metafunc.module.__file__).stem.removeprefix("test_")
        there = [name for name in kernels.GPU_BACKENDS if name == "cuda" or family in WRITTEN_IN_NUMBA_CUDA]
        metafunc.parametrize("backend", [*kernels.BACKENDS, *[pytest.param(name, marks=GPU_NEEDED) for name in there]], indirect=True)


@pytest.fixture
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The test runs once for each backend. For those of the GPU, `kernels.max_pool2d` and all others take NumPy arrays there and back."""
    name = request.param
    with kernels.backend(name):
        if name in kernels.BACKENDS:
            yield name
            return
        for kernel in KERNELS:
            monkeypatch.setattr(kernels, kernel, by_way_of_the_gpu(getattr(kernels, kernel)))
        with gpu.gpu_here():
            yield name


def by_way_of_the_gpu(kernel: Callable) -> Callable:
    """`kernel`, for NumPy arrays: they are copied to the GPU, its results back, and what it changed in place."""

    @wraps(kernel)
    def call(*args: Any, **options: Any) -> Any:
        there, there_too = gpu.to_gpu(args), gpu.to_gpu(options)
        results = kernel(*there, **there_too)
        put_back(args, there)
        put_back(options, there_too)
        return gpu.to_host(results)

    return call


def put_back(before: Any, after: Any) -> None:
    """Into the NumPy arrays of `before` what is in the arrays of `after` on the GPU, where it differs."""
    if isinstance(before, np.ndarray):
        values = gpu.to_host(after)
        if not np.array_equal(before, values, equal_nan=before.dtype.kind == "f"):
            before[...] = values
    elif isinstance(before, Mapping):
        for key, value in before.items():
            put_back(value, after[key])
    elif type(before) in (list, tuple):
        for value, other in zip(before, after, strict=True):
            put_back(value, other)
