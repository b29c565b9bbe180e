"""Training steps on a GPU: ours, with and without a CUDA graph, against PyTorch eager, PyTorch with CUDA graphs and `torch.compile`.

Each side is a process of its own (see turns.py), with the same parameters, fed with the same batches, which are on the GPU already. A
step is: clear the gradients, forward, loss, backward, update; then its loss is read, on all sides. Before anything is timed, the losses
of the first steps must agree.
"""

import re
import statistics
from collections.abc import Callable
from itertools import count, cycle
from typing import Any, NamedTuple

import numpy as np
from turns import Tasks, Worker, ratios, take_turns


class Setting(NamedTuple):
    """What is trained: batches of shape (batch, *image) with labels below `classes`, by SGD with these arguments."""

    batch: int
    image: tuple[int, int, int]
    classes: int
    sgd: dict[str, Any]


MOMENTUM = {"lr": 0.1, "momentum": 0.9, "weight_decay": 5e-4, "nesterov": True}
SETTINGS = {
    "lenet5": Setting(100, (1, 32, 32), 10, {"lr": 0.01}),
    "resnet20": Setting(128, (3, 32, 32), 10, MOMENTUM),
    "resnet50": Setting(64, (3, 224, 224), 1000, MOMENTUM),
}
OURS = ("minitorch_cv", "minitorch_cv, CUDA graph")
EAGER = "PyTorch, eager"
THEIRS = (EAGER, "PyTorch, CUDA graph", "PyTorch, compiled")
# Of the first losses so many must agree so well, relatively. In float32 all of the warm-up, and two replays. Of fewer bits, each update
# multiplies what rounding has parted: there only the loss before the first one says something.
CHECKED = {"float32": (5, 1e-3), "tf32": (1, 1e-2), "bfloat16": (1, 5e-2), "float16": (1, 1e-2)}
BATCHES = 4
WARM_UP = 3  # steps before the one that is recorded, as ours
TURN = 0.3  # seconds of a turn, about
GOALS = {"resnet20": "ahead of PyTorch eager"}


# --- the sides


def batches(setting: Setting) -> list[tuple[np.ndarray, np.ndarray]]:
    """The same images, channels-last in memory, and labels for every side."""
    rng = np.random.default_rng(0)
    made = []
    for _ in range(BATCHES):
        C, H, W = setting.image
        images = rng.standard_normal((setting.batch, H, W, C), np.float32).transpose(0, 3, 1, 2)
        made.append((images, rng.integers(0, setting.classes, setting.batch)))
    return made


def build_ours(name: str, setting: Setting, precision: str, recorded: bool) -> Tasks:
    """In a worker: `step` trains on the next batch and returns the loss; `parameters` returns copies of the parameters."""
    import minitorch_cv as mt
    import models
    from minitorch_cv import optim
    from minitorch_cv.device import moved
    from minitorch_cv.optim.lr_scheduler import LambdaLR
    from minitorch_cv.training.precision import Precision
    from minitorch_cv.training.recorded_step import RecordedStep
    from minitorch_cv.training.step import TrainStep

    mt.manual_seed(0)
    model = models.create(name).to("cuda")
    optimizer = optim.SGD(model.parameters(), **setting.sgd)
    given: tuple[Any, ...] = (model, optimizer, LambdaLR(optimizer, lambda step: 1.0))
    chosen = Precision(precision)
    train_step = RecordedStep(*given, precision=chosen, say=_refuse) if recorded else TrainStep(*given, precision=chosen)
    data = cycle([(moved(x, "cuda"), moved(y, "cuda")) for x, y in batches(setting)])
    numbers = count()
    return {
        "step": lambda: train_step(*next(data), 0, next(numbers))[0],
        "parameters": lambda: [p.detach().cpu().numpy().copy() for p in model.parameters()],
    }


def _refuse(sentence: str) -> None:
    """What cannot be recorded must not be timed under the name of a CUDA graph."""
    raise RuntimeError(sentence)


