"""The registry: names, options, claims."""

import numpy as np
import pytest

import minitorch_cv as mt
import models
from minitorch_cv import nn
from minitorch_cv.data import list_datasets
from models import registry

# parameters, entries of the state_dict, elements of buffers; the ResNets' numbers were counted with PyTorch models of the same structure.
COUNTS = {
    "lenet5": (61_706, 10, 0),
    "lenet5_relu": (61_706, 10, 0),
    "resnet20": (269_722, 116, 1395),
    "resnet32": (464_154, 188, 2303),
    "resnet44": (658_586, 260, 3211),
    "resnet56": (853_018, 332, 4119),
    "resnet110": (1_727_962, 656, 8205),
    "resnet1202": (19_421_274, 7208, 90_833),
}


def test_list_models() -> None:
    assert models.list_models() == list(COUNTS)  # in the order of their depth, not of their letters


@pytest.mark.parametrize("name", list(COUNTS))
def test_counts(name: str) -> None:
    with mt.device("meta"):  # no values are needed to count them
        model = models.create(name)
        scores = model(mt.empty(4096, *models.entry(name).input_shape))
    assert (scores.shape, scores.device) == ((4096, 10), "meta")
    parameters = sum(p.numel() for p in model.parameters())
    buffers = sum(b.numel() for b in model.buffers())
    assert (parameters, len(model.state_dict()), buffers) == COUNTS[name]
    assert models.entry(name).parameters == parameters


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
    with pytest.raises(ValueError, match=r"model: got 'lenet_5', expected one of lenet5, .*did you mean 'lenet5'"):
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


def test_recipes_name_data_sets() -> None:
    for name in models.list_models():
        entry = models.entry(name)
        assert set(entry.recipes) <= set(list_datasets())
        for data, recipe in entry.recipes.items():
            assert entry.recipe(data) is recipe
            channels = {"cifar10": 3, "cifar100": 3}.get(data, 1)
            assert recipe.mean is None or len(recipe.mean) == len(recipe.std) == channels


def test_data_without_a_recipe() -> None:
    """The recipe for the first data set, whose mean means nothing here."""
    entry = models.entry("resnet20")
    recipe = entry.recipe("digits")
    assert recipe.mean is None
    assert recipe.std is None
    assert recipe.lr == entry.recipe("cifar10").lr
