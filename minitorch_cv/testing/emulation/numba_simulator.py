"""Numba CUDA kernels executed by Python, one thread after the other: slow, and strict.

Numba has a simulator of its own (NUMBA_ENABLE_CUDASIM). It is far slower, has no shuffles, lets negative indices wrap, and takes no offence
at threads that wait at different barriers. This one raises a CudaFault for

- an index outside of a global, shared or local array;
- shared or local memory that is read before it is written;
- two threads that use the same element of shared memory, one of them writing, with no barrier between;
- a barrier that some threads of the block never reach, or that they reach at different places; the same for warps;
- a shuffle from a lane that takes no part;
- a whole number that does not fit into the signed type that it is cast to or stored as.

Each thread is a generator, which yields where it waits for others; kernels that never wait are simply called. Blocks run one after the
other, so nothing is seen of races between blocks.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from inspect import signature
from itertools import product
from types import FunctionType
from typing import Any

import numpy as np

from minitorch_cv.testing.emulation.module import MOST_BLOCKS, MOST_THREADS, CudaFault
from minitorch_cv.testing.emulation.simulated_arrays import GlobalArray
from minitorch_cv.testing.emulation.simulated_cuda import Dim3, Request, SimulatedCuda, bound

Launched = Callable[[Callable, tuple], None]
# Called with the function and the arguments (arrays as NumPy's) of every kernel that is launched.
launched: Launched | None = None
_order = 0


@contextmanager
def order(threads: int) -> Iterator[None]:
    """Inside, the threads of a block run forward (0), backward (1) or shuffled (2 and up, each in its own way)."""
    global _order
    before, _order = _order, threads
    try:
        yield
    finally:
        _order = before


@contextmanager
def watch(tell: Launched) -> Iterator[None]:
    """Inside, call `tell(py_func, arguments)` at every launch."""
    global launched
    before, launched = launched, tell
    try:
        yield
    finally:
        launched = before


def launch(py_func: Callable, blocks: Sequence[int], threads: Sequence[int], arguments: Sequence[Any], shared_memory: int = 0) -> None:
    """Run `py_func` on a grid of `blocks` by `threads`. Arrays are NumPy's or the stand-in's for CuPy. CudaFault: see the module's text.

    Where the stand-in's stream captures, the work is recorded, as a GPU would.
    """
    grid, block = Dim3(*(*blocks, 1, 1)[:3]), Dim3(*(*threads, 1, 1)[:3])
    if not all(0 < size <= most for size, most in zip(grid, MOST_BLOCKS, strict=True)):
        raise CudaFault(f"{py_func.__name__}: got a grid of {tuple(grid)} blocks, expected 1 to {MOST_BLOCKS}")
    if not 0 < block.x * block.y * block.z <= MOST_THREADS or block.z > 64:
        raise CudaFault(f"{py_func.__name__}: got blocks of {tuple(block)} threads, expected 1 to {MOST_THREADS}, and 64 along z")
    hosts = [getattr(a, "_host", a) for a in arguments]
    on_device = [a for a in arguments if hasattr(a, "_host")]
    if not on_device:
        _run(py_func, grid, block, hosts, shared_memory)
        return
    from minitorch_cv.testing.emulation.cupy_stand_in import capture

    capture.run(lambda: _run(py_func, grid, block, hosts, shared_memory), capture.blocks_of(*on_device))


def _run(py_func: Callable, grid: Dim3, block: Dim3, hosts: list, shared_memory: int) -> None:
    scheduler = _Scheduler(py_func, grid, block, hosts, shared_memory)
    with np.errstate(all="ignore"):
        scheduler.run()
    if launched is not None:
        launched(py_func, tuple(hosts))


class _Scheduler:
    """One launch of a kernel."""

    def __init__(self, py_func: Callable, grid: Dim3, block: Dim3, hosts: list, shared_memory: int) -> None:
        self.cuda = SimulatedCuda(py_func.__name__, grid, block, shared_memory)
        assert isinstance(py_func, FunctionType)
        self.function, self.waits = bound(py_func, self.cuda)
        names = list(signature(py_func).parameters)
        if len(names) != len(hosts):
            raise CudaFault(f"{py_func.__name__}: got {len(hosts)} arguments, expected {len(names)}: {', '.join(names)}")
        self.arguments = [GlobalArray(a, n, self.cuda) if isinstance(a, np.ndarray) else a for a, n in zip(hosts, names, strict=True)]
        self.grid = grid
        self.places = [Dim3(x, y, z) for z, y, x in product(range(block.z), range(block.y), range(block.x))]
        self.random = np.random.default_rng(_order)

    def run(self) -> None:
        for z, y, x in product(range(self.grid.z), range(self.grid.y), range(self.grid.x)):
            self.cuda.begin_block(Dim3(x, y, z))
            self.period = self.moment = 0
            self.moments = [0] * len(self.places)
            try:
                self._run_waiting() if self.waits else self._run_straight()
            except CudaFault:
                raise
            except Exception as error:
                error.add_note(f"in thread {tuple(self.cuda.threadIdx)} of block {(x, y, z)}")
                raise

    def _ordered(self, threads: list[int]) -> list[int]:
        if _order == 0:
            return sorted(threads)
        if _order == 1:
            return sorted(threads, reverse=True)
        return self.random.permutation(sorted(threads)).tolist()

    def _enter(self, thread: int) -> None:
        self.cuda.threadIdx = self.places[thread]
        self.cuda.stamp = (self.period, self.moments[thread], thread)

    def _run_straight(self) -> None:
        for thread in self._ordered(list(range(len(self.places)))):
            self._enter(thread)
            self.function(*self.arguments)

    def _run_waiting(self) -> None:
        """Let each thread run until it waits or ends; then let go those who have all come together; and so on."""
        threads = [self.function(*self.arguments) for _ in self.places]
        waiting: dict[int, Request] = {}
        answers: dict[int, Any] = dict.fromkeys(range(len(threads)))
        while answers:
            for thread in self._ordered(list(answers)):
                self._enter(thread)
                try:
                    waiting[thread] = threads[thread].send(answers[thread])
                except StopIteration:
                    continue
            answers = self._let_go(waiting)
            for thread in answers:
                del waiting[thread]

    def _let_go(self, waiting: dict[int, Request]) -> dict[int, Any]:
        """What those threads get who need not wait any longer."""
        if not waiting:
            return {}
        someone = next(iter(waiting.values()))
        if someone.name == "syncthreads" and len(waiting) == len(self.places) and all(request is someone for request in waiting.values()):
            self.period += 1
            return dict.fromkeys(waiting)
        answers: dict[int, Any] = {}
        groups: dict[tuple, dict[int, Request]] = {}
        for thread, request in waiting.items():
            if not request.name.startswith("syncthreads"):
                groups.setdefault((thread // 32, request.site, request.mask), {})[thread] = request
        for (warp, _, mask), group in groups.items():
            if len(group) == sum(mask >> lane & 1 for lane in range(min(32, len(self.places) - 32 * warp))):
                answers.update(self._answers_of_warp(warp, group))
        if answers:
            return answers
        if len(waiting) < len(self.places) or groups or len({request.site for request in waiting.values()}) > 1:
            raise self._divergence(waiting)
        self.period += 1
        return dict.fromkeys(waiting, _answer_of_block(list(waiting.values())))

    def _answers_of_warp(self, warp: int, group: dict[int, Request]) -> dict[int, Any]:
        request = next(iter(group.values()))
        if request.name == "syncwarp":
            self.moment += 1
            for thread in group:
                self.moments[thread] = self.moment
            return dict.fromkeys(group)
        if request.name.startswith("shfl"):
            answers = {}
            for thread, asked in group.items():
                source = warp * 32 + asked.source
                if source not in group:
                    self._enter(thread)
                    raise self._fault(f"{asked.name} of line {asked.line} reads from lane {asked.source}, which takes no part")
                answers[thread] = group[source].value
            return answers
        ballot = sum(1 << thread % 32 for thread, asked in group.items() if asked.value)
        answer = {"ballot_sync": ballot, "any_sync": ballot != 0, "all_sync": all(asked.value for asked in group.values())}[request.name]
        return dict.fromkeys(group, answer)

    def _divergence(self, waiting: dict[int, Request]) -> CudaFault:
        places: dict[str, list[int]] = {}
        for thread, request in waiting.items():
            places.setdefault(f"{request.name} of line {request.line}", []).append(thread)
        told = [f"{len(threads)} wait at {place} (thread {min(threads)}, say)" for place, threads in places.items()]
        ended = len(self.places) - len(waiting)
        return self._fault(f"of {len(self.places)} threads, {'; '.join(told)}" + (f"; {ended} have ended" if ended else ""))

    def _fault(self, what: str) -> CudaFault:
        return CudaFault(f"{self.function.__name__}: {what} (block {tuple(self.cuda.blockIdx)})")


def _answer_of_block(requests: list[Request]) -> int | None:
    count = sum(bool(request.value) for request in requests)
    counted = {"syncthreads_count": count, "syncthreads_and": int(count == len(requests)), "syncthreads_or": int(count > 0)}
    return counted.get(requests[0].name)
