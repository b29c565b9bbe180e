"""LeNet-5 against PyTorch, built there in the paper's order: activation, then pooling."""

import numpy as np
import pytest

import minitorch_cv as mt
import minitorch_cv.functional as F
import models
from minitorch_cv.testing import assert_close


@pytest.mark.full
@pytest.mark.parametrize(("name", "size", "padding"), [("lenet5", 32, 0), ("lenet5_relu", 28, 2)])
def test_against_torch(name: str, size: int, padding: int) -> None:
    torch = pytest.importorskip("torch")
    mt.manual_seed(3)
    ours = models.create(name)
    activation = torch.nn.Tanh if name == "lenet5" else torch.nn.ReLU
    layers = {
        "conv1": torch.nn.Conv2d(1, 6, 5, padding=padding), "a1": activation(), "p1": torch.nn.MaxPool2d(2),
        "conv2": torch.nn.Conv2d(6, 16, 5), "a2": activation(), "p2": torch.nn.MaxPool2d(2), "flat": torch.nn.Flatten(),
        "fc1": torch.nn.Linear(400, 120), "a3": activation(), "fc2": torch.nn.Linear(120, 84), "a4": activation(),
        "fc3": torch.nn.Linear(84, 10),
    }  # fmt: skip
    theirs = torch.nn.Sequential()
    for key, layer in layers.items():
        theirs.add_module(key, layer)
    theirs.load_state_dict({key: torch.from_numpy(value.numpy().copy()) for key, value in ours.state_dict().items()})

    rng = np.random.default_rng(0)
    images, labels = rng.random((5, 1, size, size), np.float32), rng.integers(0, 10, 5)
    loss = F.cross_entropy(ours(mt.from_numpy(images)), mt.from_numpy(labels))
    loss.backward()
    expected = torch.nn.functional.cross_entropy(theirs(torch.from_numpy(images)), torch.from_numpy(labels))
    expected.backward()
    assert_close(loss.item(), expected.item(), 1e-6, "loss")
    theirs_by_name = dict(theirs.named_parameters())
    for key, parameter in ours.named_parameters():
        assert_close(parameter.grad, theirs_by_name[key].grad, 2e-6, f"gradient of {key}")
