"""Every kernel for the GPU, executed: on a GPU where there is one, else on the CPU (see `minitorch_cv.testing.emulation`).

The rows of tests/kernels/gpu/cases are run in all storage types, with the threads of a block and the blocks of a grid in several orders,
and compared with the NumPy definitions in float64. A kernel that no row launches fails the suite.
"""

import re
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cases import Case, Wide, all_cases
from gpu import GPU, REASON, gpu_here, to_gpu, to_host

import kernels
from kernels.gpu import wide_dtype
from minitorch_cv.testing import assert_close
from minitorch_cv.testing.emulation import fenced_memory, kernel_names, launched_kernels, order

pytestmark = pytest.mark.skipif(REASON is not None, reason=str(REASON))

CASES = all_cases()
# Rounding of the result, and a little for sums: 2^-11 and 2^-8 are half a step of the 16-bit types.
TOLERANCE = {"float64": 1e-12, "float32": 2e-6, "float16": 1e-3, "bfloat16": 8e-3}
ORDERS = [(0, 0), (1, 1), (7, 7)]  # of threads, of blocks: forward, backward, shuffled
FOLDER = Path(kernels.__file__).parent


@pytest.fixture(autouse=True, scope="module")
def _gpu() -> Iterator[None]:
    with gpu_here():
        yield


def rows(backend: str) -> Any:
    wanted = [(f, c, d) for f, c in CASES for d in c.dtypes if backend == "cuda" or (c.numba_cuda and d in ("float32", "float64"))]
    # In a short run, each kernel in float32, and the first row of each family in float16: types differ in loads and stores alone.
    first = dict(reversed(CASES))
    marks = [[] if d == "float32" or (d == "float16" and c is first[f]) else [pytest.mark.full] for f, c, d in wanted]
    parameters = [pytest.param(c, d, id=f"{f}-{c}-{d}", marks=m) for (f, c, d), m in zip(wanted, marks, strict=True)]
    return pytest.mark.parametrize(("case", "dtype"), parameters)


@rows("cuda")
def test_cuda(case: Case, dtype: str) -> None:
    run_in_all_orders(case, dtype, case.launches)


@rows("numba_cuda")
def test_numba_cuda(case: Case, dtype: str) -> None:
    with kernels.backend("numba_cuda"):
        run_in_all_orders(case, dtype, case.numba_cuda)


def run_in_all_orders(case: Case, dtype: str, launches: str) -> None:
    expected = definition(case, dtype)
    if GPU == "real":  # which has an order of its own
        check(case, dtype, expected, "")
        check(case, dtype, expected, "arrays at odd addresses: ", skipped=1)
        return
    for threads, blocks in ORDERS:
        fences = nullcontext() if threads else fenced_memory()
        with launched_kernels() as launched, order(threads, blocks), fences:
            check(case, dtype, expected, f"order {threads}, {blocks}: ", skipped=int(threads > 1))
        assert set(launches.split()) <= launched, f"{sorted(launched)} were launched"


def test_every_cuda_kernel_has_a_case() -> None:
    written = {name for path in FOLDER.rglob("*.cu") for name in kernel_names(path.read_text())}
    assert written - {name for _, case in CASES for name in case.launches.split()} == set()


def test_every_numba_cuda_kernel_has_a_case() -> None:
    pattern = re.compile(r"^@cuda_kernel.*\n(?:@.*\n)*def (\w+)\(", re.MULTILINE)
    written = {name for path in FOLDER.rglob("numba_cuda_*.py") for name in pattern.findall(path.read_text())}
    assert written - {name for _, case in CASES for name in case.numba_cuda.split()} == set()


def test_names_are_unique() -> None:
    """Of CUDA kernels, in all files: a profile shows nothing but the name."""
    names = [name for path in FOLDER.rglob("*.cu") for name in kernel_names(path.read_text())]
    assert sorted(names) == sorted(set(names))


def given(case: Case, dtype: str) -> list[Any]:
    """The arguments, rounded to `dtype`: float64 arrays, alone or in lists, become such."""
    kind = np.dtype(dtype)

    def rounded(argument: Any) -> Any:
        if isinstance(argument, Wide):
            return argument.values.astype(wide_dtype(kind))
        if isinstance(argument, (list, tuple)) and argument and isinstance(argument[0], (np.ndarray, Wide)):
            return [rounded(a) for a in argument]
        return argument.astype(kind) if isinstance(argument, np.ndarray) and argument.dtype == np.float64 else argument

    return [rounded(argument) for argument in case.arguments(np.random.default_rng(11))]


def in_float64(argument: Any) -> Any:
    if isinstance(argument, list):
        return [in_float64(a) for a in argument]
    floating = isinstance(argument, np.ndarray) and argument.dtype.kind in "fV"
    return argument.astype(np.float64) if floating else argument


def definition(case: Case, dtype: str) -> list[np.ndarray]:
    """What the NumPy definition makes of the rounded arguments, computed in float64; then the arguments that it changed."""
    arguments = [in_float64(a) for a in given(case, dtype)]
    with kernels.backend("numpy"):
        results = (case.definition or case.function)(*arguments, **case.options)
    return flat(results) + flat([arguments[i] for i in case.changes])


def check(case: Case, dtype: str, expected: list[np.ndarray], where: str, skipped: int = 0) -> None:
    """skipped: elements before the first of an array, whose address then is no multiple of 16 bytes."""
    arguments = [to_gpu(a, skipped) for a in given(case, dtype)]
    before = [to_host(a) for a in arguments]
    results = case.function(*arguments, **case.options)
    actual = flat(to_host(results)) + flat([to_host(arguments[i]) for i in case.changes])
    tolerance = case.tolerance.get(dtype, TOLERANCE[dtype])
    assert len(actual) == len(expected)
    for i, (a, e) in enumerate(zip(actual, expected, strict=True)):
        if e.dtype == np.float64 and isinstance(a, np.ndarray):
            assert a.dtype in (np.dtype(dtype), wide_dtype(np.dtype(dtype))), f"result {i} is {a.dtype}"
        assert_close(in_float64(a), e, tolerance, f"{where}result {i}")
    for i, (argument, copy) in enumerate(zip(arguments, before, strict=True)):
        if i not in case.changes:
            for a, b in zip(flat(to_host(argument)), flat(copy), strict=True):
                assert np.array_equal(a, b, equal_nan=a.dtype.kind in "fV"), f"{where}argument {i} was written to"


def flat(results: Any) -> list[np.ndarray]:
    """All arrays and numbers of a result, or of several, one after another."""
    if results is None:
        return []
    if isinstance(results, (list, tuple)):
        return [array for result in results for array in flat(result)]
    return [np.asarray(results)]
