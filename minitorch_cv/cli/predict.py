"""`minitorch-cv predict`: what a model sees in images."""

import json
from pathlib import Path
from typing import Annotated

import typer

from minitorch_cv.cli.common import AsJson, Checkpoint, RunDir, errors_as_sentences, our_models


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
