"""Random numbers as a function of where they are used: (seed, stream, epoch, step, draw), by the counter-based generator Philox.

An ordinary generator is a long chain: who draws first changes what everybody after him gets, and to resume a run its place in the
chain must be known. Philox scrambles a key and a counter into random bits, so that any place can be reached at once. Here the key
is (seed, stream) and the counter (epoch, step, draw): no order of threads or of prefetching matters, one stream does not disturb
another, and a resumed run draws the same numbers without any state but its position. On a GPU the numbers are the same as on the CPU.

Salmon, Moraes, Dror, Shaw: Parallel Random Numbers: As Easy as 1, 2, 3 (SC 2011).
"""

import zlib
from threading import Lock
from typing import Any, NamedTuple

import numpy as np

import kernels
from kernels import gpu
from kernels.random.numpy_random import philox


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
    here = _next_draw()
    return philox(here.seed, _number_of(stream), here.epoch, here.step, here.draw)


def uniform(stream: str, shape: tuple[int, ...], like: np.ndarray, dtype: Any = np.float32) -> np.ndarray:
    """`generator(stream).random(shape, dtype)`, float32 or float64, in the memory where `like` is: on a GPU the same bits."""
    if not gpu.is_gpu(like):
        return generator(stream).random(shape, dtype)
    here = _next_draw()
    with like.device:  # type: ignore[attr-defined]
        return kernels.uniform(_place_on_gpu(here), _number_of(stream), here.draw, shape, dtype)


def generator_at(seed: int, stream: str, epoch: int = 0, step: int = 0) -> np.random.Generator:
    """The generator of a stream at a given position, whatever the current one is; the same arguments give the same numbers."""
    return philox(_checked(seed, "seed"), _number_of(stream), _checked(epoch, "epoch"), _checked(step, "step"), 0)


def get_state() -> State:
    """The current position, for `set_state`."""
    return _state


def set_state(state: State) -> None:
    """Go back to a position that `get_state` told."""
    global _state
    with _lock:
        _state = State(*state)


def tell_gpu() -> None:
    """Write the current seed, epoch and step into the current GPU's memory, in CuPy's current stream.

    `uniform` does so by itself. But a recorded step (a CUDA graph) runs without it, and reads there what its numbers depend on; it is for
    whoever replays it to call `at` and then this. Where nothing was drawn on that GPU yet, there is nothing to do.
    """
    if gpu.current_device() in _gpu_places:
        _place_on_gpu(_state)


class _GpuPlace:
    """Seed, epoch and step in a GPU's memory, and what was written there last."""

    def __init__(self) -> None:
        self.words = gpu.zeros((3,), np.uint64)
        self.written = (0, 0, 0)


_gpu_places: dict[int, _GpuPlace] = {}


def _place_on_gpu(here: State) -> Any:
    """The current GPU's place, brought up to date; not as a part of a recording, which would undo at every replay what `tell_gpu` wrote."""
    device, now = gpu.current_device(), (here.seed, here.epoch, here.step)
    recording = gpu.cupy().cuda.get_current_stream().is_capturing()
    if device not in _gpu_places:
        if recording:
            raise RuntimeError("a CUDA graph records random numbers on a GPU that has drawn none, expected one step without recording")
        _gpu_places[device] = _GpuPlace()
    place = _gpu_places[device]
    if place.written != now and not recording:
        kernels.set_place(place.words, *now)
        place.written = now
    return place.words


def _next_draw() -> State:
    global _state
    with _lock:
        here = _state
        _state = here._replace(draw=here.draw + 1)
    return here


def _number_of(stream: str) -> int:
    return zlib.crc32(stream.encode())


def _checked(value: int, name: str) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__") or not 0 <= int(value) < 1 << 64:
        raise ValueError(f"{name}: got {value!r}, expected an integer from 0 to 2**64 - 1")
    return int(value)
