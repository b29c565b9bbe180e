"""Numba CUDA kernels without a GPU: what the simulator computes, what it refuses, and that all kernels compile to PTX.

That the kernels compute what they should is in test_cases.py.
"""

import importlib.util
import inspect
import math
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numba
import numpy as np
import pytest
from cases import all_cases
from gpu import gpu_here, to_gpu
from numba import cuda, int32
from test_cases import given

import kernels
from kernels.gpu.numba_kernels import cuda_kernel
from kernels.matmul import numba_cuda_matmul
from minitorch_cv.testing import emulation
from minitorch_cv.testing.emulation import CudaFault, numba_simulator

FULL = 0xFFFFFFFF
ORDERS = [0, 1, 7]  # of threads: forward, backward, shuffled
ARCHITECTURES = [(7, 5), (8, 0), (9, 0), (10, 0)]


def run(kernel: Any, blocks: int, threads: int, *arguments: Any, order: int = 0, shared_memory: int = 0) -> None:
    with numba_simulator.order(order):
        numba_simulator.launch(getattr(kernel, "py_func", kernel), (blocks,), (threads,), arguments, shared_memory)


# What it computes


@cuda.jit(device=True)
def sum_of_warp(value):
    for distance in (16, 8, 4, 2, 1):
        value += cuda.shfl_xor_sync(FULL, value, distance)
    return value


def shuffles(x, up, down, first, total, positive):
    i = cuda.grid(1)
    up[i] = cuda.shfl_up_sync(FULL, x[i], 1)
    down[i] = cuda.shfl_down_sync(FULL, x[i], 2)
    first[i] = cuda.shfl_sync(FULL, x[i], 0)
    total[i] = sum_of_warp(x[i])
    positive[i] = cuda.ballot_sync(FULL, x[i] > 0)


@pytest.mark.parametrize("order", ORDERS)
def test_shuffles_and_ballot(order: int) -> None:
    """In a device function too."""
    x = np.random.default_rng(0).integers(-9, 9, 128).astype("f")
    up, down, first, total = (np.empty_like(x) for _ in range(4))
    positive = np.empty(128, np.int64)
    run(shuffles, 2, 64, x, up, down, first, total, positive, order=order)
    for warp in range(4):
        lanes = slice(32 * warp, 32 * warp + 32)
        values = x[lanes]
        assert np.array_equal(up[lanes], values[[0, *range(31)]])
        assert np.array_equal(down[lanes], values[[*range(2, 32), 30, 31]])
        assert (first[lanes] == values[0]).all()
        assert (total[lanes] == values.sum()).all()
        assert (positive[lanes] == sum(1 << lane for lane in range(32) if values[lane] > 0)).all()


def reverse(x, y):
    part = cuda.shared.array(0, x.dtype)
    thread = cuda.threadIdx.x
    part[thread] = x[cuda.grid(1)]
    cuda.syncthreads()
    y[cuda.grid(1)] = part[cuda.blockDim.x - 1 - thread]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int32"])
def test_dynamic_shared_memory(dtype: str, order: int) -> None:
    x = np.arange(96).astype(dtype)
    y = np.zeros_like(x)
    run(reverse, 2, 48, x, y, order=order, shared_memory=48 * x.itemsize)
    assert np.array_equal(y.reshape(2, 48), x.reshape(2, 48)[:, ::-1])
    with pytest.raises(CudaFault, match=r"part|shared array .* outside of its shape \(47,\)"):
        run(reverse, 2, 48, x, y, shared_memory=47 * x.itemsize)


def count_and_vote(x, total, most, anywhere):
    i = cuda.grid(1)
    cuda.atomic.add(total, 0, x[i])
    cuda.atomic.max(most, 0, x[i])
    anywhere[i] = cuda.syncthreads_count(x[i] > 3)


def test_atomics_and_votes_of_a_block() -> None:
    x = np.array([1, 5, 2, 4, 0, 0, 3, 9])
    total, most, anywhere = np.zeros(1, int), np.zeros(1, int), np.zeros(8, int)
    run(count_and_vote, 2, 4, x, total, most, anywhere)
    assert (total[0], most[0], anywhere.tolist()) == (24, 9, [2] * 4 + [1] * 4)


def functions_of_math(x, y):
    y[0] = math.exp(x[0])
    y[1] = math.log(x[1])
    y[2] = math.erf(x[2])
    y[3] = math.sqrt(x[3])


