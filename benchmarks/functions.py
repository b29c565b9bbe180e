"""Functions beside convolution, against PyTorch: `python benchmarks/functions.py [NAME...] [--json FILE]`.

Activations, normalisations, pooling, resampling, softmax: the value without a graph, and the gradient alone. How it is measured:
benchmarks/README.md.
"""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, NamedTuple

import numpy as np
import typer
from rich.console import Console
from rich.table import Table
from turns import Tasks, Worker, machine, ratios, take_turns, use_threads

OURS = "minitorch_cv"
DEFAULT, CHANNELS_LAST = "PyTorch, default layout", "PyTorch, channels-last"
PASSES = ("value", "gradient")
AGREEMENT = 1e-3  # of results, relative to the largest: the sides must compute the same

MAPS = (32, 64, 56, 56)  # what the first stage of a ResNet sees: 6.4 million numbers


class Case(NamedTuple):
    """`run(F, x, *parameters)` with x of `shape` and parameters of one number for each of `features` channels."""

    shape: tuple[int, ...]
    run: Callable[..., Any]
    parameters: int = 0
    features: int = 0


def activation(name: str, **options: Any) -> Case:
    return Case(MAPS, lambda F, x: getattr(F, name)(x, **options))


CASES = {
    "relu": activation("relu"),
    "leaky_relu": activation("leaky_relu"),
    "relu6": activation("relu6"),
    "elu": activation("elu"),
    "gelu": activation("gelu"),
    "gelu, tanh": activation("gelu", approximate="tanh"),
    "silu": activation("silu"),
    "mish": activation("mish"),
    "sigmoid": activation("sigmoid"),
    "tanh": activation("tanh"),
    "softplus": activation("softplus"),
    "hardsigmoid": activation("hardsigmoid"),
    "hardswish": activation("hardswish"),
    "prelu": Case(MAPS, lambda F, x, w: F.prelu(x, w), 1, 64),
    "softmax": Case((2048, 1000), lambda F, x: F.softmax(x, 1)),
    "log_softmax": Case((2048, 1000), lambda F, x: F.log_softmax(x, 1)),
    "softmax of maps": Case((8, 21, 160, 160), lambda F, x: F.softmax(x, 1)),
    "layer_norm": Case((32, 196, 384), lambda F, x, w, b: F.layer_norm(x, (384,), w, b), 2, 384),
    "rms_norm": Case((32, 196, 384), lambda F, x, w: F.rms_norm(x, (384,), w), 1, 384),
    "group_norm": Case(MAPS, lambda F, x, w, b: F.group_norm(x, 32, w, b), 2, 64),
    "instance_norm": Case(MAPS, lambda F, x: F.instance_norm(x)),
    "batch_norm": Case(MAPS, lambda F, x, w, b: F.batch_norm(x, None, None, w, b, training=True), 2, 64),
    "local_response_norm": Case((32, 96, 27, 27), lambda F, x: F.local_response_norm(x, 5, 1e-4, 0.75, 2.0)),
    "max_pool2d": Case((32, 64, 112, 112), lambda F, x: F.max_pool2d(x, 3, 2, 1)),
    "avg_pool2d": Case(MAPS, lambda F, x: F.avg_pool2d(x, 2)),
    "adaptive_avg_pool2d": Case((32, 256, 13, 13), lambda F, x: F.adaptive_avg_pool2d(x, 6)),
    "adaptive_avg_pool2d, 1": Case((32, 512, 14, 14), lambda F, x: F.adaptive_avg_pool2d(x, 1)),
    "adaptive_max_pool2d": Case((32, 256, 13, 13), lambda F, x: F.adaptive_max_pool2d(x, 6)),
    "interpolate, nearest": Case((8, 64, 56, 56), lambda F, x: F.interpolate(x, scale_factor=2)),
    "interpolate, bilinear": Case((8, 64, 56, 56), lambda F, x: F.interpolate(x, scale_factor=2, mode="bilinear")),
    "interpolate, bicubic": Case((8, 64, 56, 56), lambda F, x: F.interpolate(x, scale_factor=2, mode="bicubic")),
    "interpolate, antialias": Case((32, 3, 256, 256), lambda F, x: F.interpolate(x, (224, 224), mode="bilinear", antialias=True)),
    "pad, reflect": Case(MAPS, lambda F, x: F.pad(x, (1, 1, 1, 1), "reflect")),
    "pixel_shuffle": Case((8, 64, 56, 56), lambda F, x: F.pixel_shuffle(x, 2)),
    "channel_shuffle": Case(MAPS, lambda F, x: F.channel_shuffle(x, 4)),
    "unfold": Case((8, 64, 28, 28), lambda F, x: F.unfold(x, 3, padding=1)),
}


