"""Logits, losses and gradients of full-size architectures against torchvision's and timm's, for deterministic weights.

tests/golden/README.md describes the numbers. Float64 agrees to 1e-9 of the spread of the logits; float32 to 1e-5, or where activations are
steep to twice what PyTorch's own float32 differs from its float64.
"""

import json
from functools import cache
from typing import Any

import numpy as np
import pytest
import zoo

import minitorch_cv as mt
import minitorch_cv.functional as F
from minitorch_cv import nn


@cache
def outputs() -> dict[str, dict[str, Any]]:
    return json.loads((zoo.FOLDER / "outputs.json").read_text(encoding="utf-8"))["models"]


@cache
def expected_logits() -> dict[str, np.ndarray]:
    with np.load(zoo.FOLDER / "outputs.npz") as stored:
        return dict(stored)


@pytest.fixture(scope="module", params=list(outputs()))
def weights(request: pytest.FixtureRequest) -> tuple[str, dict[str, np.ndarray]]:
    """A reference and its weights, drawn once for all tests of it."""
    gain = outputs()[request.param]["gain"]
    return request.param, {key: zoo.entry(key, value.shape, gain) for key, value in model_on_meta(request.param).state_dict().items()}


def model_on_meta(reference: str) -> nn.Module:
    row = zoo.references()[reference]
    return zoo.on_meta(row["model"], row["options"])


def build(reference: str, state: dict[str, np.ndarray], dtype: type) -> nn.Module:
    """The model with these weights; it never had others."""
    model = model_on_meta(reference)
    model.load_state_dict({key: np.array(value, dtype if value.dtype.kind == "f" else None) for key, value in state.items()}, assign=True)
    return model


@pytest.mark.full
def test_logits(weights: tuple[str, dict[str, np.ndarray]]) -> None:
    reference, state = weights
    with mt.autograd.no_grad():
        for dtype in (np.float32, np.float64):
            model = build(reference, state, dtype).eval()
            for key, row in outputs()[reference]["inputs"].items():
                image = zoo.image(row["kind"], row["H"], row["W"]).astype(dtype)
                logits = model(mt.from_numpy(image)).numpy()
                assert logits.dtype == dtype
                expected = expected_logits()[f"{reference}.{key}"]
                error = np.abs(logits[:, :: row["stride"]] - expected).max() / row["std"]
                bound = 1e-9 if dtype is np.float64 else max(1e-5, 2 * row["float32"])
                assert error <= bound, f"{key} in {np.dtype(dtype)}: {error:.1e} of the spread, at most {bound:.1e} allowed"


@pytest.mark.full
def test_training_mode(weights: tuple[str, dict[str, np.ndarray]]) -> None:
    """Loss, gradients and running statistics of one forward and backward pass in training mode, in float64."""
    reference, state = weights
    expected = outputs()[reference].get("training")
    if expected is None:
        pytest.skip("of the largest networks only logits are kept")
    model = zoo.without_chance(build(reference, state, np.float64)).train()
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
