"""Ctrl-C and SIGTERM, turned into a request that the training heeds between two steps."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopRequest:
    """Whether a signal has asked to stop, and which."""

    signal_number: int | None = None

    def __bool__(self) -> bool:
        return self.signal_number is not None


@contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """Inside the block, SIGINT and SIGTERM fill in the request instead of ending the process. A second one ends it as usual.

    Python lets only the main thread handle signals: in another thread, the request stays empty.
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    # A handler that was not set from Python shows as None, and cannot be set again.
    before = {number: signal.getsignal(number) or signal.SIG_DFL for number in SIGNALS}

    def handle(number: int, frame: FrameType | None) -> None:
        request.signal_number = number
        os.write(2, b"\nstopping after this step; once more to stop at once, without a checkpoint\n")  # print may be what was interrupted
        for each, handler in before.items():
            signal.signal(each, handler)

    try:
        for number in SIGNALS:
            signal.signal(number, handle)
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