def build(names: list[str], library: str, threads: int, channels_last: bool) -> Tasks:
    """In a worker: for each case its value, and its gradient with respect to all inputs by the graph that the value left."""
    module, functions = _torch(threads) if library == "torch" else _ours(threads)
    tasks: dict[str, Callable[[], Any]] = {}
    for name in names:
        case = CASES[name]
        rng = np.random.default_rng(0)
        x = rng.standard_normal(case.shape, np.float32)
        if channels_last and x.ndim == 4:
            x = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
        leaves = [module.from_numpy(x).requires_grad_()]
        leaves += [module.from_numpy(rng.random(case.features, np.float32)).requires_grad_() for _ in range(case.parameters)]
        y = case.run(functions, *leaves)
        gy = rng.standard_normal(tuple(y.shape), np.float32)
        if channels_last and gy.ndim == 4:
            gy = np.ascontiguousarray(gy.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
        tasks[f"{name}: value"] = partial(value, module, functions, case, leaves)
        tasks[f"{name}: gradient"] = partial(module.autograd.grad, y, leaves, module.from_numpy(gy), retain_graph=True)
    checks = {f"check {name}": lambda run=run: [sample(result) for result in run()] for name, run in tasks.items()}
    return tasks | checks


def value(module: ModuleType, functions: ModuleType, case: Case, leaves: list) -> tuple:
    with module.no_grad():
        return (case.run(functions, *leaves),)


def sample(result: Any) -> np.ndarray:
    """A thousand of the elements, in the order of the shape."""
    return np.asarray(result.detach().numpy()).ravel()[::997].copy()


def _ours(threads: int) -> tuple[ModuleType, ModuleType]:
    import minitorch_cv as mt

    mt.set_num_threads(threads)
    return mt, mt.functional


def _torch(threads: int) -> tuple[ModuleType, ModuleType]:
    import torch

    torch.set_num_threads(threads)
    return torch, torch.nn.functional


def check(workers: list[Worker], names: list[str]) -> None:
    """Raise RuntimeError unless all sides compute the same."""
    for name in [f"{name}: {which}" for name in names for which in PASSES]:
        ours, *theirs = (worker.result(f"check {name}") for worker in workers)
        for side, results in zip(workers[1:], theirs, strict=True):
            for a, b in zip(ours, results, strict=True):
                if not np.abs(a - b).max() <= AGREEMENT * max(1, np.abs(b).max()):
                    raise RuntimeError(f"{name}: {side.name} and minitorch_cv do not compute the same")


def table(results: dict[str, dict[str, Any]], names: list[str]) -> Table:
    """How many times as fast as PyTorch, for each function."""
    shown = Table(title="Times as fast as PyTorch: default layout | channels-last")
    for column, justify in (("function", "left"), ("shape", "left"), *((which, "right") for which in PASSES)):
        shown.add_column(column, justify=justify)  # type: ignore[arg-type]
    for name in names:
        pairs = (results[f"{name}: {which}"]["speed_ratio"] for which in PASSES)
        cells = (f"{pair[DEFAULT]['median']:.2f} | {pair[CHANNELS_LAST]['median']:.2f}" for pair in pairs)
        shown.add_row(name, "x".join(map(str, CASES[name].shape)), *cells)
    return shown


def main(
    names: Annotated[list[str] | None, typer.Argument(help="Which functions; all if none is named.")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Turns of each side, for each function and pass.")] = 7,
    turn: Annotated[float, typer.Option(min=0.0, help="Seconds of a turn, about: short functions run more often.")] = 0.15,
    threads: Annotated[int, typer.Option(min=1, help="Threads of each side.")] = 2,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write all numbers to this file.")] = None,
) -> None:
    """Functions beside convolution in minitorch_cv against PyTorch, the sides in turns."""
    chosen = names or list(CASES)
    if unknown := set(chosen) - set(CASES):
        raise typer.BadParameter(f"names: got {', '.join(sorted(unknown))}, expected some of {'; '.join(CASES)}")
    use_threads(threads)
    console = Console()
    results: dict[str, dict[str, Any]] = {}
    with console.status("compiling") as status:
        for name in chosen:  # workers for one function at a time: what waits keeps no memory
            workers = [
                Worker(OURS, build, [name], "minitorch_cv", threads, True),
                Worker(DEFAULT, build, [name], "torch", threads, False),
                Worker(CHANNELS_LAST, build, [name], "torch", threads, True),
            ]
            check(workers, [name])
            for task in [f"{name}: {which}" for which in PASSES]:
                status.update(task)
                slowest = max(min(worker.time(task, 3)) for worker in workers)
                seconds = take_turns(workers, task, rounds, max(3, min(300, round(turn / slowest))))
                speed = {side: ratios(seconds[side], seconds[OURS]) for side in (DEFAULT, CHANNELS_LAST)}
                results[task] = {"seconds": seconds, "speed_ratio": speed}
            for worker in workers:
                worker.close()
    console.print(table(results, chosen))
    if json_file:
        report = {"machine": machine(), "threads": threads, "results": results}
        json_file.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    typer.run(main)
