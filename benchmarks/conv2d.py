"""The convolutions of ResNet-20, layer by layer, against PyTorch: `python benchmarks/conv2d.py [--json FILE]`.

Forward, gradient of the input, gradient of the weight, each by itself. How it is measured: benchmarks/README.md.
"""

import json
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import typer
from rich.console import Console
from rich.table import Table
from turns import Tasks, Worker, machine, ratios, take_turns, use_threads


class Layer(NamedTuple):
    """A 3x3 convolution with padding 1 of a (N, channels, size, size) image."""

    channels: int
    out_channels: int
    size: int
    stride: int
    times: int  # how often ResNet-20 has it

    def __str__(self) -> str:
        return f"{self.channels} -> {self.out_channels}, {self.size}x{self.size}" + (f", stride {self.stride}" if self.stride > 1 else "")


LAYERS = (
    Layer(3, 16, 32, 1, 1),
    Layer(16, 16, 32, 1, 6),
    Layer(16, 32, 32, 2, 1),
    Layer(32, 32, 16, 1, 5),
    Layer(32, 64, 16, 2, 1),
    Layer(64, 64, 8, 1, 5),
)
PASSES = ("forward", "input gradient", "weight gradient")
OURS = "minitorch_cv"
DEFAULT, CHANNELS_LAST = "PyTorch, default layout", "PyTorch, channels-last"
AGREEMENT = 1e-4  # of results, relative to the largest: the sides must compute the same


def arrays(layer: Layer, batch: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x, weight, and the gradient of the result, the same for every side."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((batch, layer.channels, layer.size, layer.size), np.float32)
    weight = rng.standard_normal((layer.out_channels, layer.channels, 3, 3), np.float32) / np.float32(3 * np.sqrt(layer.channels))
    out = (layer.size - 1) // layer.stride + 1
    return x, weight, rng.standard_normal((batch, layer.out_channels, out, out), np.float32)


def task(layer: Layer, which: str) -> str:
    return f"{layer}: {which}"


def build_ours(batch: int, threads: int) -> Tasks:
    """In a worker: one task for each layer and pass."""
    import kernels
    from kernels.jit import set_num_threads

    set_num_threads(threads)
    tasks = {}
    for layer in LAYERS:
        x, weight, gy = arrays(layer, batch)
        x, gy = as_channels_last(x), as_channels_last(gy)
        size, options = x.shape[2:], {"stride": (layer.stride,) * 2, "padding": (1, 1)}
        tasks[task(layer, "forward")] = lambda x=x, w=weight, o=options: kernels.conv2d(x, w, **o)
        tasks[task(layer, "input gradient")] = lambda gy=gy, w=weight, s=size, o=options: kernels.conv2d_input(gy, w, s, **o)
        tasks[task(layer, "weight gradient")] = lambda x=x, gy=gy, o=options: kernels.conv2d_weight(x, gy, (3, 3), **o)
    return with_checks(tasks)


def as_channels_last(x: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)


def build_torch(batch: int, threads: int, channels_last: bool) -> Tasks:
    """In a worker: the same tasks by PyTorch's own operators, without its autograd."""
    import torch

    torch.set_num_threads(threads)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    tasks = {}
    for layer in LAYERS:
        x, weight, gy = (torch.from_numpy(a).contiguous(memory_format=layout) for a in arrays(layer, batch))
        places = ([layer.stride] * 2, [1, 1], [1, 1])

        def backward(mask: list[bool], i: int, x: Any = x, weight: Any = weight, gy: Any = gy, places: tuple = places) -> Any:
            return torch.ops.aten.convolution_backward(gy, x, weight, None, *places, False, [0, 0], 1, mask)[i]

        tasks[task(layer, "forward")] = lambda x=x, w=weight, s=layer.stride: torch.conv2d(x, w, None, s, 1)
        tasks[task(layer, "input gradient")] = lambda b=backward: b([True, False, False], 0)
        tasks[task(layer, "weight gradient")] = lambda b=backward: b([False, True, False], 1)
    return with_checks(tasks)


def with_checks(tasks: dict[str, Any]) -> Tasks:
    """Add to each task another one, "check ...", that returns a thousand elements of its result."""
    checks = {f"check {name}": lambda run=run: np.asarray(run()).ravel()[::997].copy() for name, run in tasks.items()}
    return tasks | checks


def check(workers: list[Worker]) -> None:
    """Raise RuntimeError unless all sides compute the same."""
    for layer in LAYERS:
        for which in PASSES:
            ours, *theirs = (worker.result(f"check {task(layer, which)}") for worker in workers)
            for side, values in zip(workers[1:], theirs, strict=True):
                if np.abs(values - ours).max() > AGREEMENT * np.abs(values).max():
                    raise RuntimeError(f"{task(layer, which)}: {side.name} and minitorch_cv do not compute the same")


def table(results: dict[str, dict[str, Any]]) -> Table:
    """How many times as fast as PyTorch, for each layer and pass."""
    shown = Table(title="Times as fast as PyTorch: default layout | channels-last")
    shown.add_column("3x3 layer of ResNet-20")
    for which in PASSES:
        shown.add_column(which, justify="right")
    for layer in LAYERS:
        pairs = (results[task(layer, which)]["speed_ratio"] for which in PASSES)
        shown.add_row(str(layer), *(f"{pair[DEFAULT]['median']:.2f} | {pair[CHANNELS_LAST]['median']:.2f}" for pair in pairs))
    return shown


def main(
    batch: Annotated[int, typer.Option(min=1, help="Images in a batch.")] = 128,
    rounds: Annotated[int, typer.Option(min=1, help="Turns of each side, for each layer and pass.")] = 9,
    repetitions: Annotated[int, typer.Option(min=1, help="Timed runs in a turn.")] = 20,
    threads: Annotated[int, typer.Option(min=1, help="Threads of each side.")] = 2,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write all numbers to this file.")] = None,
) -> None:
    """ResNet-20's convolutions in minitorch_cv against PyTorch, layer by layer, the sides in turns."""
    use_threads(threads)
    console = Console()
    with console.status("compiling") as status:
        workers = [Worker(OURS, build_ours, batch, threads)]
        workers += [Worker(side, build_torch, batch, threads, side == CHANNELS_LAST) for side in (DEFAULT, CHANNELS_LAST)]
        check(workers)
        results = {}
        for layer in LAYERS:
            for which in PASSES:
                status.update(task(layer, which))
                seconds = take_turns(workers, task(layer, which), rounds, repetitions)
                speed = {side: ratios(seconds[side], seconds[OURS]) for side in (DEFAULT, CHANNELS_LAST)}
                results[task(layer, which)] = {"seconds": seconds, "speed_ratio": speed}
    for worker in workers:
        worker.close()
    console.print(table(results))
    if json_file:
        report = {"machine": machine(), "batch": batch, "threads": threads, "results": results}
        json_file.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    typer.run(main)
