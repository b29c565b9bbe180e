"""The command line: `minitorch-cv train`, `eval`, `predict`, `models`.

The roof of the house: the only module of `minitorch_cv` that imports `models`. Each command is a thin layer over
functions that Python users have too.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

# What takes long to import is imported by the command that needs it: `--help` should come at once.

app = typer.Typer(
    add_completion=False, no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False,
    help="Train, evaluate and use image classifiers. Everything about a run lies in its folder.",
)  # fmt: skip

RunDir = Annotated[Path, typer.Argument(metavar="RUN_DIR", help="The folder of a training run.")]
Checkpoint = Annotated[str, typer.Option(help="Which checkpoint: last, or best (of a run with --validation).")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def train(
    model: Annotated[str | None, typer.Argument(help="A name from `minitorch-cv models`; lenet5 if none is given.")] = None,
    data: Annotated[str | None, typer.Option(help="Data set: digits, mnist, fashion_mnist, cifar10, cifar100, folder.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Where the data lies, laid out as torchvision does; no download.")] = None,
    epochs: Annotated[int | None, typer.Option(help="How often all training images are seen.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Images in one step.")] = None,
    optimizer: Annotated[str | None, typer.Option(
        help="sgd, nesterov, adam, adamw, adamax, nadam, radam, rmsprop, adagrad, adadelta, lars or lamb.",
    )] = None,
    lr: Annotated[float | None, typer.Option(help="Highest learning rate.")] = None,
    momentum: Annotated[float | None, typer.Option(help="Of sgd, nesterov, rmsprop and lars.")] = None,
    weight_decay: Annotated[float | None, typer.Option(help="Of any optimizer.")] = None,
    schedule: Annotated[str | None, typer.Option(
        help="Of the learning rate: constant, step, multi-step, cosine, linear, warmup-cosine, warm-restarts, one-cycle, cyclic, "
        "polynomial or exponential.",
    )] = None,
    ema: Annotated[float | None, typer.Option(help="Decay of an average of the weights, 0.999 say, to be used in their place.")] = None,
    augment: Annotated[bool | None, typer.Option("--augment/--no-augment", help="Random changes of the training images.")] = None,
    augmentation: Annotated[list[str] | None, typer.Option(
        metavar="NAME=VALUE",
        help="One of these changes, beside the recipe's: crop=4, resized_crop=[0.5,1], flip=true, vertical_flip=true, rotation=10, "
        "randaugment=[2,9], trivial_augment=true, color_jitter=[0.4,0.4,0.4,0.1], pca_noise=0.1, cutout=8, erasing=0.25, mixup=0.2, "
        "cutmix=1. Several times for several; 0 for none.",
    )] = None,
    validation: Annotated[float | None, typer.Option(help="Part of the training images, 0.1 say, to choose the best epoch by.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of everything random. Default 0.")] = None,
    threads: Annotated[int | None, typer.Option(help="Of kernels and BLAS. Default: as many as there are cores to use.")] = None,
    backend: Annotated[str | None, typer.Option(help="Of the kernels: numba or numpy.")] = None,
    out: Annotated[Path | None, typer.Option(help="Run folder. Default: runs/MODEL-DATA-TIME.")] = None,
    limit: Annotated[int | None, typer.Option(help="Use the first so many training images only.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out; its config.json says how.")] = False,
) -> None:
    """Train a model. Without arguments: LeNet-5 on handwritten digits. Options not given come from the model's recipe for the data set."""
    given: dict[str, Any] = {
        "model": model, "data": data, "data_dir": data_dir, "epochs": epochs, "batch_size": batch_size,
        "optimizer": optimizer, "lr": lr, "momentum": momentum, "weight_decay": weight_decay, "schedule": schedule,
        "ema": ema, "augment": augment, "validation": validation, "seed": seed, "threads": threads, "backend": backend, "limit": limit,
    }  # fmt: skip
    with errors_as_sentences():
        from minitorch_cv.training.augmentation import from_options
        from minitorch_cv.training.errors import RunError, Stopped
        from minitorch_cv.training.reporting import ConsoleReporter
        from minitorch_cv.training.run_folder import RunFolder
        from minitorch_cv.training.session import new_session, resumed_session

        given["augmentation"] = from_options(augmentation) if augmentation else None
        models = our_models()
        report = ConsoleReporter(console())
        if resume:
            if out is None:
                raise RunError("--resume: say which run to go on with, by --out RUN_DIR")
            session = resumed_session(RunFolder(out), given, models.create, report)
        else:
            entry = models.entry(model or "lenet5")
            session = new_session(entry, given, RunFolder(out) if out else None, models.create, report)
        try:
            session.run()
        except Stopped as stopped:
            print(f"{stopped}, and a checkpoint is written; go on with", file=sys.stderr)
            print(f"  minitorch-cv train --resume --out {session.folder.path}", file=sys.stderr)
            raise typer.Exit(128 + stopped.signal_number) from None


