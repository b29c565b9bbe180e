"""Optimiser steps that are recorded in a CUDA graph, and what they are told at each replay.

A graph repeats its launches with the very arguments that they were recorded with. So what an optimiser is told (the learning rate, bias
corrections that depend on the number of the step) is no argument, but a table in the GPU's memory: what a step finds there may change
between two replays.

    steps = RecordedSteps()
    with steps:                              # around the recording, whose work is not done
        stream.begin_capture()
        ...
        optimizer.step()
        graph = stream.end_capture()
    graph.launch()                           # the recorded step, with what it was told
    while ...:
        schedule.step()
        steps.again(optimizer.step)          # counts the step and writes its numbers, but launches no update
        graph.launch()

All of this in one stream. The first step of an optimiser, which makes its state, comes before the recording. The arrays must stay where
they are, the gradients too: `zero_grad` belongs into the recording, if anywhere. What is recorded goes on using the memory that it used:
let CuPy allocate from a pool of the graph's own meanwhile.
"""

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import numpy as np

_current: ContextVar["RecordedSteps | None"] = ContextVar("minitorch_cv_recorded_steps", default=None)


@dataclass
class _Update:
    """A recorded update: its rule, which of the lists of state that the rule may keep it has, its table of numbers on the GPU, and what
    is to be written there.
    """

    rule: str
    kept: tuple[bool, ...]
    table: Any
    numbers: np.ndarray
    written: np.ndarray | None = None


class RecordedSteps:
    """The optimiser steps of a CUDA graph; see the module's text. It keeps their tables alive, as long as the graph is to be used."""

    def __init__(self) -> None:
        self._constants: list[tuple[Any, np.ndarray]] = []  # tables that no replay changes, and what is to be written there
        self._updates: list[_Update] = []
        self.told: list[_Update] | None = None  # in `again`, the updates that have got their numbers
        self._token: Any = None

    def __enter__(self) -> "RecordedSteps":
        self._token = _current.set(self)
        return self

    def __exit__(self, kind: type | None, *exception: object) -> None:
        _current.reset(self._token)
        if kind is None:
            for table, values in self._constants:
                _put(table, values)
            self._write()

    def again(self, step: Callable[[], Any]) -> Any:
        """Call `step`, which calls what was recorded, for all but its updates: their numbers are written for the replay that follows.

        Returns what it returns. RuntimeError where it does not make the updates that were recorded.
        """
        self.told = []
        token = _current.set(self)
        try:
            result = step()
        finally:
            _current.reset(token)
            told, self.told = self.told, None
        if len(told) != len(self._updates):
            raise RuntimeError(f"step: made {len(told)} updates, expected the {len(self._updates)} that were recorded")
        self._write()
        return result

    def table(self, values: np.ndarray) -> Any:
        """A table on the GPU for `values`, which are written when the recording has ended."""
        table = _empty(values)
        self._constants.append((table, values))
        return table

    def update(self, rule: str, kept: tuple[bool, ...], numbers: np.ndarray) -> Any:
        """Like `table`, for the numbers that an update is told: `again` writes others."""
        self._updates.append(_Update(rule, kept, _empty(numbers), numbers))
        return self._updates[-1].table

    def tell(self, rule: str, kept: tuple[bool, ...], numbers: np.ndarray) -> None:
        """In `again`: the numbers of the next update."""
        assert self.told is not None
        place = len(self.told)
        update = self._updates[place] if place < len(self._updates) else None
        if update is None or update.rule != rule or update.numbers.shape != numbers.shape:
            expected = "no more" if update is None else f"{update.rule} of {len(update.numbers)} parameters"
            raise RuntimeError(f"step: update number {place + 1} is {rule} of {len(numbers)} parameters, expected {expected}, as recorded")
        if update.kept != kept:
            raise RuntimeError(f"step: {rule} keeps other state than in the recording, where a momentum, say, was 0 or was not")
        update.numbers = numbers
        self.told.append(update)

    def _write(self) -> None:
        for update in self._updates:
            if update.written is None or not np.array_equal(update.numbers, update.written):
                _put(update.table, update.numbers)
                update.written = update.numbers


def is_capturing() -> bool:
    """Whether CuPy's current stream records a CUDA graph."""
    import cupy

    return cupy.cuda.get_current_stream().is_capturing()


def recorded() -> RecordedSteps | None:
    """Where the current stream captures, who takes down what is written later; RuntimeError where nobody does. None where it does not."""
    if not is_capturing():
        return None
    steps = _current.get()
    if steps is None:
        raise RuntimeError("a CUDA graph records an optimiser's kernel, expected that inside of `with RecordedSteps():`")
    return steps


def repeated() -> RecordedSteps | None:
    """Whose `again` this thread is in."""
    steps = _current.get()
    return None if steps is None or steps.told is None else steps


def _put(table: Any, values: np.ndarray) -> None:
    """Write `values` when the work that is in the stream now, a replay for instance, is done; nothing waits for that."""
    import cupy

    with table.device:
        table[...] = cupy.asarray(values)  # CuPy copies by way of pinned memory, which it keeps until then


def _empty(values: np.ndarray) -> Any:
    import cupy

    return cupy.empty(values.shape, values.dtype)
