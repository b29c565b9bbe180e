"""`minitorch-cv eval`: what a trained model reaches on the test images."""

import json
from pathlib import Path
from typing import Annotated

import typer

from minitorch_cv.cli.common import AsJson, Checkpoint, OnDevice, RunDir, errors_as_sentences, our_models


def evaluate(
    run_dir: RunDir,
    checkpoint: Checkpoint = "last",
    data_dir: Annotated[Path | None, typer.Option(help="Where the data lies now, if not where the training found it.")] = None,
    device: OnDevice = "cpu",
    as_json: AsJson = False,
) -> None:
    """Loss and accuracies of a trained model on the test images."""
    with errors_as_sentences():
        from minitorch_cv.training.reporting import accuracies
        from minitorch_cv.training.session import evaluate_run

        result = evaluate_run(run_dir, our_models().load_run(run_dir, checkpoint), data_dir, device)
        if as_json:
            print(json.dumps({"run": str(run_dir), "checkpoint": checkpoint, **result}))
        else:
            print(f"{result['test_images']} test images of {result['data']}, checkpoint {checkpoint}")
            top5 = "" if "test_mean_iou" in result else f", top-5 {100 * result['test_top5']:.2f} %"  # it says little of pixels
            print(f"loss {result['test_loss']:.4f}, {accuracies(result, 'test')}{top5}")
