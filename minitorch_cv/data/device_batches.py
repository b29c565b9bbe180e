"""Batches on a GPU, copied while it computes on the batch before.

A copy from ordinary memory makes the computer wait. From pinned memory, which the operating system does not move, the GPU fetches
the data by itself, in a stream of its own. So a batch takes three steps:

    loader -> pinned memory        by the computer, while the GPU computes
    pinned memory -> GPU           in the stream of copies, while the GPU computes
    the model's stream waits for the copy's event, and then reads the batch

There are `SLOTS` pairs of pinned and device memory, used in turn. A pair is written again only when the GPU has read what was in it:
a second event says so.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from kernels import gpu
from kernels.layout import flat, unflat

SLOTS = 3


class DeviceBatch(NamedTuple):
    """Images (N, C, H, W), channels-last, and labels on a GPU, and the labels in the computer's memory too, for whoever counts hits."""

    images: Any
    labels: Any
    host_labels: np.ndarray


class _Buffer:
    """Pinned memory, and memory on the GPU, for arrays up to a size; both are made anew when a larger one comes."""

    def __init__(self) -> None:
        self.pinned: Any = None
        self.device: Any = None

    def send(self, array: np.ndarray, stream: Any) -> Any:
        """The array's copy on the GPU, in the same order of memory; there when `stream` is."""
        import cupy
        import cupyx

        if self.pinned is None or self.pinned.size < array.size or self.pinned.dtype != array.dtype:
            self.pinned = cupyx.empty_pinned(array.size, array.dtype)
            self.device = gpu.empty((array.size,), array.dtype)
            # The memory may have been somebody else's, whose last kernels are still running.
            stream.wait_event(cupy.cuda.get_current_stream().record(cupy.cuda.Event(disable_timing=True)))
        self.pinned[: array.size], order = flat(array)
        sent = self.device[: array.size]
        sent.set(self.pinned[: array.size], stream)
        return unflat(sent, array.shape, order)


class DeviceBatches(Iterator[DeviceBatch]):
    """The batches of a loader's epoch, on the current GPU, each copied while the one before is computed on.

    The arrays of a batch are valid until the second batch after it is asked for.
    """

    def __init__(self, batches: Any) -> None:
        cupy = gpu.cupy()
        self._batches = batches
        self._stream = cupy.cuda.Stream(non_blocking=True)
        self._buffers = [(_Buffer(), _Buffer()) for _ in range(SLOTS)]
        self._copied = [cupy.cuda.Event(disable_timing=True) for _ in range(SLOTS)]
        self._read: list[Any] = [None] * SLOTS  # recorded when the computation on a slot's batch has been asked for
        self._next: DeviceBatch | None = None
        self._count = 0  # batches sent

    def __next__(self) -> DeviceBatch:
        import cupy

        stream = cupy.cuda.get_current_stream()
        if self._count == 0:
            self._send()
        elif self._count > 1:
            # Whoever asks for a batch has asked the GPU for all that is to be done with the one before.
            done = (self._count - 2) % SLOTS
            self._read[done] = stream.record(cupy.cuda.Event(disable_timing=True))
        batch = self._next
        if batch is None:
            raise StopIteration
        stream.wait_event(self._copied[(self._count - 1) % SLOTS])
        self._send()
        return batch

    def _send(self) -> None:
        """Begin the copy of the loader's next batch."""
        slot = self._count % SLOTS
        try:
            images, labels = next(self._batches)
        except StopIteration:
            self._next = None
            self._count += 1
            return
        self._copied[slot].synchronize()  # the pinned memory has been fetched
        if self._read[slot] is not None:
            self._stream.wait_event(self._read[slot])  # the device memory has been read
        image_buffer, label_buffer = self._buffers[slot]
        self._next = DeviceBatch(image_buffer.send(images, self._stream), label_buffer.send(labels, self._stream), labels)
        self._copied[slot].record(self._stream)
        self._count += 1

    def close(self) -> None:
        """Stop early."""
        self._batches.close()
