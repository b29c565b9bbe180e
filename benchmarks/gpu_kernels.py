"""One kernel on an NVIDIA GPU, against PyTorch's (cuDNN, cuBLAS), and against what the GPU could do.

A kernel that moves memory cannot be faster than a copy, one that multiplies not faster than a large matrix product. Both rates are
measured on the same GPU; a kernel's "of the limit" is the time that the larger of its two needs would take at these rates, divided by
the time that it took. What is measured: gpu_works.py.
"""

import math
import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache, partial
from importlib.util import find_spec
from typing import Any, NamedTuple

import gpu_timing
import numpy as np
from gpu_timing import Run, Side
from turns import ratios

import kernels
from kernels.gpu.precision import tf32

AGREEMENT = {"float32": 1e-4, "tf32": 1e-2, "float16": 1e-2, "bfloat16": 5e-2}  # of results, relative to the largest
GOALS = {  # what a kernel should reach, in words and in numbers
    "copy": ("80 % of limit", "of_the_limit", 0.8),
    "cuDNN": ("half of cuDNN", "speed_ratio", 0.5),
}


class Array(NamedTuple):
    """An array that a kernel is given.

    kind: "image", of the type that is measured, channels-last if (N, C, H, W); "filter", the same, but C-contiguous, as layers have
    their weights; "channel", float32 always; "integer", int64 from 0 to below `end`; "byte".
    """

    shape: tuple[int, ...]
    kind: str = "image"
    end: int = 0


class Work(NamedTuple):
    """One kernel on one problem.

    arrays: what it is given. ours: ours(*arrays) prepares and returns what is timed, a function without arguments. theirs: the same in
    PyTorch, theirs(torch, *tensors); None where PyTorch has nothing like it. moved: how many elements must at least be read or written.
    fixed: bytes beside, which do not depend on the type. operations: additions and multiplications. plain: no tensor core can do them.
    dtypes: what it is measured in, "tf32" being float32 on tensor cores. goal: one of GOALS. numba: whether it exists in Numba CUDA.
    same: whether both sides compute the same numbers.
    """

    family: str
    arrays: tuple[Array, ...]
    ours: Callable[..., Callable[[], Any]]
    theirs: Callable[..., Callable[[], Any]] | None
    moved: int
    fixed: int = 0
    operations: int = 0
    plain: bool = False
    dtypes: tuple[str, ...] = ("float32", "float16")
    goal: str | None = "copy"
    numba: bool = False
    same: bool = True


def elements(*shapes: tuple[int, ...]) -> int:
    """How many numbers arrays of these shapes have."""
    return sum(math.prod(shape) for shape in shapes)


# --- arrays


def storage(dtype: str) -> np.dtype:
    """The type in memory of what is measured as `dtype`."""
    if dtype == "bfloat16":
        import ml_dtypes

        return np.dtype(ml_dtypes.bfloat16)
    return np.dtype("float32" if dtype == "tf32" else dtype)


def arrays(work: Work, dtype: str) -> tuple[Any, ...]:
    """The arrays of the work on the GPU."""
    import cupy

    made = []
    for number, (shape, kind, end) in enumerate(work.arrays):
        turned = (shape[0], *shape[2:], shape[1]) if kind == "image" and len(shape) == 4 else shape
        if kind in ("integer", "byte"):
            high, integer = (end, np.int64) if kind == "integer" else (256, np.uint8)
            array = cupy.asarray(np.random.default_rng(number).integers(0, high, turned, integer))
        else:
            array = cupy.asarray(np.resize(_noise(number), turned)).astype(np.float32 if kind == "channel" else storage(dtype), copy=False)
        made.append(array if turned == shape else array.transpose(0, 3, 1, 2))
    return tuple(made)


@lru_cache(maxsize=8)
def _noise(seed: int) -> np.ndarray:
    """A million random numbers, and not a power of two: repeated, they do not meet again in the same place of every image."""
    return np.random.default_rng(seed).standard_normal(1_000_003, np.float32)


