"""`minitorch-cv train`."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from minitorch_cv.cli.common import console, errors_as_sentences, our_models


def train(
    model: Annotated[str | None, typer.Argument(help="A name from `minitorch-cv models`; lenet5 if none is given.")] = None,
    data: Annotated[str | None, typer.Option(
        help="Data set: digits, digit_scenes, mnist, fashion_mnist, cifar10, cifar100; or a folder of images, DIR/CLASS/*.",
    )] = None,
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
    label_smoothing: Annotated[float | None, typer.Option(help="Part of each label that is spread over all classes, 0.1 say.")] = None,
    auxiliary_weight: Annotated[float | None, typer.Option(help="What the losses of auxiliary classifiers count, 0.3 say.")] = None,
    option: Annotated[list[str] | None, typer.Option(
        metavar="NAME=VALUE",
        help="An option of the model: width=0.5, depth=0.5, stochastic_depth=0.2, dropout=0.1, se=true, cifar=true, ... "
        "Several times for several.",
    )] = None,
    weights: Annotated[str | None, typer.Option(
        help="To begin with: imagenet, the published weights, downloaded once; or a file: .safetensors, .pth, .pt. For other classes, "
        "the classifier is new.",
    )] = None,
    freeze: Annotated[list[str] | None, typer.Option(
        metavar="PATTERN", help="Names of parameters that stay as they are, such as 'layer1.*'. Several times for several.",
    )] = None,
    image_size: Annotated[int | None, typer.Option(help="Height and width of the images that the model is given.")] = None,
    validation: Annotated[float | None, typer.Option(help="Part of the training images, 0.1 say, to choose the best epoch by.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of everything random. Default 0.")] = None,
    threads: Annotated[int | None, typer.Option(help="Of kernels and BLAS. Default: as many as there are cores to use.")] = None,
    backend: Annotated[str | None, typer.Option(help="Of the kernels on the CPU: numba or numpy.")] = None,
    device: Annotated[str | None, typer.Option(
        help="What computes: cpu (default), cuda (the first GPU; cuda:1 the second), or auto: a GPU where there is one. "
        "With --resume, a run may go on elsewhere than it began.",
    )] = None,
    precision: Annotated[str | None, typer.Option(
        help="Of layers on a GPU: float32 (default), tf32, float16 or bfloat16. Weights stay float32.",
    )] = None,
    cuda_graph: Annotated[bool | None, typer.Option(
        "--cuda-graph/--no-cuda-graph", help="Record a training step on the GPU once, and replay it.",
    )] = None,
    out: Annotated[Path | None, typer.Option(help="Run folder. Default: runs/MODEL-DATA-TIME.")] = None,
    limit: Annotated[int | None, typer.Option(help="Use the first so many training images only.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out; its config.json says how.")] = False,
) -> None:
    """Train a model. Without arguments: LeNet-5 on handwritten digits. Options not given come from the model's recipe for the data set."""
    given: dict[str, Any] = {
        "model": model, "data": data, "data_dir": data_dir, "epochs": epochs, "batch_size": batch_size,
        "optimizer": optimizer, "lr": lr, "momentum": momentum, "weight_decay": weight_decay, "schedule": schedule,
        "ema": ema, "augment": augment, "validation": validation, "seed": seed, "threads": threads, "backend": backend, "limit": limit,
        "label_smoothing": label_smoothing, "auxiliary_weight": auxiliary_weight,
        "weights": weights, "freeze": tuple(freeze) if freeze else None, "device": device, "precision": precision, "cuda_graph": cuda_graph,
        "image_size": None if image_size is None else (image_size, image_size),
    }  # fmt: skip
    with errors_as_sentences():
        from minitorch_cv.training.augmentation import from_options
        from minitorch_cv.training.errors import RunError, Stopped
        from minitorch_cv.training.named_values import named_values
        from minitorch_cv.training.reporting import ConsoleReporter
        from minitorch_cv.training.run_folder import RunFolder
        from minitorch_cv.training.session import new_session, resumed_session

        given["augmentation"] = from_options(augmentation) if augmentation else None
        given["model_options"] = named_values("--option", option, words=True) if option else None
        _find_places(given)
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


def _find_places(given: dict[str, Any]) -> None:
    """Replace `--data DIR` by the data set folder at that place, and a file of weights by its whole path: a run can be resumed anywhere."""
    from minitorch_cv.data import list_datasets
    from minitorch_cv.training.config import absolute

    data, weights = given["data"], given["weights"]
    if data is not None and data not in list_datasets():
        if not Path(data).expanduser().is_dir():
            raise ValueError(f"--data: got {data!r}, expected {', '.join(list_datasets())}, or a folder of images, which is not there")
        if given["data_dir"] is not None:
            raise ValueError(f"--data-dir: got {given['data_dir']} beside --data {data}, which is a folder itself: leave one of them out")
        given.update(data="folder", data_dir=Path(data))
    if weights is not None and Path(weights).expanduser().is_file():
        given["weights"] = absolute(weights)
