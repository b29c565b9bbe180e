"""Streams and events. Work runs at once, except that copies on a stream may be made late.

`with late_copies():` keeps what `ndarray.set(host, stream)` and the other copies between host and device put on a stream of its own waiting
until something waits for it: `synchronize`, an event, or later work on the same stream. Code that forgets to wait for a copy computes on
what was there before, NaN in new memory.
"""

import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from .device import current_device_id
from .errors import CUDARuntimeError, capture_refused

if TYPE_CHECKING:
    from .capture import Graph

_local = threading.local()
_late = False
_streams: "weakref.WeakSet[Stream]" = weakref.WeakSet()


@contextmanager
def late_copies() -> Iterator[None]:
    """Copies on streams other than the default one are made as late as CUDA might make them."""
    global _late
    before, _late = _late, True
    try:
        yield
    finally:
        _late = before


class Stream:
    """A queue of work on a device."""

    null: "Stream"
    ptds: "Stream"

    def __init__(self, null: bool = False, non_blocking: bool = False, ptds: bool = False, *, priority: int | None = None) -> None:
        self.device_id = current_device_id()
        self.is_non_blocking = non_blocking
        self.priority = priority or 0
        self.ptr = 0 if null else id(self)
        self.graph: Graph | None = None  # recorded here while the stream captures
        self._waiting: list[Callable[[], None]] = []
        self._lock = threading.RLock()
        self._before: list[tuple[int, Stream]] = []  # for each `with`: the device, and its stream before
        if not null:
            _streams.add(self)

    def __del__(self) -> None:
        self.finish()

    def __enter__(self) -> "Stream":
        before = get_current_stream()
        self.use()
        self._before.append((current_device_id(), before))
        return self

    def __exit__(self, *exception: object) -> None:
        device_id, before = self._before.pop()
        _current()[device_id] = before

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Stream) and self.ptr == other.ptr

    def __hash__(self) -> int:
        return hash(self.ptr)

    def use(self) -> "Stream":
        """Make this the current stream of the thread on its device, which must be the current one."""
        if self.ptr and self.device_id != current_device_id():
            raise RuntimeError(f"the stream is on device {self.device_id}, but the current device is {current_device_id()}")
        _current()[current_device_id()] = self
        return self

    @property
    def done(self) -> bool:
        self.refuse_capture("Stream.done")
        return not self._waiting

    def synchronize(self) -> None:
        self.refuse_capture("Stream.synchronize")
        transfers.synchronizations += 1
        self.finish()

    def finish(self, count: int | None = None) -> None:
        """Do the first `count` pieces of the work that waits; all of it without."""
        with self._lock:
            for _ in range(len(self._waiting) if count is None else count):
                self._waiting.pop(0)()

    def postpone(self, work: Callable[[], None]) -> None:
        """Put work into the queue that nothing has to wait for yet."""
        with self._lock:
            self._waiting.append(work)

    @property
    def is_late(self) -> bool:
        return _late and self.ptr != 0

    def record(self, event: "Event | None" = None) -> "Event":
        event = event or Event(disable_timing=True)
        event.record(self)
        return event

    def wait_event(self, event: "Event") -> None:
        other = event._stream
        if other is not None and other is not self:
            for stream in (self, other):
                stream.refuse_capture("an event between a stream that captures and another, which the stand-in does not record")
        event._finish()

    def add_callback(self, callback: Callable, arg: object) -> None:
        self.refuse_capture("Stream.add_callback")
        self.finish()
        callback(self, 0, arg)

    def launch_host_func(self, callback: Callable[[object], None], arg: object) -> None:
        from .capture import run

        run(lambda: callback(arg), (), self)

    def begin_capture(self, mode: int | None = None) -> None:
        from .capture import Graph

        if self.ptr == 0:
            raise CUDARuntimeError("cudaErrorStreamCaptureUnsupported", 900, "the default stream cannot capture")
        if self.graph is not None:
            raise CUDARuntimeError("cudaErrorIllegalState", 401, "the stream is capturing already")
        self.graph = Graph._new()

    def end_capture(self) -> "Graph":
        if self.graph is None:
            raise CUDARuntimeError("cudaErrorIllegalState", 401, "the stream is not capturing")
        graph, self.graph = self.graph, None
        if graph.invalid:
            text = f"the capture is invalid since a forbidden operation: {graph.invalid}"
            raise CUDARuntimeError("cudaErrorStreamCaptureInvalidated", 901, text)
        return graph

    def is_capturing(self) -> bool:
        return self.graph is not None

    def refuse_capture(self, what: str) -> None:
        if self.graph is not None:
            raise capture_refused(self.graph, what)


