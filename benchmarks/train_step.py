"""Whole training steps, forward + backward + update, against PyTorch: `python benchmarks/train_step.py [--model NAME] [--json FILE]`.

Both sides begin with the same parameters and are given the same batches; before anything is timed, their losses over the first
steps must agree. How it is measured: benchmarks/README.md.
"""

import json
import statistics
from itertools import cycle
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import typer
from rich.console import Console
from rich.table import Table
from turns import Tasks, Worker, machine, ratios, take_turns, use_threads


class Setting(NamedTuple):
    """What is trained: batches of shape (batch, *image) with labels below 10, by SGD with these arguments."""

    batch: int
    image: tuple[int, int, int]
    sgd: dict[str, Any]


SETTINGS = {
    "lenet5": Setting(100, (1, 32, 32), {"lr": 0.01}),
    "resnet20": Setting(128, (3, 32, 32), {"lr": 0.1, "momentum": 0.9, "weight_decay": 5e-4, "nesterov": True}),
}
OURS = "minitorch_cv"
DEFAULT, CHANNELS_LAST = "PyTorch, default", "PyTorch, channels-last"
BATCHES = 4  # different ones, fed in turn
CHECKED = 3  # so many losses must agree ...
AGREEMENT = 1e-3  # ... this well, relatively; rounding alone gives about 1e-5


def batches(setting: Setting) -> list[tuple[np.ndarray, np.ndarray]]:
    """The same images and labels for every side."""
    rng = np.random.default_rng(0)
    return [(rng.standard_normal((setting.batch, *setting.image), np.float32), rng.integers(0, 10, setting.batch)) for _ in range(BATCHES)]


def build_ours(name: str, threads: int) -> Tasks:
    """In a worker: `step` trains on the next batch and returns the loss, `parameters` returns the parameters as arrays."""
    import minitorch_cv as mt
    import minitorch_cv.functional as F
    import models
    from minitorch_cv import nn, optim

    mt.set_num_threads(threads)
    mt.manual_seed(0)
    model: nn.Module = models.create(name)
    optimizer = optim.SGD(model.parameters(), **SETTINGS[name].sgd)
    # Shape (N, C, H, W), memory (N, H, W, C): as the loader delivers them.
    data = cycle((mt.tensor(as_channels_last(x)), mt.tensor(labels)) for x, labels in batches(SETTINGS[name]))

    def step() -> float:
        images, labels = next(data)
        optimizer.zero_grad()
        loss = F.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    return {"step": step, "parameters": lambda: [p.numpy().copy() for p in model.parameters()]}


def as_channels_last(x: np.ndarray) -> np.ndarray:
    """The same (N, C, H, W) array with the channels of a pixel side by side in memory."""
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)


def build_torch(name: str, threads: int, channels_last: bool, parameters: list[np.ndarray]) -> Tasks:
    """In a worker: `step`, as above."""
    import torch
    import torch.nn.functional as F
    from torch_models import MODELS, set_parameters

    torch.set_num_threads(threads)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    model = MODELS[name]()
    set_parameters(model, parameters)
    model = model.to(memory_format=layout)
    optimizer = torch.optim.SGD(model.parameters(), **SETTINGS[name].sgd)
    data = cycle((torch.tensor(x).contiguous(memory_format=layout), torch.tensor(labels)) for x, labels in batches(SETTINGS[name]))

    def step() -> float:
        images, labels = next(data)
        optimizer.zero_grad()
        loss = F.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    return {"step": step}


def start(name: str, threads: int) -> list[Worker]:
    """Our worker and PyTorch's two, all with the same parameters, their first losses compared."""
    # What this first process compiles is on disk for the second one, whose memory the compiler then does not count among.
    first = Worker(OURS, build_ours, name, threads)
    first.result("step")
    first.close()
    ours = Worker(OURS, build_ours, name, threads)
    parameters = ours.result("parameters")
    theirs = [Worker(side, build_torch, name, threads, side == CHANNELS_LAST, parameters) for side in (DEFAULT, CHANNELS_LAST)]
    workers = [ours, *theirs]
    losses = {worker.name: [worker.result("step") for _ in range(CHECKED)] for worker in workers}
    for side, values in losses.items():
        if not np.allclose(values, losses[OURS], rtol=AGREEMENT):
            raise RuntimeError(f"{name}: the two sides do not compute the same: losses {losses[OURS]} here, {values} with {side}")
    return workers


def measure(name: str, rounds: int, steps: int, threads: int) -> dict[str, Any]:
    """All numbers of one model. Seconds are medians of a turn's steps, one for each round."""
    workers = start(name, threads)
    seconds = take_turns(workers, "step", rounds, steps)
    memory = {worker.name: worker.peak_memory() for worker in workers}
    for worker in workers:
        worker.close()
    return {
        "model": name, "batch": SETTINGS[name].batch, "threads": threads, "rounds": rounds, "steps": steps,
        "seconds": seconds,
        "images_per_second": {side: SETTINGS[name].batch / statistics.median(values) for side, values in seconds.items()},
        "speed_ratio": {side: ratios(seconds[side], seconds[OURS]) for side in (DEFAULT, CHANNELS_LAST)},
        "peak_memory_bytes": memory,
        "memory_ratio": {side: memory[OURS] / memory[side] for side in (DEFAULT, CHANNELS_LAST)},
    }  # fmt: skip


def table(results: list[dict[str, Any]]) -> Table:
    """The ratios: where they are above 1, minitorch_cv is the faster, or the larger one."""
    shown = Table(title="Whole training steps: minitorch_cv against PyTorch")
    for heading in ("model, batch", "against layout"):
        shown.add_column(heading, no_wrap=True)
    for heading in ("times as fast", "memory (MB)"):
        shown.add_column(heading, justify="right", no_wrap=True)
    for r in results:
        for side, ratio in r["speed_ratio"].items():
            ours, theirs = (r["peak_memory_bytes"][s] / 1e6 for s in (OURS, side))
            speed = f"{ratio['median']:.2f}  ({ratio['least']:.2f} to {ratio['largest']:.2f})"
            memory = f"{ours / theirs:.2f}  ({ours:.0f} : {theirs:.0f})"
            shown.add_row(f"{r['model']}, {r['batch']}", side.removeprefix("PyTorch, "), speed, memory)
    return shown


def main(
    model: Annotated[list[str] | None, typer.Option(help="lenet5 or resnet20; may be given twice. Default: both.")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Turns of each side.")] = 15,
    steps: Annotated[int | None, typer.Option(min=1, help="Timed steps in a turn. Default: 40 for lenet5, 5 for resnet20.")] = None,
    threads: Annotated[int, typer.Option(min=1, help="Threads of each side.")] = 2,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write all numbers to this file.")] = None,
) -> None:
    """Whole training steps of minitorch_cv against PyTorch, the sides in turns."""
    names = model or list(SETTINGS)
    unknown = set(names) - set(SETTINGS)
    if unknown:
        raise typer.BadParameter(f"--model: got {', '.join(sorted(unknown))}, expected {' or '.join(SETTINGS)}")
    use_threads(threads)
    console = Console()
    results = []
    for name in names:
        with console.status(f"{name}: {rounds} rounds"):
            results.append(measure(name, rounds, steps or (40 if name == "lenet5" else 5), threads))
    console.print(table(results))
    if json_file:
        json_file.write_text(json.dumps({"machine": machine(), "results": results}, indent=1) + "\n")


if __name__ == "__main__":
    typer.run(main)