def test_functions_of_math_as_on_a_gpu() -> None:
    """No exceptions, and float32 stays float32."""
    y = np.empty(4, "f")
    run(functions_of_math, 1, 1, np.array([1000, 0, 0.5, -1], "f"), y)
    assert np.array_equal(y, np.array([np.inf, -np.inf, math.erf(0.5), np.nan], "f"), equal_nan=True)


def places(y):
    x, row, plane = cuda.grid(3)
    width, height, _ = cuda.gridsize(3)
    y[(plane * height + row) * width + x] += cuda.laneid


def test_three_dimensions() -> None:
    y = np.zeros(4 * 6 * 6, int)
    numba_simulator.launch(places, (2, 3, 2), (2, 2, 3), (y,))
    lanes = np.arange(12).reshape(3, 2, 2)  # of a block: z, y, x
    assert np.array_equal(y.reshape(6, 6, 4), np.tile(lanes, (2, 3, 2)))


# What it refuses


def planted(folder: Path, module: ModuleType, right: str, wrong: str) -> ModuleType:
    """`module` with one fault: `wrong` where the source says `right`."""
    source = Path(str(module.__file__)).read_text()
    assert source.count(right) == 1
    path = folder / "planted.py"
    path.write_text(source.replace(right, wrong))
    spec = importlib.util.spec_from_file_location("planted", path)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def product(module: ModuleType, order: int) -> float:
    """The largest error of a product of odd sizes, computed by the kernel of `module`."""
    rng = np.random.default_rng(3)
    a, b, bias = rng.standard_normal((19, 37)), rng.standard_normal((37, 21)), rng.standard_normal(21)
    out = np.empty((19, 21))
    with numba_simulator.order(order):
        numba_simulator.launch(module.multiply.py_func, (4,), (16, 16), (a, b, bias, out))
    return float(np.abs(out - (a @ b + bias)).max())


@pytest.mark.parametrize("order", ORDERS)
def test_the_kernel_that_faults_are_planted_in_is_right(order: int) -> None:
    assert product(numba_cuda_matmul, order) < 1e-13


FETCHED, MULTIPLIED = "cuda.syncthreads()  # until all have fetched", "cuda.syncthreads()  # until all have multiplied"
FAULTS = {
    "no barrier before use": (FETCHED, "pass", r"with no barrier between|nobody has written"),
    "no barrier before the next tile": (MULTIPLIED, "pass  #", r"(read|written) by thread \d+ and .* with no barrier between"),
    "barrier inside of a condition": (FETCHED, "if row < 8:\n            cuda.syncthreads()", r"wait at|with no barrier between"),
    "early return": ("    total = zero\n", "    if m >= M:\n        return\n    total = zero\n", r"wait at syncthreads .* have ended"),
    "unguarded tail": ("if m < M and n < N:", "if m < M:", r"bias\[21\] is outside of its shape \(21,\)"),
    "unguarded fetch": ("if m < M and k + column < depth", "if m < M", r"a\[0, 37\] is outside of its shape \(19, 37\)"),
    "off by one": ("a[m, k + column]", "a[m, k + column - 1]", r"a\[0, -1\] is outside"),
    "too small a tile": ("right = cuda.shared.array((TILE, TILE)", "right = cuda.shared.array((TILE, 15)", r"outside .* \(16, 15\)"),
    "never initialised": ("left[row, column] = a", "if m < M:\n            left[row, column] = a", "nobody has written to it"),
}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("fault", FAULTS)
def test_planted_faults_raise(tmp_path: Path, fault: str, order: int) -> None:
    right, wrong, words = FAULTS[fault]
    wanted = words if order == 0 else "^multiply: "  # another thread may be the first to meet it
    with pytest.raises(CudaFault, match=wanted):
        product(planted(tmp_path, numba_cuda_matmul, right, wrong), order)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("right[i, column]", "right[column, i]"),
        ("b[k + row, n]", "b[k + row, n - column]"),
        ("range(0, depth, TILE)", "range(0, depth - TILE, TILE)"),
    ],
)
def test_planted_wrong_indices_give_wrong_numbers(tmp_path: Path, right: str, wrong: str) -> None:
    assert product(planted(tmp_path, numba_cuda_matmul, right, wrong), 0) > 0.1


def neighbour_in_warp(x, y):
    part = cuda.shared.array(64, x.dtype)
    thread = cuda.threadIdx.x
    part[thread] = x[thread]
    cuda.syncwarp()
    y[thread] = part[thread ^ 1]


