"""Time on a GPU: between two events of its own clock, many calls at a time, the sides in turns.

Every side is timed in two ways. Called from Python, one call after the other: what a program sees that calls single kernels; of a short
kernel it is the time that Python takes to launch it. And as a CUDA graph, which holds a hundred or so of these calls and is launched at
once: the time of the kernel itself. CuPy and PyTorch work in one stream, so that events see the work of both.
"""

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from datetime import date
from functools import cache
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

import kernels
from minitorch_cv.cuda import get_device_name

TURN = 0.02  # seconds of work in a turn, about
RESOLUTION = 5e-4  # milliseconds: what two events can tell apart
IN_A_GRAPH = 100  # calls, at least

Setting = Callable[[], AbstractContextManager]


class Side:
    """Calls of one kernel by one library, each on arrays of its own, so that none finds in the cache what the one before has left there.

    The results are kept until the same call comes again: they, too, lie in different places. setting: what the calls run within.
    """

    def __init__(self, calls: Sequence[Callable[[], Any]], setting: Setting = nullcontext) -> None:
        self.calls, self.setting = calls, setting
        self.results: list[Any] = [None] * len(calls)

    def run(self, times: int = 1) -> None:
        """All calls, `times` times."""
        with self.setting():
            for _ in range(times):
                for i, call in enumerate(self.calls):
                    self.results[i] = call()


class Run(NamedTuple):
    """Work that can be timed, and how many calls of the kernel it is. `alive`: what must not be freed before."""

    work: Callable[[], Any]
    calls: int
    alive: Any = None


def from_python(side: Side) -> Run:
    """All calls of the side, one after the other."""
    return Run(side.run, len(side.calls))


def graph_by_cupy(side: Side) -> Run:
    """The calls of the side as a CUDA graph, recorded by CuPy, with memory of its own. What cannot be recorded raises."""
    import cupy

    stream, pool = cupy.cuda.get_current_stream(), cupy.cuda.MemoryPool()
    times = -(-IN_A_GRAPH // len(side.calls))
    with cupy.cuda.using_allocator(pool.malloc):
        side.run()  # compiles, and fills the pool
        with kernels.RecordedSteps() as steps:  # which optimisers want to have around a recording
            stream.begin_capture()
            try:
                side.run(times)
            finally:
                graph = stream.end_capture()
    return Run(graph.launch, times * len(side.calls), (side, pool, steps))


def graph_by_torch(side: Side) -> Run:
    """The calls of the side as a CUDA graph, recorded by PyTorch."""
    import torch

    times = -(-IN_A_GRAPH // len(side.calls))
    side.run()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=torch.cuda.current_stream()):
        side.run(times)
    return Run(graph.replay, times * len(side.calls), side)


def seconds_of(run: Run, repetitions: int) -> float:
    """Seconds of one call."""
    import cupy

    begin, end = cupy.cuda.Event(), cupy.cuda.Event()
    begin.record()
    for _ in range(repetitions):
        run.work()
    end.record()
    end.synchronize()
    return max(cupy.cuda.get_elapsed_time(begin, end), RESOLUTION) / 1e3 / repetitions / run.calls


def take_turns(runs: Mapping[str, Run], rounds: int) -> dict[str, list[float]]:
    """For each side, the seconds of a call in each round. Who begins changes from round to round."""
    names = list(runs)
    repetitions = {}
    for name, run in runs.items():
        seconds_of(run, 1)  # compilation, and whatever else happens once
        repetitions[name] = max(1, min(500, round(TURN / (seconds_of(run, 1) * run.calls))))
    measured: dict[str, list[float]] = {name: [] for name in names}
    for r in range(rounds):
        first = r % max(len(names), 1)
        for name in (*names[first:], *names[:first]):
            measured[name].append(seconds_of(runs[name], repetitions[name]))
    return measured


# --- the GPU


@cache
def torch_or_reason() -> tuple[ModuleType | None, str]:
    """PyTorch, if it can use this GPU; else why not."""
    try:
        import torch
    except ImportError:
        return None, "PyTorch is not installed"
    if not torch.cuda.is_available():
        return None, f"PyTorch {torch.__version__} finds no GPU, or was built without CUDA"
    return torch, ""


@contextmanager
def one_stream() -> Iterator[None]:
    """Inside, CuPy and PyTorch work in one stream, which can be recorded, as the default stream cannot."""
    import cupy

    stream, (torch, _) = cupy.cuda.Stream(non_blocking=True), torch_or_reason()
    with ExitStack() as streams:
        streams.enter_context(stream)
        if torch is not None:
            streams.enter_context(torch.cuda.stream(torch.cuda.ExternalStream(stream.ptr)))
        yield
        stream.synchronize()


def cache_bytes() -> int:
    """The size of the cache that all multiprocessors share (L2)."""
    import cupy

    return int(cupy.cuda.runtime.getDeviceProperties(cupy.cuda.Device().id).get("l2CacheSize", 0))


def rates(rounds: int = 5, size: int = 8192, megabytes: int = 1024) -> dict[str, float]:
    """What this GPU can do: bytes per second of a copy, read and written; operations per second of square matrix products, by type.

    Of random numbers: multiplying zeros takes less power, and so runs at a higher clock.
    """
    import cupy

    noise = np.random.default_rng(0).standard_normal(size * size, np.float32)
    source = cupy.asarray(np.resize(noise, megabytes << 18))
    target = cupy.empty_like(source)
    seconds = take_turns({"copy": Run(lambda: cupy.copyto(target, source), 1)}, rounds)["copy"]
    found = {"copy": 2 * source.nbytes / statistics.median(seconds)}
    for name, task in _products(cupy.asarray(noise.reshape(size, size))).items():
        found[name] = 2 * size**3 / statistics.median(take_turns({name: Run(task, 1)}, rounds)[name])
    return found


def _products(a: Any) -> dict[str, Callable[[], Any]]:
    """Squares of the matrix by cuBLAS: through PyTorch where it is there, which has all types; else through CuPy."""
    half = a.astype(np.float16)
    products: dict[str, Callable[[], Any]] = {"float32": lambda: a @ a, "float16": lambda: half @ half}
    torch, _ = torch_or_reason()
    if torch is not None:
        single = torch.from_dlpack(a)
        brain = single.to(torch.bfloat16)

        def in_tf32() -> Any:
            with torch_setting("tf32"):
                return single @ single

        products |= {"tf32": in_tf32, "bfloat16": lambda: brain @ brain}
    return products


@contextmanager
def torch_setting(dtype: str) -> Iterator[None]:
    """Inside, PyTorch's products of float32 numbers are exact, or rounded to TF32 for "tf32"; cuDNN tries which algorithm is fastest."""
    import torch

    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = dtype == "tf32"
    torch.backends.cudnn.benchmark = True
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False


def device() -> dict[str, Any]:
    """What the numbers were measured on, and when."""
    import cupy

    runtime = cupy.cuda.runtime
    versions = {"cupy": cupy.__version__, "cuda": runtime.runtimeGetVersion(), "driver": runtime.driverGetVersion()}
    try:
        import torch

        versions |= {"torch": torch.__version__, "cudnn": torch.backends.cudnn.version()}
    except ImportError:
        versions["torch"] = None
    return {"date": date.today().isoformat(), "gpu": get_device_name(), **versions}
