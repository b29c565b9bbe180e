"""The most probable classes of images."""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from minitorch_cv import from_numpy
from minitorch_cv.autograd import no_grad
from minitorch_cv.inference.preprocessing import Preprocessing, open_image
from minitorch_cv.nn import Module


def classify_images(
    model: Module, preprocessing: Preprocessing, classes: Sequence[str], paths: Sequence[str | os.PathLike[str]], *, top: int = 5,
    temperature: float = 1.0, ten_crop: bool = False,
) -> list[dict[str, Any]]:  # fmt: skip
    """The `top` most probable classes of each image file, the most probable first.

    model: gives logits (N, len(classes)); put into evaluation mode here. temperature: the logits are divided by it before the softmax.
    ten_crop: the mean of the probabilities of the four corners, the middle, and their reflections, in place of the middle alone.
    Returns for each file {"image": path, "predictions": [{"class": name, "index": label, "probability": p}, ...]}.
    Raises DataError for a file that is missing or no image, ValueError for a temperature or number of classes that makes no sense.
    """
    prepare = preprocessing.ten_crops if ten_crop else preprocessing
    model.eval()
    return [
        {"image": os.fspath(path), "predictions": ranked(probabilities(model, prepare(open_image(path)), temperature), classes, top)}
        for path in paths
    ]


def probabilities(model: Module, images: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """The mean over the images (N, C, H, W) of the softmax of the model's logits: (classes,), float64."""
    if not 0 < temperature < np.inf:
        raise ValueError(f"temperature: got {temperature}, expected a positive number")
    device = next((parameter.device for parameter in model.parameters()), None)
    with no_grad():
        logits = model(from_numpy(images).to(device=device)).cpu().numpy().astype(np.float64)  # (N, classes)
    if logits.ndim != 2:
        raise ValueError(f"model: its output has shape {logits.shape}, expected (N, classes): it segments images, see `inference.segment`")
    return np.mean([softmax(row, temperature) for row in logits], axis=0)


def softmax(logits: np.ndarray, temperature: float) -> np.ndarray:
    """exp(x / t) / sum(exp(x / t)) of a vector x."""
    with np.errstate(over="ignore"):  # a tiny temperature: exp(-inf) is 0, as it should be
        powers = np.exp((logits - logits.max()) / temperature)
    return powers / powers.sum()


def ranked(probability: np.ndarray, classes: Sequence[str], top: int = 5) -> list[dict[str, Any]]:
    """The `top` most probable classes, the most probable first, as {"class": name, "index": label, "probability": p}."""
    if len(classes) != len(probability):
        raise ValueError(f"classes: got {len(classes)} names, expected {len(probability)}, one for each output of the model")
    if top < 1:
        raise ValueError(f"top: got {top}, expected at least 1")
    order = np.argsort(-probability, kind="stable")[:top]
    return [{"class": classes[label], "index": int(label), "probability": float(probability[label])} for label in order]