def build_theirs(
    name: str, setting: Setting, precision: str, side: str, parameters: list[np.ndarray], device: str = "cuda"
) -> Tasks:  # fmt: skip
    """In a worker: `step`, as above, in PyTorch, channels-last, with the update that is its fastest."""
    import torch
    import torch.nn.functional as F
    from torch_models import MODELS, set_parameters

    if device == "cuda" and not torch.cuda.is_available():
        raise RuntimeError(f"PyTorch {torch.__version__} finds no GPU, or was built without CUDA")
    torch.backends.cudnn.benchmark = True
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision == "tf32"
    model = MODELS[name]()
    set_parameters(model, parameters)
    model = model.to(device, memory_format=torch.channels_last)
    forward = torch.compile(model) if side == THEIRS[2] else model
    optimizer = torch.optim.SGD(model.parameters(), **setting.sgd, fused=True)
    scaler = torch.amp.GradScaler(device, enabled=precision == "float16")
    half = {"bfloat16": torch.bfloat16, "float16": torch.float16}.get(precision)
    data = cycle([
        (torch.from_numpy(x).to(device, memory_format=torch.channels_last), torch.from_numpy(y).to(device)) for x, y in batches(setting)
    ])  # fmt: skip

    def work(images: Any, labels: Any) -> Any:
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(device, half, enabled=half is not None):
            loss = F.cross_entropy(forward(images), labels)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        return loss.detach()

    step = Recorded(work) if side == THEIRS[1] else work
    return {"step": lambda: step(*next(data)).item()}


class Recorded:
    """PyTorch's own way with CUDA graphs: some steps in another stream, one recorded, and then replays on copied inputs."""

    def __init__(self, work: Callable[[Any, Any], Any]) -> None:
        import torch

        self.work, self.steps, self.graph, self.stream = work, 0, torch.cuda.CUDAGraph(), torch.cuda.Stream()
        self.inputs: tuple[Any, ...] = ()
        self.loss: Any = None

    def __call__(self, images: Any, labels: Any) -> Any:
        import torch

        self.steps += 1
        if self.steps <= WARM_UP:
            self.stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(self.stream):
                loss = self.work(images, labels)
            torch.cuda.current_stream().wait_stream(self.stream)
            return loss
        if self.loss is None:
            self.inputs = (images.clone(), labels.clone())
            with torch.cuda.graph(self.graph, stream=self.stream):
                self.loss = self.work(*self.inputs)
        for place, values in zip(self.inputs, (images, labels), strict=True):
            place.copy_(values)
        self.graph.replay()
        return self.loss


# --- measuring


def measure(name: str, precision: str, rounds: int) -> dict[str, Any]:
    """All numbers of one network in one precision; "not_measured" says what is not, and why."""
    setting = SETTINGS[name]
    workers, missing = start(name, setting, precision)
    seconds: dict[str, list[float]] = {}
    try:
        slowest = max([min(worker.time("step", 5)) for worker in workers], default=TURN)
        seconds = take_turns(workers, "step", rounds, max(5, min(300, round(TURN / slowest)))) if workers else {}
    except RuntimeError as error:  # the networks that follow must not suffer from it
        missing |= {worker.name: reason(str(error)) for worker in workers}
    finally:
        for worker in workers:
            worker.close()
    return {"batch": setting.batch, **derived(name, seconds), "not_measured": missing}


def start(name: str, setting: Setting, precision: str) -> tuple[list[Worker], dict[str, str]]:
    """The workers, all with the same parameters, whose first losses agree; and why others take no part."""
    workers: list[Worker] = []
    missing: dict[str, str] = {}
    first: list[float] = []
    parameters: list[np.ndarray] = []
    checked, agreement = CHECKED[precision]
    for side in (*OURS, *THEIRS):
        try:
            if side in OURS:
                worker = Worker(side, build_ours, name, setting, precision, side == OURS[1])
                parameters = parameters or worker.result("parameters")
            else:
                worker = Worker(side, build_theirs, name, setting, precision, side, parameters)
            losses = [worker.result("step") for _ in range(CHECKED["float32"][0])]
            first = first or losses
            if not np.allclose(losses[:checked], first[:checked], rtol=agreement):
                worker.close()
                raise RuntimeError(f"not the same losses: {losses[:checked]}, but {first[:checked]} with {OURS[0]}")
            workers.append(worker)
        except RuntimeError as error:
            missing[side] = reason(str(error))
    return workers, missing


def reason(text: str) -> str:
    """Of a worker's traceback the first line of its last error; CUDA's errors go on with advice."""
    errors = re.findall(r"^[\w.]+: .*", text, re.MULTILINE)
    return (errors[-1] if errors else text.strip())[:300]


def derived(name: str, seconds: dict[str, list[float]]) -> dict[str, Any]:
    """What the table shows: our faster way, and how many times as fast it is as every other; None for what has not been measured."""
    ours = [side for side in OURS if side in seconds]
    best = min(ours, key=lambda side: statistics.median(seconds[side])) if ours else None
    speed = {side: ratios(seconds[side], seconds[best]) for side in seconds} if best is not None else {}
    return {
        "seconds": seconds,
        "images_per_second": {side: SETTINGS[name].batch / statistics.median(values) for side, values in seconds.items()},
        "ours": best,
        "speed_ratio": speed,
        "goal": GOALS.get(name),
        "met": speed[EAGER]["median"] > 1 if name in GOALS and EAGER in speed else None,
    }
