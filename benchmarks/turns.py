"""Comparing programs that must not disturb each other: each lives in a process of its own, and they take turns.

Two thread pools in one process slow each other down, and two processes at work at once share the cores and the caches. So every
side is a process that prepares its work and then waits, blocked on a pipe, until it is told to run: while one works, the others
sleep. A turn is short and the rounds are many, so that a change of the machine's mood (heat, a neighbour) meets all sides alike,
and each round gives a ratio of its own.
"""

import multiprocessing
import os
import platform
import resource
import statistics
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

# "spawn": a fresh interpreter. A forked one would inherit the parent's memory, and thread pools do not survive a fork.
_context = multiprocessing.get_context("spawn")

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "NUMBA_NUM_THREADS")

Tasks = Mapping[str, Callable[[], Any]]


class Worker:
    """A process that holds named tasks. `build(*arguments)` is called in it, and returns them."""

    def __init__(self, name: str, build: Callable[..., Tasks], *arguments: Any) -> None:
        self.name = name
        self._connection, theirs = _context.Pipe()
        self._process = _context.Process(target=_serve, args=(theirs, build, arguments), daemon=True)
        self._process.start()
        theirs.close()
        self._answer()  # built

    def time(self, task: str, repetitions: int) -> list[float]:
        """Run a task once to warm up, then `repetitions` times: the seconds that each run took."""
        return self._ask("time", task, repetitions)

    def result(self, task: str) -> Any:
        """Run a task once: what it returned."""
        return self._ask("result", task)

    def peak_memory(self) -> int:
        """The most memory, in bytes, that the process has held so far (resident set)."""
        return self._ask("peak_memory")

    def close(self) -> None:
        """End the process."""
        self._connection.close()
        self._process.join()

    def _ask(self, *question: Any) -> Any:
        self._connection.send(question)
        return self._answer()

    def _answer(self) -> Any:
        try:
            problem, answer = self._connection.recv()
        except EOFError:
            raise RuntimeError(f"{self.name}: its process ended without an answer") from None
        if problem:
            raise RuntimeError(f"{self.name}:\n{problem}")
        return answer


def _serve(connection: Connection, build: Callable[..., Tasks], arguments: tuple) -> None:
    """The life of a worker: build, then answer questions until the pipe is closed."""
    try:
        tasks = build(*arguments)
        connection.send((None, None))
        while True:
            kind, *rest = connection.recv()
            if kind == "time":
                answer: Any = _time(tasks[rest[0]], rest[1])
            elif kind == "result":
                answer = tasks[rest[0]]()
            else:
                answer = _peak_memory()
            connection.send((None, answer))
    except EOFError:
        return
    except Exception:
        connection.send((traceback.format_exc(), None))


def _time(task: Callable[[], Any], repetitions: int) -> list[float]:
    task()
    seconds = []
    for _ in range(repetitions):
        begin = time.perf_counter()
        task()
        seconds.append(time.perf_counter() - begin)
    return seconds


def _peak_memory() -> int:
    try:
        # What getrusage says on Linux begins with the memory of the parent process; this does not.
        lines = Path("/proc/self/status").read_text().splitlines()
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def take_turns(workers: Sequence[Worker], task: str, rounds: int, repetitions: int) -> dict[str, list[float]]:
    """For each worker, the median seconds of its turn in each round. Who begins changes from round to round."""
    medians: dict[str, list[float]] = {worker.name: [] for worker in workers}
    for r in range(rounds):
        first = r % len(workers)
        for worker in (*workers[first:], *workers[:first]):
            medians[worker.name].append(statistics.median(worker.time(task, repetitions)))
    return medians


def ratios(theirs: Sequence[float], ours: Sequence[float]) -> dict[str, float]:
    """How many times as fast as they we are, round by round: the median, the least and the largest of the ratios."""
    each = [t / o for t, o in zip(theirs, ours, strict=True)]
    return {"median": statistics.median(each), "least": min(each), "largest": max(each)}


def use_threads(threads: int) -> None:
    """Let the processes started from now on use `threads` threads. Call before the first worker starts."""
    for variable in THREAD_VARIABLES:
        os.environ[variable] = str(threads)


def machine() -> dict[str, Any]:
    """What the numbers were measured on."""
    model = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), model)
    except OSError:
        pass
    return {"cpu": model, "cores": os.cpu_count(), "system": platform.system(), "python": platform.python_version()}
