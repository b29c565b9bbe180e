"""The registry: names, options, claims."""

import math
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


@pytest.mark.parametrize(
    ("option", "value", "error", "expected"),
    [
        ("cifar", "no", TypeError, "cifar: got 'no', expected true or false"),
        ("cifar", 0, TypeError, "cifar: got 0, expected true or false"),
        ("num_classes", 2.5, TypeError, "num_classes: got 2.5, expected an integer"),
        ("num_classes", True, TypeError, "num_classes: got True, expected an integer"),
        ("num_classes", 0, ValueError, "num_classes: got 0, expected a positive number"),
        ("in_channels", -3, ValueError, "in_channels: got -3, expected a positive number"),
        ("width", "a", TypeError, "width: got 'a', expected a number"),
        ("width", math.nan, ValueError, "width: got nan, expected a positive number"),
        ("depth", math.inf, ValueError, "depth: got inf, expected a positive number"),
        ("depth", [1, 2], TypeError, "depth: got [1, 2], expected a number"),
        ("dropout", 2, ValueError, "dropout: got 2, expected a probability between 0 and 1"),
        ("stochastic_depth", -0.1, ValueError, "stochastic_depth: got -0.1, expected a probability between 0 and 1"),
    ],
)  # fmt: skip
def test_bad_options(option: str, value: object, error: type[Exception], expected: str) -> None:
    """Errors name the option, not a layer's argument; nothing is taken for something else."""
    with mt.device("meta"), pytest.raises(error, match=f"^{re.escape(expected)}$"):
        models.create("efficientnet_b0", **{option: value})


def test_numpy_numbers_are_options() -> None:
    with mt.device("meta"):
        model = models.create("resnet18", num_classes=np.int64(3), width=np.float32(0.5), depth=1)
    assert model(mt.empty(1, 3, 64, 64, device="meta")).shape == (1, 3)


@pytest.mark.parametrize("name", ["googlenet", "inception_naive", "inception_v2", "inception_v3", "se_inception", "xception"])
def test_no_deeper_than_its_table(name: str) -> None:
    with mt.device("meta"), pytest.raises(ValueError, match=r"depth: got 1\.5, expected at most 1"):
        models.create(name, depth=1.5)


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
