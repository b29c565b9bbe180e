"""Batches, in an order that depends on seed and epoch alone, made ahead of time by a thread in the background.

The thread runs NumPy only. Compiled kernels must not be entered by two threads at once, so nothing here, and no
transform, may call one.
"""

import threading
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from queue import SimpleQueue

import numpy as np

from minitorch_cv.data.dataset import Dataset
from minitorch_cv.data.masks import ComposeWithMasks
from minitorch_cv.data.mixing import Mixing, one_hot
from minitorch_cv.data.transforms import Compose, ToFloat, Transform
from minitorch_cv.random import generator_at

Batch = tuple[np.ndarray, np.ndarray]


class Loader:
    """Cuts a data set into batches of `batch_size` images.

    shuffle: a new order each epoch, else the order of the data set. seed: of the order and of the augmentation.
    drop_last: leave out a last batch that is not full. transform: one, or several to be applied in turn; pixels that
    are still uint8 after it become float32 from 0 to 1. mix: mixes the images of a batch then, and makes probabilities
    of the labels; see `mixing`. Where labels are masks, transforms that move pixels move the masks along; what cannot, mixing among it,
    is a ValueError.
    prefetch: how many batches are made ahead in the background; 0 makes each when it is asked for. It changes nothing
    but the time.
    """

    def __init__(
        self,
        dataset: Dataset,
        batch_size: int,
        shuffle: bool = False,
        seed: int = 0,
        drop_last: bool = False,
        transform: Transform | Sequence[Transform] | None = None,
        prefetch: int = 2,
        mix: Mixing | None = None,
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size: got {batch_size}, expected at least 1")
        if prefetch < 0:
            raise ValueError(f"prefetch: got {prefetch}, expected 0 or more batches")
        self.dataset = dataset
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.seed = seed
        self.drop_last = drop_last
        steps = [transform] if callable(transform) else list(transform or ())
        self.transform: Compose | ComposeWithMasks = (ComposeWithMasks if dataset.has_masks else Compose)([*steps, ToFloat()])
        if dataset.has_masks and mix is not None:
            raise ValueError(f"mix: got {mix!r} for images whose labels are masks, expected None")
        self.prefetch = prefetch
        self.mix = mix

    def __len__(self) -> int:
        """The number of batches in an epoch."""
        whole, rest = divmod(len(self.dataset), self.batch_size)
        return whole + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[Batch]:
        raise TypeError("Loader: it does not count epochs by itself; write `for images, labels in loader.epoch(number):`")

    def order(self, epoch: int) -> np.ndarray:
        """The indices of the images in the order in which epoch number `epoch` shows them."""
        if not self.shuffle:
            return np.arange(len(self.dataset))
        return generator_at(self.seed, "shuffle", epoch, 0).permutation(len(self.dataset))

    def batch(self, epoch: int, step: int) -> Batch:
        """Batch number `step` of an epoch: what `epoch` yields, at random access."""
        return self._batch(self.order(epoch), epoch, step)

    def epoch(self, epoch: int, start_step: int = 0) -> "Iterator[Batch]":
        """The batches of epoch number `epoch`, from number `start_step` on, so that an interrupted epoch goes on exactly where it was.

        Each is (images, labels): float32 of shape (N, C, H, W), channels-last in memory, and int64 of shape (N,), or (N, H, W) of
        masks, or, where images are mixed, float32 of shape (N, classes). The iterator has a method `close()`; a loop that ends early
        may also simply forget it.
        """
        if not 0 <= start_step <= len(self):
            raise ValueError(f"start_step: got {start_step}, expected 0 to {len(self)}")
        batches = self._batches(epoch, start_step)
        return _Prefetched(batches, self.prefetch) if self.prefetch else batches

    def _batches(self, epoch: int, start_step: int) -> Iterator[Batch]:
        order = self.order(epoch)
        for step in range(start_step, len(self)):
            yield self._batch(order, epoch, step)

    def _batch(self, order: np.ndarray, epoch: int, step: int) -> Batch:
        if not 0 <= step < len(self):
            raise IndexError(f"step: got {step}, expected 0 to {len(self) - 1}")
        chosen = order[step * self.batch_size : (step + 1) * self.batch_size]
        images, labels = self.dataset.images[chosen], self.dataset.labels[chosen]
        rng = generator_at(self.seed, "augment", epoch, step)
        if isinstance(self.transform, ComposeWithMasks):
            images, labels = self.transform(images, labels, rng)
        else:
            images = self.transform(images, rng)  # (N, H, W, C)
        if self.mix is not None:
            targets = one_hot(labels, len(self.dataset.classes))
            images, labels = self.mix(images, targets, generator_at(self.seed, "mix", epoch, step))
        return images.transpose(0, 3, 1, 2), labels


@dataclass(frozen=True)
class _Failure:
    exception: BaseException


_END = object()


class _Prefetched(Iterator[Batch]):
    """An iterator over `batches` that runs up to `ahead` of them ahead, in a thread.

    Every place for a batch is a permit of a semaphore: the thread takes one before it makes a batch, the consumer gives
    one back for each batch that it gets. To stop the thread, the flag is set and one more permit given, so that the
    thread wakes up and sees the flag.
    """

    def __init__(self, batches: Iterator[Batch], ahead: int) -> None:
        self._ready: SimpleQueue = SimpleQueue()
        self._places = threading.Semaphore(ahead)
        stop = threading.Event()
        # The thread knows the parts, not this object: when the object is forgotten, it dies and `_end` runs.
        thread = threading.Thread(target=_produce, args=(batches, self._places, stop, self._ready), name="batches", daemon=True)
        self._thread = thread
        self._finish = weakref.finalize(self, _end, thread, self._places, stop)
        thread.start()

    def __next__(self) -> Batch:
        if not self._finish.alive:
            raise StopIteration
        item = self._ready.get()
        if item is _END:
            self.close()
            raise StopIteration
        if isinstance(item, _Failure):
            self.close()
            try:
                raise item.exception  # with the traceback that it got in the thread
            finally:
                del item  # which this traceback would keep alive, and it the traceback
        self._places.release()
        return item

    def close(self) -> None:
        """Stop early; the thread is gone when this returns."""
        self._finish()
        self._thread.join()


def _produce(batches: Iterator[Batch], places: threading.Semaphore, stop: threading.Event, ready: SimpleQueue) -> None:
    try:
        places.acquire()
        while not stop.is_set():
            item = next(batches, _END)
            ready.put(item)
            if item is _END:
                return
            places.acquire()
    except BaseException as exception:  # whatever it is, it belongs to the thread that waits for the batch
        ready.put(_Failure(exception))


def _end(thread: threading.Thread, places: threading.Semaphore, stop: threading.Event) -> None:
    stop.set()
    places.release()
    # The garbage collector may run this anywhere: in the thread itself, or in one that holds a lock which the thread waits for.
    if thread is not threading.current_thread():
        thread.join(timeout=1)
