"""What a trained model sees in image files."""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from kernels.backend import backend as use_backend
from minitorch_cv.data.dataset import DataError
from minitorch_cv.data.transforms import Compose, ToFloat
from minitorch_cv.inference.classification import probabilities, ranked
from minitorch_cv.inference.preprocessing import open_image
from minitorch_cv.nn import Module
from minitorch_cv.training.config import Config
from minitorch_cv.training.errors import RunError
from minitorch_cv.training.images import preparation
from minitorch_cv.training.run_folder import RunFolder
from minitorch_cv.training.session import use_threads


def predict_images(
    run_dir: str | os.PathLike[str], model: Module, paths: Sequence[str | os.PathLike[str]], temperature: float = 1.0, top: int = 5
) -> list[dict[str, Any]]:
    """The `top` most probable classes of each image file, the most probable first.

    model: the one trained in `run_dir` (`models.load_run`), in evaluation mode.
    temperature: the logits are divided by it before the softmax.
    Returns for each file {"image": path, "predictions": [{"class": name, "index": label, "probability": p}, ...]}.
    Raises RunError for a file that is missing or no image, ValueError for a temperature that is not positive.
    """
    config = RunFolder(run_dir).read_config()
    use_threads(config.threads)
    results = []
    for path in paths:
        image = read_image(path, config)
        with use_backend(config.backend):
            probability = probabilities(model, image, temperature)
        results.append({"image": os.fspath(path), "predictions": ranked(probability, config.classes, top)})
    return results


def read_image(path: str | os.PathLike[str], config: Config) -> np.ndarray:
    """An image file as the model of a run wants it: float32 (1, C, H, W), in its channels and size, prepared as in training."""
    from PIL import Image

    height, width = config.image_size
    try:
        image = open_image(path, "L" if config.model_options["in_channels"] == 1 else "RGB")
    except DataError as error:
        raise RunError(str(error)) from error
    if image.width > width or image.height > height:
        image = image.resize((width, height), Image.Resampling.BILINEAR)  # averages over all pixels that become one
    pixels = np.asarray(image)
    pixels = pixels.reshape(1, *pixels.shape[:2], -1)  # (1, H, W, C)
    prepare = Compose([*preparation(config.recipe, config.image_size, (pixels.shape[3], *pixels.shape[1:3])), ToFloat()])
    return prepare(pixels, np.random.default_rng(0)).transpose(0, 3, 1, 2)  # nothing in it is random