def neighbour_in_other_warp(x, y):
    part = cuda.shared.array(64, x.dtype)
    thread = cuda.threadIdx.x
    part[thread] = x[thread]
    cuda.syncwarp()
    y[thread] = part[thread ^ 32]


def test_syncwarp_is_a_barrier_for_its_warp_only() -> None:
    x, y = np.arange(64.0), np.zeros(64)
    run(neighbour_in_warp, 1, 64, x, y)
    assert np.array_equal(y, x.reshape(32, 2)[:, ::-1].ravel())
    with pytest.raises(CudaFault, match=r"no barrier between|nobody has written"):
        run(neighbour_in_other_warp, 1, 64, x, y)


def everybody_writes(x):
    part = cuda.shared.array(1, x.dtype)
    part[0] = x[0]


def half_a_warp(x):
    if cuda.laneid < 16:
        x[cuda.laneid] = cuda.shfl_down_sync(FULL, x[cuda.laneid], 1)


def from_outside(x):
    if cuda.laneid < 16:
        x[cuda.laneid] = cuda.shfl_down_sync(0xFFFF, x[cuda.laneid], 1)


def not_in_the_mask(x):
    x[cuda.laneid] = cuda.shfl_sync(0xFFFF, x[cuda.laneid], 0)


def two_barriers(x):
    if cuda.threadIdx.x < 16:
        cuda.syncthreads()
    else:
        cuda.syncthreads()


def narrow_cast(x):
    x[0] = int32(cuda.blockDim.x * 100_000_000)


def narrow_store(x):
    small = cuda.local.array(1, int32)
    small[0] = 3_000_000_000


def local_unwritten(x):
    some = cuda.local.array(4, x.dtype)
    x[0] = some[1]


def whole_row(x):
    x[cuda.threadIdx.x] = 0


def much_shared_memory(x):
    part = cuda.shared.array((64, 97), numba.float64)
    part[0, cuda.threadIdx.x] = 0


def unknown_function(x):
    cuda.cooperative_dance()


@pytest.mark.parametrize(
    ("kernel", "shape", "words"),
    [
        (everybody_writes, 32, r"the shared array of line \d+\[0\] is written by thread 0 and by thread 1 with no barrier between"),
        (half_a_warp, 32, r"16 wait at shfl_down_sync of line \d+ .*; 16 have ended"),
        (from_outside, 32, "reads from lane 16, which takes no part"),
        (not_in_the_mask, 32, "lane 16 calls shfl_sync with mask 0xffff, which does not name it"),
        (two_barriers, 32, r"16 wait at syncthreads of line \d+ .*; 16 wait at syncthreads of line \d+"),
        (narrow_cast, 32, "3200000000 does not fit into int32"),
        (narrow_store, 32, "3000000000 does not fit into int32"),
        (local_unwritten, 32, r"the local array of line \d+\[1\] is read, but nobody has written to it"),
        (whole_row, (32, 2), r"x\[0\] is not one number of an array of shape \(32, 2\)"),
        (much_shared_memory, 32, "49664 bytes of shared memory, more than 49152"),
        (unknown_function, 32, "the simulator has no cuda.cooperative_dance"),
    ],
)
def test_faults_raise(kernel: Callable, shape: Any, words: str) -> None:
    with pytest.raises(CudaFault, match=f"^{kernel.__name__}: .*{words}"):
        run(kernel, 1, 32, np.ones(shape))


def test_a_fault_names_thread_block_and_line() -> None:
    line = whole_row.__code__.co_firstlineno + 1
    with pytest.raises(CudaFault, match=rf"\(thread \(0, 0, 0\) of block \(0, 0, 0\), line {line} of .*test_numba_cuda.py\)"):
        run(whole_row, 1, 32, np.ones((32, 2)))


def narrow_number(x, y):
    y[0] = x[0] * x[0]


def test_whole_numbers_are_multiplied_in_64_bits_and_stored_if_they_fit() -> None:
    x, y = np.array([1 << 20], np.int32), np.zeros(1, np.int64)
    run(narrow_number, 1, 1, x, y)
    assert y[0] == 1 << 40
    with pytest.raises(CudaFault, match="1099511627776 does not fit into int32"):
        run(narrow_number, 1, 1, x, np.zeros(1, np.int32))


