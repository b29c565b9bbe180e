"""Logits, losses and gradients of full-size architectures against torchvision's and timm's, for deterministic weights.

tests/golden/README.md describes the numbers. Float64 agrees to 1e-9 of the spread of the logits; float32 to a few times what PyTorch's own
float32 differs from its float64, which is about 1e-6, and more where the activations are steep.
"""

import json
from functools import cache
from typing import Any

import numpy as np
import pytest
import zoo

import minitorch_cv as mt
import minitorch_cv.functional as F
import models
from minitorch_cv import nn


@cache
def outputs() -> dict[str, dict[str, Any]]:
    return json.loads((zoo.FOLDER / "outputs.json").read_text(encoding="utf-8"))["models"]


@cache
def expected_logits() -> dict[str, np.ndarray]:
    with np.load(zoo.FOLDER / "outputs.npz") as stored:
        return dict(stored)


def build(reference: str) -> nn.Module:
    row = zoo.references()[reference]
    model = models.create(row["model"], **row["options"])
    zoo.load_deterministic(model, outputs()[reference]["gain"])
    return model


@pytest.mark.full
@pytest.mark.parametrize("reference", list(outputs()))
def test_logits(reference: str) -> None:
    model = build(reference).eval()
    with mt.autograd.no_grad():
        for dtype in (np.float32, np.float64):
            model.to(dtype)
            for key, row in outputs()[reference]["inputs"].items():
                image = zoo.image(row["kind"], row["H"], row["W"]).astype(dtype)
                logits = model(mt.from_numpy(image)).numpy()
                assert logits.dtype == dtype
                expected = expected_logits()[f"{reference}.{key}"]
                error = np.abs(logits[:, :: row["stride"]] - expected).max() / row["std"]
                bound = 1e-9 if dtype is np.float64 else max(1e-5, 4 * row["float32"])
                assert error <= bound, f"{key} in {np.dtype(dtype)}: {error:.1e} of the spread, at most {bound:.1e} allowed"


@pytest.mark.full
@pytest.mark.parametrize("reference", [name for name, row in outputs().items() if "training" in row])
def test_training_mode(reference: str) -> None:
    """Loss, gradients and running statistics of one forward and backward pass in training mode, in float64."""
    expected = outputs()[reference]["training"]
    model = zoo.without_chance(build(reference)).double().train()
    image = mt.from_numpy(zoo.image(expected["kind"], expected["H"], expected["W"]).astype(np.float64)).requires_grad_()
    labels = mt.tensor([1, 2])
    logits, *auxiliary = zoo.outputs_of(model(image))
    loss = F.cross_entropy(logits, labels)
    for other in auxiliary:
        loss = loss + 0.3 * F.cross_entropy(other, labels)
    loss.backward()
    assert loss.item() == pytest.approx(expected["loss"], rel=1e-9)
    parameters = dict(model.named_parameters()) | {"input": image}
    scale = max(norm for norm, _ in expected["grad"].values())
    for name, (norm, projection) in expected["grad"].items():
        gradient = parameters[name].grad.numpy()
        # Some gradients vanish but for rounding: that of a bias before batch norm. The largest gradient is the measure of them.
        close = {"rel": 1e-7, "abs": 1e-9 * scale}
        assert np.linalg.norm(gradient) == pytest.approx(norm, **close), f"norm of the gradient of {name}"
        spread = 1e-7 * norm * np.sqrt(gradient.size) + 1e-9 * scale
        assert (gradient * zoo.probe(name, gradient.shape)).sum() == pytest.approx(projection, rel=1e-7, abs=spread), f"gradient of {name}"
    buffers = dict(model.named_buffers())
    for name, norm in expected["buffers"].items():
        assert np.linalg.norm(buffers[name].numpy().astype(np.float64)) == pytest.approx(norm, rel=1e-9), name
