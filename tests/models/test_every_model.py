"""What must hold for every architecture. A new one is tested by being registered.

At full size, claims are read off shape-only tensors; in its small form, each model computes.
"""

import inspect
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import zoo

import minitorch_cv as mt
import minitorch_cv.functional as F
import models
from minitorch_cv import nn, optim
from minitorch_cv.data import list_datasets
from minitorch_cv.testing import assert_close

NAMES = models.list_models()


# --- At full size, for shapes alone ---


@pytest.mark.parametrize("name", NAMES)
def test_claims(name: str) -> None:
    """Parameters and multiply-adds are what the model's file says, and so is the shape of what comes out."""
    entry = models.entry(name)
    model = zoo.on_meta(name)
    assert sum(p.numel() for p in model.parameters()) == entry.parameters
    assert zoo.count_macs(model, (1, *entry.input_shape)) == entry.macs
    classes = inspect.signature(entry.build).parameters["num_classes"].default
    assert model(mt.empty(2, *entry.input_shape, device="meta")).shape[:2] == (2, classes)
    assert len(entry.paper) > 20


@pytest.mark.parametrize("reference", list(zoo.references()))
def test_outside_counts(reference: str) -> None:
    """Parameters, multiply-adds and state_dict are those of the public model zoos."""
    expected = zoo.references()[reference]
    if expected["model"] not in NAMES:
        pytest.skip("not registered")
    model = zoo.on_meta(expected["model"], expected["options"])
    state = model.state_dict()
    assert sum(p.numel() for p in model.parameters()) == expected["params"]
    assert zoo.count_macs(model, expected["input"]) == expected["macs"]
    assert len(state) == expected["state_dict_entries"]
    listing = zoo.listing(reference)
    if listing is not None:
        assert [[key, list(value.shape), str(value.dtype)] for key, value in state.items()] == listing


@pytest.mark.parametrize("name", NAMES)
def test_recipes(name: str) -> None:
    """Every recipe is for a data set that there is, and makes a model that takes its images."""
    entry = models.entry(name)
    assert entry.recipes
    assert set(entry.recipes) <= set(list_datasets())
    for data, recipe in entry.recipes.items():
        channels = {"digits": 1, "mnist": 1, "fashion_mnist": 1}.get(data, 3)
        assert recipe.mean is None or len(recipe.mean) == len(recipe.std) == channels
        model = zoo.on_meta(name, {"in_channels": channels, "num_classes": 7, **recipe.model_options})
        size = recipe.image_size or entry.input_shape[1:]
        assert zoo.outputs_of(model(mt.empty(2, channels, *size, device="meta")))[0].shape[:2] == (2, 7)


# --- In small form ---


def small(name: str, seed: int = 0) -> tuple[nn.Module, mt.Tensor, mt.Tensor]:
    """The model's small form with 3 classes, and a batch: images, and a label for each output place."""
    entry = models.entry(name)
    mt.manual_seed(seed)
    model = models.create(name, in_channels=entry.small_input[0], num_classes=3, **entry.small)
    images = np.random.default_rng(seed).standard_normal((4, *entry.small_input)).astype(np.float32)
    labels = np.array([0, 1, 2, 0])
    with mt.autograd.no_grad():
        maps = zoo.outputs_of(model.eval()(mt.from_numpy(images)))[0].shape[2:]
    spread = np.broadcast_to(labels.reshape(4, *[1] * len(maps)), (4, *maps))  # a segmentation: one label for a whole image
    return model.train(), mt.from_numpy(images), mt.from_numpy(np.ascontiguousarray(spread))


def total_loss(result: object, labels: mt.Tensor) -> mt.Tensor:
    logits, *auxiliary = zoo.outputs_of(result)
    return F.cross_entropy(logits, labels) + sum(0.3 * F.cross_entropy(other, labels) for other in auxiliary)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Networks this small lose more by waiting for a second thread than it helps."""
    threads = mt.get_num_threads()
    mt.set_num_threads(1)
    yield
    mt.set_num_threads(threads)


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("name", NAMES)
def test_small_form(name: str, tmp_path: Path) -> None:
    """One small model, all that it must do: gradients everywhere, both modes, saving, learning."""
    model, images, labels = small(name)
    zoo.without_chance(model)

    # Every parameter gets a gradient, and it is finite.
    loss = total_loss(model(images), labels)
    assert np.isfinite(loss.item())
    loss.backward()
    for key, parameter in model.named_parameters():
        assert parameter.grad is not None, f"{key} has no gradient"
        assert np.isfinite(parameter.grad.numpy()).all(), f"the gradient of {key} is not finite"

    # Training and evaluation differ by batch norm, dropout and auxiliary outputs alone: with those out of the way, not at all.
    with mt.autograd.no_grad():
        evaluated = model.eval()(images)
        model.train()
        for module in model.modules():
            if isinstance(module, zoo.NORMS):
                module.eval()
        trained = zoo.outputs_of(model(images))[0]
    assert not isinstance(evaluated, tuple), "in evaluation mode there are no auxiliary outputs"
    assert_close(trained, evaluated, 1e-5, "logits in training mode")

    # What is saved and loaded gives the same outputs, bit for bit.
    mt.weights.save(tmp_path / "model.safetensors", model)
    other, _, _ = small(name, seed=1)
    other.load_state_dict(mt.weights.load(tmp_path / "model.safetensors"))
    with mt.autograd.no_grad():
        np.testing.assert_array_equal(other.eval()(images).numpy(), evaluated.numpy())

    # A few steps on one batch lower the loss.
    model.train()
    optimizer = optim.Adam(model.parameters(), lr=3e-3)
    first = total_loss(model(images), labels).item()
    for _ in range(6):
        optimizer.zero_grad()
        loss = total_loss(model(images), labels)
        loss.backward()
        optimizer.step()
    assert loss.item() < first
