"""Time on a GPU: between two events of its own clock, many repetitions at a time, the sides in turns."""

import statistics
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

import numpy as np

TURN = 0.02  # seconds of work in a turn, about
RESOLUTION = 5e-4  # milliseconds: what two events can tell apart


def seconds_of(task: Callable[[], Any], repetitions: int) -> float:
    """Seconds of one repetition. CuPy and PyTorch both work in the default stream, so that the events of one see the work of the other."""
    import cupy

    begin, end = cupy.cuda.Event(), cupy.cuda.Event()
    begin.record()
    for _ in range(repetitions):
        task()
    end.record()
    end.synchronize()
    return max(cupy.cuda.get_elapsed_time(begin, end), RESOLUTION) / 1e3 / repetitions


def take_turns(tasks: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    """For each task, the seconds of a repetition in each round. Who begins changes from round to round."""
    names = list(tasks)
    repetitions = {}
    for name, task in tasks.items():
        seconds_of(task, 3)  # compilation, and whatever else happens once
        repetitions[name] = max(3, min(500, round(TURN / seconds_of(task, 3))))
    measured: dict[str, list[float]] = {name: [] for name in names}
    for r in range(rounds):
        first = r % len(names)
        for name in (*names[first:], *names[:first]):
            measured[name].append(seconds_of(tasks[name], repetitions[name]))
    return measured


def rates(rounds: int = 5, size: int = 8192, megabytes: int = 1024) -> dict[str, float]:
    """What this GPU can do: bytes per second of a copy, read and written; operations per second of square matrix products, by type."""
    import cupy

    source = cupy.zeros(megabytes << 18, np.float32)
    target = cupy.empty_like(source)
    seconds = take_turns({"copy": lambda: cupy.copyto(target, source)}, rounds)["copy"]
    found = {"copy": 2 * source.nbytes / statistics.median(seconds)}
    for name, task in _products(size).items():
        found[name] = 2 * size**3 / statistics.median(take_turns({name: task}, rounds)[name])
    return found


def _products(size: int) -> dict[str, Callable[[], Any]]:
    """Square matrix products by cuBLAS: PyTorch's where it is there, which has all types; else CuPy's."""
    import cupy

    a32 = cupy.ones((size, size), np.float32)
    a16 = a32.astype(np.float16)
    products: dict[str, Callable[[], Any]] = {"float32": lambda: a32 @ a32, "float16": lambda: a16 @ a16}
    try:
        import torch
    except ImportError:
        return products
    if torch.cuda.is_available():
        t32 = torch.from_dlpack(a32)
        b16 = t32.to(torch.bfloat16)

        def in_tf32() -> Any:
            torch.backends.cuda.matmul.allow_tf32 = True
            product = t32 @ t32
            torch.backends.cuda.matmul.allow_tf32 = False
            return product

        products |= {"tf32": in_tf32, "bfloat16": lambda: b16 @ b16}
    return products


def device() -> dict[str, Any]:
    """What the numbers were measured on, and when."""
    import cupy

    runtime = cupy.cuda.runtime
    name = runtime.getDeviceProperties(cupy.cuda.Device().id)["name"]
    versions = {"cupy": cupy.__version__, "cuda": runtime.runtimeGetVersion(), "driver": runtime.driverGetVersion()}
    try:
        import torch

        versions |= {"torch": torch.__version__, "cudnn": torch.backends.cudnn.version()}
    except ImportError:
        versions["torch"] = None
    return {"date": date.today().isoformat(), "gpu": name.decode() if isinstance(name, bytes) else name, **versions}