@pytest.mark.parametrize(("blocks", "threads"), [((0,), (1,)), ((1, 65536), (1,)), ((1,), (1025,)), ((1,), (1, 1, 65)), ((1,), (0,))])
def test_sizes_that_cuda_does_not_launch(blocks: tuple, threads: tuple) -> None:
    with pytest.raises(CudaFault, match=r"whole_row: got (a grid|blocks) of"):
        numba_simulator.launch(whole_row, blocks, threads, (np.ones(1),))


def test_number_of_arguments() -> None:
    with pytest.raises(CudaFault, match="whole_row: got 2 arguments, expected 1: x"):
        run(whole_row, 1, 1, np.ones(1), 3)


# How they are launched


@cuda_kernel
def doubled(x, y):
    """Twice x."""
    i = cuda.grid(1)
    if i < x.size:
        y[i] = x[i] * 2


def test_launch() -> None:
    assert (doubled.__name__, doubled.__doc__) == ("doubled", "Twice x.")
    with gpu_here():
        x, y = to_gpu(np.arange(5.0)), to_gpu(np.zeros(5))
        doubled.launch(0, 32, x, y)
        assert not y.get().any()
        doubled.launch(2, 4, x, y)
        assert np.array_equal(y.get(), [0, 2, 4, 6, 8])
        with pytest.raises(TypeError, match=r"doubled: got a NumPy array of shape \(5,\), expected arrays on the GPU"):
            doubled.launch(1, 32, x, np.zeros(5))


# Compiled


@pytest.mark.skipif(find_spec("numba_cuda") is None, reason="needs numba-cuda: pip install 'minitorch_cv[cuda-compile]'")
def test_numba_can_pass_what_kernels_are_given() -> None:
    """None too, which Numba compiles for, but does not pass by itself."""
    from numba.cuda.dispatcher import _Kernel

    kernel: Any = object.__new__(_Kernel)
    kernel.extensions = doubled._compiled.extensions
    for argument, expected in [(None, [0]), (True, [True]), (3, [3]), (np.float32(0.5), [0.5]), ((1, 2), [1, 2])]:
        passed: list[Any] = []
        kernel._prepare_args(numba.typeof(argument), argument, 0, [], passed)
        assert [getattr(value, "value", value) for value in passed] == expected


def recorded_launches() -> dict[tuple, tuple[Callable, tuple]]:
    """Each Numba CUDA kernel that the cases launch, with each combination of types: (function, types of the arguments)."""
    found: dict[tuple, tuple[Callable, tuple]] = {}

    def record(function: Callable, arguments: tuple) -> None:
        types = tuple(numba.typeof(argument) for argument in arguments)
        found[function.__module__, function.__name__, types] = function, types

    with emulation.emulated_gpu(), kernels.backend("numba_cuda"), numba_simulator.watch(record):
        for _, case in all_cases():
            for dtype in {"float32", "float64"} & set(case.dtypes) if case.numba_cuda else ():
                case.function(*[to_gpu(argument) for argument in given(case, dtype)], **case.options)
    return found


@pytest.mark.full
@pytest.mark.skipif(find_spec("numba_cuda") is None, reason="needs numba-cuda: pip install 'minitorch_cv[cuda-compile]'")
@pytest.mark.skipif(emulation.missing() is not None, reason=str(emulation.missing()))
@pytest.mark.parametrize("cc", ARCHITECTURES)
def test_kernels_compile_to_ptx(cc: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """For the types that the cases launch them with; nothing is computed in float64 by accident."""
    # Device functions are compiled for the device that is there.
    monkeypatch.setattr("numba.cuda.dispatcher.get_current_device", lambda: SimpleNamespace(compute_capability=cc))
    launches = recorded_launches()
    assert {name for _, name, _ in launches} >= {name for _, case in all_cases() for name in case.numba_cuda.split()}
    doubles = []
    for function, types in launches.values():
        for helper in function.__globals__.values():
            getattr(helper, "overloads", {}).clear()
        ptx, _ = cuda.compile_ptx(function, types, cc=cc)
        assert f".target sm_{cc[0]}{cc[1]}" in ptx
        assert float(ptx.split(".version ")[1].split()[0]) <= 9.0, "a driver of CUDA 13.0 knows PTX 9.0"
        meant = numba.float64 in [getattr(kind, "dtype", kind) for kind in types] or "float64" in inspect.getsource(function)
        if ".f64" in ptx and not meant:
            doubles.append(function.__name__)
    assert doubles == [], "float64 out of float32, by a literal 0.0, say; kernels that want it name it"
