"""Training steps on a GPU: ours, with and without a CUDA graph, against PyTorch eager, PyTorch with CUDA graphs and `torch.compile`.

Each side is a process of its own (see turns.py), fed with the same batches. A step is clear, forward, loss, backward, update; then its loss is read.
"""

from collections.abc import Callable
from itertools import cycle
from typing import Any, NamedTuple

import numpy as np
from turns import Tasks


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
THEIRS = ("PyTorch, eager", "PyTorch, CUDA graph", "PyTorch, compiled")
PRECISIONS = ("float32", "tf32", "bfloat16")
BATCHES = 4


def batches(setting: Setting) -> list[tuple[np.ndarray, np.ndarray]]:
    """The same images, channels-last in memory, and labels for every side."""
    rng = np.random.default_rng(0)
    made = []
    for _ in range(BATCHES):
        C, H, W = setting.image
        images = rng.standard_normal((setting.batch, H, W, C), np.float32).transpose(0, 3, 1, 2)
        made.append((images, rng.integers(0, setting.classes, setting.batch)))
    return made


def build_ours(name: str, precision: str, recorded: bool) -> Tasks:
    """In a worker: `step` trains on the next batch and returns the loss."""
    import minitorch_cv as mt
    import models
    from minitorch_cv import optim
    from minitorch_cv.optim.lr_scheduler import LambdaLR
    from minitorch_cv.training.precision import Precision
    from minitorch_cv.training.recorded_step import RecordedStep
    from minitorch_cv.training.step import TrainStep

    mt.manual_seed(0)
    model = models.create(name).to("cuda")
    optimizer = optim.SGD(model.parameters(), **SETTINGS[name].sgd)
    kind = RecordedStep if recorded else TrainStep
    train_step = kind(model, optimizer, LambdaLR(optimizer, lambda step: 1.0), precision=Precision(precision))
    data = cycle((mt.from_dlpack(_on_gpu(x)).data, mt.from_dlpack(_on_gpu(y)).data) for x, y in batches(SETTINGS[name]))
    count = iter(range(1 << 40))
    return {"step": lambda: train_step(*next(data), 0, next(count))[0]}


def _on_gpu(array: np.ndarray) -> Any:
    import cupy

    order = sorted(range(array.ndim), key=lambda axis: -array.strides[axis])
    return cupy.asarray(array.transpose(order)).transpose(*np.argsort(order).tolist())


def build_theirs(name: str, precision: str, side: str) -> Tasks:
    """In a worker: `step`, as above, in PyTorch, channels-last."""
    import torch
    import torch.nn.functional as F
    from torch_models import MODELS

    torch.manual_seed(0)
    torch.backends.cudnn.benchmark = True
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision == "tf32"
    model = MODELS[name]().to("cuda", memory_format=torch.channels_last)
    if side == THEIRS[2]:
        model = torch.compile(model)
    optimizer = torch.optim.SGD(model.parameters(), **SETTINGS[name].sgd)
    data = cycle(
        (torch.from_numpy(x).cuda().contiguous(memory_format=torch.channels_last), torch.from_numpy(y).cuda())
        for x, y in batches(SETTINGS[name])
    )

    def loss_of(images: Any, labels: Any) -> Any:
        with torch.autocast("cuda", torch.bfloat16, enabled=precision == "bfloat16"):
            return F.cross_entropy(model(images), labels)

    def work(images: Any, labels: Any) -> Any:
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(images, labels)
        loss.backward()
        optimizer.step()
        return loss.detach()

    if side == THEIRS[1]:
        work = _recorded(torch, work, *next(data))
    return {"step": lambda: work(*next(data)).item()}


def _recorded(torch: Any, work: Callable[..., Any], images: Any, labels: Any) -> Callable[..., Any]:
    """PyTorch's own way: some steps in a side stream, one recorded, and every later one a replay on copied inputs."""
    still_images, still_labels = images.clone(), labels.clone()
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            work(still_images, still_labels)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        loss = work(still_images, still_labels)

    def replay(images: Any, labels: Any) -> Any:
        still_images.copy_(images)
        still_labels.copy_(labels)
        graph.replay()
        return loss

    return replay
