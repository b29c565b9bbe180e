"""The registry: names, options, claims."""

import re

import numpy as np
import pytest

import minitorch_cv as mt
import models
from minitorch_cv import nn
from models import registry


def test_list_models() -> None:
    """By their names, numbers in numerical order: the small networks before the large ones."""
    names = models.list_models()
    assert len(names) == len(set(names))
    resnets = [name for name in names if re.fullmatch(r"resnet\d+", name)]
    assert resnets == sorted(resnets, key=lambda name: int(name.removeprefix("resnet")))
    assert {"lenet5", "resnet20", "resnet1202"} <= set(names)


@pytest.mark.parametrize("name", ["lenet5", "lenet5_relu", "resnet20"])
@pytest.mark.parametrize(("in_channels", "num_classes"), [(1, 10), (3, 7)])
def test_options_and_shapes(name: str, in_channels: int, num_classes: int) -> None:
    model = models.create(name, in_channels=in_channels, num_classes=num_classes)
    size = models.entry(name).input_shape[1:]
    x = np.random.default_rng(0).standard_normal((2, in_channels, *size)).astype(np.float32)
    y = model(mt.from_numpy(x))
    assert y.shape == (2, num_classes)
    assert y.dtype == np.float32
    y.sum().backward()
    assert all(p.grad is not None and p.grad.shape == p.shape for p in model.parameters())


def test_weights_follow_the_seed() -> None:
    def weights(seed: int) -> list[np.ndarray]:
        mt.manual_seed(seed)
        return [p.numpy().copy() for p in models.create("resnet20").parameters()]

    assert all(map(np.array_equal, weights(1), weights(1)))
    assert not all(map(np.array_equal, weights(1), weights(2)))


def test_unknown_names() -> None:
    with pytest.raises(ValueError, match=r"model: got 'lenet_5', expected one of .*'lenet5'"):
        models.create("lenet_5")
    with pytest.raises(TypeError, match="lenet5 has no option classes; it has in_channels, num_classes"):
        models.create("lenet5", classes=3)


def test_register() -> None:
    recipes = {"digits": models.entry("lenet5").recipe("digits")}
    arguments = {"input_shape": (1, 2, 2), "parameters": 5, "macs": 4, "recipes": recipes, "paper": "none"}

    @models.register("test_model", **arguments)
    def build(in_channels: int = 1, num_classes: int = 1) -> nn.Module:
        return nn.Linear(4 * in_channels, num_classes)

    try:
        assert "test_model" in models.list_models()
        assert isinstance(models.create("test_model"), nn.Linear)
        with pytest.raises(ValueError, match="the model 'test_model' is registered already"):
            models.register("test_model", **arguments)(build)
    finally:
        del registry._entries["test_model"]


def test_data_without_a_recipe() -> None:
    """The recipe for the first data set, whose mean means nothing here."""
    entry = models.entry("resnet20")
    recipe = entry.recipe("digits")
    assert recipe.mean is None
    assert recipe.std is None
    assert recipe.lr == entry.recipe("cifar10").lr
