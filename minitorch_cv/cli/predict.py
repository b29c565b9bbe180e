"""`minitorch-cv predict`: what a model sees in images."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from minitorch_cv.cli.common import AsJson, Checkpoint, OnDevice, console, errors_as_sentences, our_models

BAR = 40  # characters of a bar for probability 1


def predict(
    paths: Annotated[list[Path], typer.Argument(metavar="[RUN_DIR] IMAGE...", help="A run folder, unless there is --model; image files.")],
    model: Annotated[str | None, typer.Option(help="A name from `minitorch-cv models`, with weights from --weights.")] = None,
    weights: Annotated[str | None, typer.Option(
        help="imagenet: the published weights of --model, downloaded once; or a file: .safetensors, .pth, .pt.",
    )] = None,
    checkpoint: Checkpoint = "last",
    top: Annotated[int, typer.Option(help="How many classes to show.")] = 5,
    ten_crop: Annotated[bool, typer.Option(
        "--ten-crop", help="With --model: average the corners, the middle and their reflections.",
    )] = False,
    temperature: Annotated[float, typer.Option(help="Above 1 the probabilities become more even, below 1 more decided.")] = 1.0,
    device: OnDevice = "cpu",
    as_json: AsJson = False,
) -> None:
    """The most probable classes of each image: for a model that was trained here, or for published weights."""
    with errors_as_sentences():
        if weights is not None and model is None:
            raise ValueError("--weights: say for which model, by --model NAME")
        if model is not None:
            results = _by_weights(model, weights or "imagenet", device, paths, top=top, ten_crop=ten_crop, temperature=temperature)
        else:
            if ten_crop:
                raise ValueError("--ten-crop: goes with --model; a run's images are taken whole")
            results = _by_run(paths, checkpoint, device, temperature, top)
        if as_json:
            print(json.dumps(results))
        else:
            for result in results:
                _show(result)


def _by_run(paths: list[Path], checkpoint: str, device: str, temperature: float, top: int) -> list[dict[str, Any]]:
    from minitorch_cv.training.execution import Execution, resolved
    from minitorch_cv.training.prediction import predict_images

    run_dir, *images = paths
    if not images:
        raise ValueError(f"IMAGE: got none beside the run folder {run_dir}; without one, name a model by --model")
    execution = Execution(resolved(device))
    with execution.current():
        return predict_images(run_dir, our_models().load_run(run_dir, checkpoint).to(execution.device), images, temperature, top)


def _by_weights(name: str, weights: str, device: str, images: list[Path], **options: Any) -> list[dict[str, Any]]:
    from minitorch_cv.inference import classify_images
    from minitorch_cv.training.execution import Execution, resolved

    execution = Execution(resolved(device))
    model, preprocessing, classes = our_models().classifier(name, weights)
    with execution.current():
        return classify_images(model.to(execution.device), preprocessing, classes, images, **options)


def _show(result: dict[str, Any]) -> None:
    from rich.table import Table

    print(result["image"])
    table = Table(box=None, show_header=False)
    table.add_column(justify="right")
    table.add_column()
    table.add_column()
    for guess in result["predictions"]:
        table.add_row(f"{100 * guess['probability']:6.2f} %", guess["class"], "█" * round(BAR * guess["probability"]))
    console().print(table, markup=False)
