"""Random numbers as a function of where they are used: (seed, stream, epoch, step, draw), by the counter-based generator Philox.

An ordinary generator is a long chain: who draws first changes what everybody after him gets, and to resume a run its place in the
chain must be known. Philox scrambles a key and a counter into random bits, so that any place can be reached at once. Here the key
is (seed, stream) and the counter (epoch, step, draw): no order of threads or of prefetching matters, one stream does not disturb
another, and a resumed run draws the same numbers without any state but its position.

Salmon, Moraes, Dror, Shaw: Parallel Random Numbers: As Easy as 1, 2, 3 (SC 2011).
"""

import zlib
from threading import Lock
from typing import NamedTuple

import numpy as np


class State(NamedTuple):
    """Where the next numbers come from."""

    seed: int = 0
    epoch: int = 0
    step: int = 0
    draw: int = 0  # how many generators were handed out at this step


_state = State()
_lock = Lock()


def manual_seed(seed: int) -> None:
    """Start anew with `seed`, an integer from 0 to 2**64 - 1, at epoch 0, step 0. Without it the seed is 0."""
    set_state(State(_checked(seed, "seed")))


def at(epoch: int, step: int) -> None:
    """Go to the beginning of `step` of `epoch`. Training does so at each step, so that a step's draws do not depend on what ran before."""
    set_state(State(_state.seed, _checked(epoch, "epoch"), _checked(step, "step")))


def generator(stream: str) -> np.random.Generator:
    """A generator for the next draw of the named stream ("dropout", say) at the current position."""
    global _state
    with _lock:
        here = _state
        _state = here._replace(draw=here.draw + 1)
    return _philox(here.seed, stream, here.epoch, here.step, here.draw)


def generator_at(seed: int, stream: str, epoch: int = 0, step: int = 0) -> np.random.Generator:
    """The generator of a stream at a given position, whatever the current one is; the same arguments give the same numbers."""
    return _philox(_checked(seed, "seed"), stream, _checked(epoch, "epoch"), _checked(step, "step"), 0)


def get_state() -> State:
    """The current position, for `set_state`."""
    return _state


def set_state(state: State) -> None:
    """Go back to a position that `get_state` told."""
    global _state
    with _lock:
        _state = State(*state)


def _philox(seed: int, stream: str, epoch: int, step: int, draw: int) -> np.random.Generator:
    # The lowest word of the counter belongs to the generator, which counts it up as it draws.
    counter = np.array([0, draw, step, epoch], np.uint64)
    key = np.array([seed, zlib.crc32(stream.encode())], np.uint64)
    return np.random.Generator(np.random.Philox(counter=counter, key=key))


def _checked(value: int, name: str) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__") or not 0 <= int(value) < 1 << 64:
        raise ValueError(f"{name}: got {value!r}, expected an integer from 0 to 2**64 - 1")
    return int(value)
