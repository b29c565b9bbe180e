"""A training step on a GPU, recorded once as a CUDA graph and then replayed.

A step of a small network is a few hundred short kernels, and Python takes longer to launch them than the GPU to run them. A graph is all
these launches, with their arguments, launched at once. The price is that nothing may depend on Python any more:

- Memory. Every array of the recorded step lies where it lay in the recording. So the step has a pool of its own, which nobody else
  gets memory from, and its batches are copied to one place.
- Numbers. Those that change from step to step, learning rates above all, are read from the GPU's memory: see `kernels.RecordedSteps`.
  So is what random numbers depend on: see `minitorch_cv.random.tell_gpu`.
- Decisions. Whether the gradients are finite is counted on the GPU, and the update looks at the count by itself.
- Matrix products. CuPy does not let cuBLAS be recorded: they are the project's own, in the recorded steps as in all others of such a
  training, so that a step gives the same bits whether it is recorded or not.

The first `WARM_UP` steps are not recorded: kernels are compiled, constants copied to the GPU, the pool filled. The last of them is the
rehearsal: it does what will be recorded.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

import numpy as np

import kernels
from kernels import gpu
from kernels.gpu.precision import cublas
from minitorch_cv import random
from minitorch_cv.nn import Module
from minitorch_cv.optim import Optimizer
from minitorch_cv.optim.lr_scheduler import LRScheduler
from minitorch_cv.tensor import Tensor
from minitorch_cv.training.objective import PLAIN, Objective
from minitorch_cv.training.precision import FLOAT32, Precision
from minitorch_cv.training.step import TrainStep

WARM_UP = 3


class RecordedStep(TrainStep):
    """A `TrainStep` for batches on a GPU that replays a recording of itself.

    A batch of another shape, the last of an epoch say, is computed without it. Where a step cannot be recorded, `say` is told why, once,
    and all steps are computed without. What the step is must not change later: modes of modules, what is frozen, the arrays of weights and
    of the optimiser's state.
    """

    def __init__(
        self, model: Module, optimizer: Optimizer, schedule: LRScheduler, objective: Objective = PLAIN, precision: Precision = FLOAT32,
        say: Callable[[str], None] = lambda text: None,
    ) -> None:  # fmt: skip
        super().__init__(model, optimizer, schedule, objective, precision)
        cupy = gpu.cupy()
        self.say = say
        self.stream = cupy.cuda.Stream(non_blocking=True)  # the default stream cannot be recorded
        self.pool = cupy.cuda.MemoryPool()
        self.possible = True
        self.warm = 0  # steps made for the recording
        self.batch: tuple[Any, Any] | None = None  # where the recorded step finds images and labels
        self.graph: Any = None
        self.updates = kernels.RecordedSteps()
        self.results: tuple[Any, Any] = (None, None)  # of the recorded step: (loss, numbers that are not finite), logits
        self.scale = cupy.ones((), np.float32)  # of the loss
        self.inverse_scale = cupy.ones((), np.float64)

    def __call__(self, images: Any, labels: Any, epoch: int, step: int) -> tuple[float, Any]:
        """See `TrainStep`. The logits are valid until the next step."""
        with cublas(allowed=False):
            if self.possible and self._first_of_its_size(images):
                self.batch, self.warm = (images.copy(order="K"), labels.copy(order="K")), 0
            if not self.possible or self.batch is None or not self._fits(images, labels):
                return super().__call__(images, labels, epoch, step)
            with self._in_own_stream():
                if self.warm < WARM_UP - 1:
                    self.warm += 1
                    with self._in_own_memory():
                        return super().__call__(images, labels, epoch, step)
                self._take(images, labels)
                random.at(epoch, step)
                if self.warm < WARM_UP:  # the rehearsal
                    self.warm += 1
                    with self._in_own_memory():
                        return self._finish(self._work(*self.batch), images, labels, epoch, step)
                if self.graph is None and not self._record():
                    return super().__call__(images, labels, epoch, step)
                return self._replay(images, labels, epoch, step)

    def _first_of_its_size(self, images: Any) -> bool:
        """Whether all batches until now, of which none is recorded, were smaller: a resumed epoch may begin with its last batch."""
        return self.batch is None or (self.graph is None and len(images) > len(self.batch[0]))

    def _fits(self, images: Any, labels: Any) -> bool:
        assert self.batch is not None
        return all(a.shape == b.shape and a.dtype == b.dtype for a, b in zip((images, labels), self.batch, strict=True))

    @contextmanager
    def _in_own_stream(self) -> Iterator[None]:
        """Inside, the own stream is CuPy's; the stream of outside waits for what was asked for inside, and the reverse."""
        import cupy

        outside = cupy.cuda.get_current_stream()
        self.stream.wait_event(outside.record(cupy.cuda.Event(disable_timing=True)))
        with self.stream:
            yield
        outside.wait_event(self.stream.record(cupy.cuda.Event(disable_timing=True)))

    def _in_own_memory(self) -> AbstractContextManager:
        """Inside, new arrays come from the own pool. After the recording nobody may get memory there: the recorded step works in it."""
        return gpu.cupy().cuda.using_allocator(self.pool.malloc)

    def _take(self, images: Any, labels: Any) -> None:
        """Put the batch and the scale of the loss where the recorded step looks for them."""
        assert self.batch is not None
        for place, array in zip(self.batch, (images, labels), strict=True):
            place[...] = array
        if self.precision.scaler is not None:
            self.scale.fill(self.precision.scaler.scale)
            self.inverse_scale.fill(1 / self.precision.scaler.scale)

    def _record(self) -> bool:
        """Record the step; nothing of it is computed. False, and a sentence said, where that cannot be."""
        assert self.batch is not None
        before = random.get_state()
        try:
            with ExitStack() as recording:
                recording.enter_context(self.updates)
                recording.enter_context(self._in_own_memory())
                self.stream.begin_capture()
                try:
                    self.results = self._work(*self.batch)
                finally:
                    graph = self.stream.end_capture()
        except (RuntimeError, NotImplementedError, TypeError, ValueError) as error:
            self.possible = False
            random.set_state(before)
            self.say(f"--cuda-graph: this training's step cannot be recorded ({_one_line(error)}); it goes on without")
            return False
        self.graph = graph
        return True

    def _work(self, images: Any, labels: Any) -> tuple[Any, Any]:
        """What is recorded: the whole step, without a look at any value."""
        self.optimizer.zero_grad()
        loss, logits = self.forward(images, labels)
        scaled = self.precision.scaler is not None
        self.backward(loss * Tensor(self.scale) if scaled else loss)
        gradients = self.gradients()
        wrong = kernels.unscale(gradients, self.inverse_scale) if scaled else kernels.non_finite_count(gradients)
        wrong = wrong + kernels.non_finite_count([loss.data])
        self.optimizer.step(skip=wrong)
        return np.stack([loss.data.astype(np.float64), wrong.astype(np.float64)]), logits.data

    def _replay(self, images: Any, labels: Any, epoch: int, step: int) -> tuple[float, Any]:
        if self.warm > WARM_UP:  # the first replay is the recorded step itself
            self.updates.again(self.optimizer.step)
        self.warm += 1
        random.tell_gpu()
        self.graph.launch(self.stream)
        return self._finish(self.results, images, labels, epoch, step)

    def _finish(self, results: tuple[Any, Any], images: Any, labels: Any, epoch: int, step: int) -> tuple[float, Any]:
        """What is left to do in Python, after `_work`."""
        found, logits = results
        value, wrong = found.get().tolist()  # the one moment at which Python waits for the GPU
        if not np.isfinite(value):
            raise self.not_finite(f"the loss is {value}", images, labels, epoch, step)
        if self.precision.scaler is not None:
            self.precision.scaler.update(finite=not wrong)
        elif wrong:
            raise self.not_finite("a gradient is not finite", images, labels, epoch, step)
        self.schedule.step()
        return value, logits


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
