"""A training run once more, in PyTorch: `python benchmarks/twin_run.py RUN_DIR TWIN`.

The network TWIN of benchmarks/torch_models.py begins with the weights that the run began with and is given the same batches: same images,
same crops and reflections, same order, same learning rates. What remains different is rounding, and dropout where there is any. Writes
RUN_DIR/pytorch.jsonl, a line for each epoch, as metrics.jsonl has them, and shows both.
"""

import json
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import torch.nn.functional as F
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch_models import MODELS

import minitorch_cv as mt
import models
from minitorch_cv.training.choices import make_optimizer, make_schedule
from minitorch_cv.training.config import Config
from minitorch_cv.training.images import load_images, make_loaders
from minitorch_cv.training.metrics import places
from minitorch_cv.training.run_folder import RunFolder


def first_weights(config: Config, twin: torch.nn.Module) -> list[float]:
    """Give `twin` the weights that the run began with; returns the learning rates of all steps."""
    mt.manual_seed(config.seed)
    ours = models.create(config.model, **config.model_options)
    parameters = list(ours.parameters())
    with torch.no_grad():
        for mine, given in zip(twin.parameters(), parameters, strict=True):
            if tuple(mine.shape) != given.shape:
                raise typer.BadParameter(f"TWIN: it has a parameter of shape {tuple(mine.shape)} where the run has {given.shape}")
            mine.copy_(torch.from_numpy(given.numpy()))
    optimizer = make_optimizer(parameters, config.recipe)
    steps = config.recipe.epochs * -(-config.images["train"] // config.recipe.batch_size)
    schedule = make_schedule(optimizer, config.recipe, steps)
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        schedule.step()
    return rates


def measure(model: torch.nn.Module, loader: Any) -> tuple[float, float]:
    """(mean loss, top-1) over the batches of `loader`."""
    model.eval()
    loss = right = count = 0.0
    with torch.no_grad():
        for images, labels in loader.epoch(0):
            logits = model(torch.from_numpy(images))
            loss += F.cross_entropy(logits, torch.from_numpy(labels)).item() * len(labels)
            right += float((places(logits.numpy(), labels) < 1).sum())
            count += len(labels)
    return loss / count, right / count


def train(config: Config, model: torch.nn.Module) -> list[dict[str, Any]]:
    """A line of metrics for each epoch."""
    recipe = config.recipe
    if recipe.optimizer not in ("sgd", "nesterov") or recipe.label_smoothing or recipe.ema:
        raise typer.BadParameter("RUN_DIR: only runs by SGD, without label smoothing and averages, are repeated here")
    rates = iter(first_weights(config, model))
    model = model.to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(
        model.parameters(), lr=0.1, momentum=recipe.momentum, weight_decay=recipe.weight_decay, nesterov=recipe.optimizer == "nesterov"
    )
    loaders = make_loaders(config, load_images(config.data, config.data_dir, config.image_size, config.limit, config.validation))
    lines = []
    for epoch in range(recipe.epochs):
        model.train()
        begun, loss_sum, right, count = time.perf_counter(), 0.0, 0, 0
        for images, labels in track(loaders.train.epoch(epoch), f"epoch {epoch + 1}", len(loaders.train)):
            for group in optimizer.param_groups:
                group["lr"] = next(rates)
            optimizer.zero_grad()
            logits = model(torch.from_numpy(images))
            loss = F.cross_entropy(logits, torch.from_numpy(labels))
            loss.backward()
            optimizer.step()
            loss_sum += loss.item() * len(labels)
            right += int((places(logits.detach().numpy(), labels) < 1).sum())
            count += len(labels)
        seconds = time.perf_counter() - begun
        test_loss, test_top1 = measure(model, loaders.test)
        lines.append({
            "epoch": epoch + 1, "train_loss": loss_sum / count, "train_top1": right / count, "test_loss": test_loss, "test_top1": test_top1,
            "seconds": round(seconds, 3),
        })  # fmt: skip
    return lines


def main(
    run_dir: Annotated[Path, typer.Argument(help="A finished run of minitorch-cv train.")],
    twin: Annotated[str, typer.Argument(help=f"Its network in PyTorch: {', '.join(MODELS)}.")],
    data_dir: Annotated[Path | None, typer.Option(help="Where the data lies now.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Of PyTorch. Default: as many as the run had.")] = None,
) -> None:
    """A training run once more, in PyTorch."""
    folder = RunFolder(run_dir)
    data = folder.read_config().as_data() | ({"data_dir": str(data_dir)} if data_dir else {})
    config = Config.from_data(json.loads(json.dumps(data)), str(folder.config_file))
    torch.set_num_threads(threads or config.threads)
    torch.manual_seed(config.seed)
    lines = train(config, MODELS[twin]())
    (run_dir / "pytorch.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    table = Table("epoch", "training loss", "PyTorch", "test accuracy", "PyTorch")
    for ours, theirs in zip(folder.read_metrics(), lines, strict=True):
        losses = (f"{line['train_loss']:.4f}" for line in (ours, theirs))
        accuracies = (f"{100 * line['test_top1']:.2f} %" for line in (ours, theirs))
        ours_loss, theirs_loss = losses
        table.add_row(str(ours["epoch"]), ours_loss, theirs_loss, *accuracies)
    Console().print(table)
    ratio = np.median([line["seconds"] for line in lines]) / np.median([line["seconds"] for line in folder.read_metrics()])
    Console().print(f"training seconds of an epoch, PyTorch's to ours: {ratio:.2f} (one after the other: no benchmark)")


if __name__ == "__main__":
    typer.run(main)
