"""Work on the device: done at once, or recorded while the stream captures.

As in CUDA, recorded work is not done when it is recorded: its results are poison until `graph.launch()`, which does the work in order, on
the same memory as then. Memory that was used in a capture and has gone back to the default pool since may belong to somebody else: to
launch such a graph raises here, where CUDA would compute nonsense. What comes from a pool of one's own
(`using_allocator(MemoryPool().malloc)`) may be freed, as long as the pool lives and serves nothing else.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from .errors import CUDARuntimeError
from .memory import Block, default_pool
from .streams import Stream, before_work, stream_of


def run(work: Callable[[], object], blocks: Iterable[Block] = (), stream: Stream | None = None) -> None:
    """Do `work`, or record it while the stream captures. `blocks` is the memory that it uses.

    `work` holds NumPy views of device memory (`array._host`), never device arrays: these would keep memory alive that CUDA's graphs do not.
    """
    stream = stream_of(stream)
    if stream.graph is not None:
        stream.graph._add(work, blocks)
        return
    before_work(stream)
    with np.errstate(all="ignore"):
        work()


class Graph:
    """Recorded work."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        raise RuntimeError("a Graph is made by Stream.begin_capture and Stream.end_capture")

    @classmethod
    def _new(cls) -> "Graph":
        graph = cls.__new__(cls)
        graph._work, graph._blocks, graph.invalid, graph._spoiled = [], set(), "", False
        return graph

    invalid: str  # what was done that CUDA does not record
    _spoiled: bool  # whether memory of its pool was given to others since
    _work: list[Callable[[], object]]
    _blocks: set[Block]

    def _add(self, work: Callable[[], object], blocks: Iterable[Block]) -> None:
        self._work.append(work)
        self._use(blocks)

    def _use(self, blocks: Iterable[Block]) -> None:
        """Take note of memory that the work uses, or may use: it lives as long as the graph."""
        for block in blocks:
            self._blocks.add(block)
            pool = block.pool
            if pool is not None and pool is not default_pool:
                pool.graphs.add(self)

    def allocated_outside(self) -> None:
        """A pool that recorded work allocated from serves others now: what the graph left free there may be theirs."""
        self._spoiled = self._spoiled or any(block.freed for block in self._blocks)

    def launch(self, stream: Stream | None = None) -> None:
        """Do all of the recorded work."""
        freed = [block for block in self._blocks if block.freed]
        if self._spoiled or any(block.pool is None or block.pool is default_pool for block in freed):
            sizes = ", ".join(str(block.size) for block in freed[:5])
            text = f"the graph uses memory that others may have got since the capture: {len(freed)} blocks freed, of {sizes} bytes"
            raise CUDARuntimeError("cudaErrorIllegalAddress", 700, text)

        def work() -> None:
            for step in self._work:
                step()

        run(work, self._blocks, stream)

    def upload(self, stream: Stream | None = None) -> None:
        """Prepare for launch: nothing to do here."""


def blocks_of(*arrays: Any) -> list[Block]:
    return [array._memory.block for array in arrays]