Stream.null = Stream(null=True)
Stream.ptds = Stream(null=True, ptds=True)


def get_current_stream(device_id: int | None = None) -> Stream:
    """The stream that work of this thread goes to."""
    return _current().get(current_device_id() if device_id is None else device_id, Stream.null)


def _current() -> "dict[int, Stream]":
    """The streams that this thread has made current, by device."""
    if not hasattr(_local, "streams"):
        _local.streams = {}
    return _local.streams


def is_capturing() -> bool:
    """Whether the current stream captures."""
    return get_current_stream().graph is not None


def refuse_capture(what: str) -> None:
    """CUDARuntimeError while the current stream captures."""
    get_current_stream().refuse_capture(what)


def before_work(stream: Stream) -> None:
    """What `stream` has to wait for: its own work and, for the default stream, that of all blocking streams of the device."""
    if stream.ptr and stream.device_id != current_device_id():
        text = f"work on device {current_device_id()} in a stream of device {stream.device_id}"
        raise CUDARuntimeError("cudaErrorInvalidResourceHandle", 400, text)
    stream.finish()
    if stream.ptr == 0:
        for other in list(_streams):
            if not other.is_non_blocking and other.device_id == current_device_id():
                if other.graph is not None:
                    raise capture_refused(other.graph, "work on the default stream beside a blocking stream that captures")
                other.finish()


def synchronize_device(device_id: int) -> None:
    for stream in list(_streams):
        stream.refuse_capture("Device.synchronize")
    transfers.synchronizations += 1
    for stream in list(_streams):
        if stream.device_id == device_id:
            stream.finish()


class Event:
    """A point in the work of a stream."""

    def __init__(self, block: bool = False, disable_timing: bool = False, interprocess: bool = False) -> None:
        self.disable_timing = disable_timing
        self.ptr = id(self)
        self._stream: Stream | None = None
        self._work: list[Callable[[], None]] = []

    def record(self, stream: Stream | None = None) -> None:
        self._stream = stream or get_current_stream()
        self._work = list(self._stream._waiting)

    def _finish(self) -> None:
        if self._stream is not None:
            # What waited when the event was recorded and still waits: always the front of the queue.
            self._stream.finish(sum(work in self._work for work in self._stream._waiting))

    @property
    def done(self) -> bool:
        return self._stream is None or not any(work in self._work for work in self._stream._waiting)

    def synchronize(self) -> None:
        if self._stream is not None:
            self._stream.refuse_capture("Event.synchronize")
        transfers.synchronizations += 1
        self._finish()


def get_elapsed_time(start_event: Event, end_event: Event) -> float:
    """Milliseconds; the emulation measures no time and returns 0."""
    if start_event.disable_timing or end_event.disable_timing:
        raise CUDARuntimeError("cudaErrorInvalidResourceHandle", 400, "invalid resource handle")
    return 0.0


class Transfers:
    """How often the host waited for the device, and how often bytes went from one to the other."""

    to_host: int
    to_device: int
    synchronizations: int

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.to_host = self.to_device = self.synchronizations = 0

    def synchronizing(self, what: str) -> None:
        """Count a copy to the host that waits for the device. Refused while the stream captures."""
        stream = get_current_stream()
        stream.refuse_capture(what)
        before_work(stream)
        self.to_host += 1

    def __repr__(self) -> str:
        return f"Transfers(to_host={self.to_host}, to_device={self.to_device}, synchronizations={self.synchronizations})"


transfers = Transfers()


def stream_of(stream: Any) -> Stream:
    return get_current_stream() if stream is None else stream