def copies(given: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    """The arrays so many times that all of them are at least twice as large as the cache."""
    size = sum(array.nbytes for array in given)
    return [given, *[tuple(array.copy(order="K") for array in given) for _ in range(min(2 * gpu_timing.cache_bytes() // size, 63))]]


# --- sides


def sides(work: Work, dtype: str) -> tuple[dict[str, Side], dict[str, str]]:
    """Who computes it: "ours", "theirs", "Numba CUDA"; and why others do not."""
    torch, reason = gpu_timing.torch_or_reason()
    given = copies(arrays(work, dtype))
    found, missing = {}, {}
    if work.theirs is None:
        missing["theirs"] = "PyTorch has no such function"
    elif torch is None:
        missing["theirs"] = reason
    else:
        # Their arrays are their own: what works in place must not meet what the other side has left.
        tensors = [[tensor(torch, array, spec, dtype) for array, spec in zip(one, work.arrays, strict=True)] for one in given]
        with gpu_timing.torch_setting(dtype):
            found["theirs"] = Side([work.theirs(torch, *one) for one in tensors], partial(gpu_timing.torch_setting, dtype))
    if in_numba(work, dtype):
        own = [tuple(array.copy(order="K") for array in one) for one in given]
        found["Numba CUDA"] = Side([work.ours(*one) for one in own], partial(kernels.backend, "numba_cuda"))
    with our_setting(dtype):
        return {"ours": Side([work.ours(*one) for one in given], partial(our_setting, dtype)), **found}, missing


def in_numba(work: Work, dtype: str) -> bool:
    """Whether there is a Numba CUDA version; they know float32 and float64."""
    return work.numba and dtype == "float32" and find_spec(f"kernels.{work.family}.numba_cuda_{work.family}") is not None


@contextmanager
def our_setting(dtype: str) -> Iterator[None]:
    """Inside, products of float32 numbers are rounded to TF32 for "tf32"."""
    with tf32(dtype == "tf32"):
        yield


def tensor(torch: Any, array: Any, spec: Array, dtype: str) -> Any:
    """A copy of an array for PyTorch: images and filters channels-last, as PyTorch is fastest."""
    if spec.kind in ("integer", "byte"):
        return torch.from_dlpack(array).clone()
    made = torch.from_dlpack(array.astype(np.float32, copy=False)).clone()
    if spec.kind == "channel":
        return made
    made = made.to(getattr(torch, storage(dtype).name))
    return made.contiguous(memory_format=torch.channels_last) if made.ndim == 4 else made


# --- measuring


def measure(work: Work, dtype: str, rounds: int, rates: dict[str, float]) -> dict[str, Any]:
    """All numbers of a kernel in one type; "not_measured" says what is not, and why."""
    taking_part, missing = sides(work, dtype)
    for name in [name for name in taking_part if name != "ours"]:
        try:
            check(taking_part["ours"], taking_part[name], AGREEMENT[dtype] if work.same else None)
        except (RuntimeError, ValueError) as error:
            missing[name] = one_line(error)
            del taking_part[name]
    seconds = gpu_timing.take_turns({name: gpu_timing.from_python(side) for name, side in taking_part.items()}, rounds)
    graphs: dict[str, Run] = {}
    for name, side in taking_part.items():
        try:
            graphs[name] = gpu_timing.graph_by_torch(side) if name == "theirs" else gpu_timing.graph_by_cupy(side)
        except (RuntimeError, NotImplementedError, TypeError, ValueError) as error:
            missing[f"{name}, as a graph"] = one_line(error)
    recorded = gpu_timing.take_turns(graphs, rounds)
    return {"seconds_from_python": seconds, "seconds": recorded, **derived(work, dtype, seconds, recorded, rates), "not_measured": missing}


def check(ours: Side, other: Side, agreement: float | None) -> None:
    """One call of each side. RuntimeError unless the results have the same shapes, and numbers that agree, relative to the largest."""
    mine, others = results(ours), results(other)
    if [a.shape for a in mine] != [b.shape for b in others]:
        raise RuntimeError(f"results of shapes {[a.shape for a in mine]} here, {[b.shape for b in others]} there")
    for a, b in zip(mine, others, strict=True):
        if agreement is not None and not float(abs(a - b).max()) <= agreement * max(1.0, float(abs(b).max())):
            raise RuntimeError(f"not the same numbers: they differ by {float(abs(a - b).max()):.2e} of {float(abs(b).max()):.2e}")


def results(side: Side) -> list[Any]:
    """What the first call of a side returns, as CuPy's arrays of float32."""
    import cupy

    with side.setting():
        found = side.calls[0]()
    listed = [result for result in (found if isinstance(found, tuple | list) else (found,)) if result is not None]
    return [(r if hasattr(r, "get") else cupy.from_dlpack(r.detach().float())).astype(np.float32) for r in listed]


def derived(
    work: Work, dtype: str, seconds: dict[str, list[float]], recorded: dict[str, list[float]], rates: dict[str, float]
) -> dict[str, Any]:
    """What the tables show: ratios, the part of the limit, whether the goal is met. None for what has not been measured."""

    def ratio(times: dict[str, list[float]], other: str) -> dict[str, float] | None:
        return ratios(times[other], times["ours"]) if {"ours", other} <= set(times) else None

    limit = limit_seconds(work, dtype, rates)
    found: dict[str, Any] = {
        "speed_ratio": ratio(recorded, "theirs"),
        "speed_ratio_from_python": ratio(seconds, "theirs"),
        "speed_ratio_numba_cuda": ratio(recorded, "Numba CUDA"),
        "of_the_limit": limit / statistics.median(recorded["ours"]) if limit is not None and "ours" in recorded else None,
        "goal": work.goal and GOALS[work.goal][0],
        "met": None,
    }
    if work.goal is not None and found[GOALS[work.goal][1]] is not None:
        reached = found[GOALS[work.goal][1]]
        found["met"] = (reached["median"] if isinstance(reached, dict) else reached) >= GOALS[work.goal][2]
    return found


def limit_seconds(work: Work, dtype: str, rates: dict[str, float]) -> float | None:
    """The time that the work needs at the rates measured: bytes per second of a copy, operations per second of a matrix product."""
    moving = (storage(dtype).itemsize * work.moved + work.fixed) / rates["copy"]
    if not work.operations:
        return moving
    kind = "float32" if work.plain else dtype
    return max(moving, work.operations / rates[kind]) if kind in rates else None


def measure_all(works: dict[str, Work], rounds: int, rates: dict[str, float], done: Callable[[str, dict], None]) -> None:
    """`measure` for every kernel in all its types; `done` is told each name and its results."""
    for name, work in works.items():
        for dtype in work.dtypes:
            try:
                result = measure(work, dtype, rounds, rates)
            except (RuntimeError, MemoryError, ValueError, TypeError) as error:  # one kernel that fails must not cost the others' numbers
                result = {**derived(work, dtype, {}, {}, rates), "not_measured": {"ours": one_line(error)}}
            done(f"{name}, {dtype}", {"family": work.family, "dtype": dtype, "numba": in_numba(work, dtype), **result})
            free()


def free() -> None:
    """Give all memory back that nobody uses, for the library that comes next."""
    import cupy

    cupy.get_default_memory_pool().free_all_blocks()
    torch, _ = gpu_timing.torch_or_reason()
    if torch is not None:
        torch.cuda.empty_cache()


def one_line(error: BaseException) -> str:
    """What an error says, or its name."""
    return (" ".join(str(error).split()) or type(error).__name__)[:300]