@app.command("eval")
def evaluate(
    run_dir: RunDir,
    checkpoint: Checkpoint = "last",
    data_dir: Annotated[Path | None, typer.Option(help="Where the data lies now, if not where the training found it.")] = None,
    as_json: AsJson = False,
) -> None:
    """Loss and accuracies of a trained model on the test images."""
    with errors_as_sentences():
        from minitorch_cv.training.session import evaluate_run

        result = evaluate_run(run_dir, our_models().load_run(run_dir, checkpoint), data_dir)
        if as_json:
            print(json.dumps({"run": str(run_dir), "checkpoint": checkpoint, **result}))
        else:
            print(f"{result['test_images']} test images of {result['data']}, checkpoint {checkpoint}")
            print(f"loss {result['test_loss']:.4f}, top-1 {100 * result['test_top1']:.2f} %, top-5 {100 * result['test_top5']:.2f} %")


@app.command()
def predict(
    run_dir: RunDir,
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="Image files.")],
    checkpoint: Checkpoint = "last",
    temperature: Annotated[float, typer.Option(help="Above 1 the probabilities become more even, below 1 more decided.")] = 1.0,
    as_json: AsJson = False,
) -> None:
    """The five most probable classes of each image."""
    with errors_as_sentences():
        from minitorch_cv.training.prediction import predict_images

        results = predict_images(run_dir, our_models().load_run(run_dir, checkpoint), images, temperature)
        if as_json:
            print(json.dumps(results))
            return
        for result in results:
            print(result["image"])
            for guess in result["predictions"]:
                print(f"  {100 * guess['probability']:6.2f} %  {guess['class']}")


@app.command("models")
def list_models(as_json: AsJson = False) -> None:
    """The models there are, and the data sets that each has a recipe for."""
    with errors_as_sentences():
        models = our_models()
        entries = [models.entry(name) for name in models.list_models()]
        if as_json:
            rows = [
                {"name": e.name, "parameters": e.parameters, "input": list(e.input_shape), "recipes": list(e.recipes), "paper": e.paper}
                for e in entries
            ]
            print(json.dumps(rows))
            return
        from rich.table import Table

        table = Table("model", "parameters", "input", "recipes", "paper", box=None, pad_edge=False)
        table.columns[1].justify = "right"
        for e in entries:
            table.add_row(e.name, f"{e.parameters:,}", " x ".join(map(str, e.input_shape)), ", ".join(e.recipes), e.paper)
        console().print(table)


def main() -> None:
    """The program `minitorch-cv`."""
    app()


def our_models() -> Any:
    """The package `models`, once it is known to be ours."""
    import models
    from minitorch_cv.packages import require_ours

    require_ours(models)
    return models


def console() -> Console:
    """Where results and progress are shown: the standard output."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else 160)


@contextmanager
def errors_as_sentences() -> Iterator[None]:
    """Turn what the user can put right into one sentence and exit status 1; MINITORCH_CV_TRACEBACK=1 shows where it came from as well."""
    from minitorch_cv.data import DataError
    from minitorch_cv.training.errors import NotFiniteError, RunError

    try:
        yield
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        raise typer.Exit(128 + signal.SIGINT) from None
    except (RunError, NotFiniteError, DataError, ValueError, OSError, ImportError) as error:
        if os.environ.get("MINITORCH_CV_TRACEBACK"):
            raise
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        print(f"error: {'; '.join(lines)}".replace(":; ", ": "), file=sys.stderr)
        raise typer.Exit(1) from None


if __name__ == "__main__":
    main()
