"""VGG: the paper's table of counts, and the form for CIFAR."""

import numpy as np
import pytest
import zoo

import minitorch_cv as mt
import models
from minitorch_cv import nn


@pytest.mark.parametrize(("layers", "millions"), [(11, 133), (13, 133), (16, 138), (19, 144)])
def test_counts_of_table_2(layers: int, millions: int) -> None:
    model = zoo.on_meta(f"vgg{layers}")
    assert round(sum(p.numel() for p in model.parameters()) / 1e6) == millions
    assert sum(isinstance(module, nn.Conv2d | nn.Linear) for module in model.modules()) == layers


@pytest.mark.parametrize(("name", "parameters"), [("vgg16", 14_719_818), ("vgg16_bn", 14_728_266)])
def test_counts_for_cifar(name: str, parameters: int) -> None:
    """13 convolutions and a linear layer of 512 inputs: 14.7 million, a tenth of the form for photographs."""
    model = zoo.on_meta(name, {"cifar": True, "num_classes": 10})
    assert sum(p.numel() for p in model.parameters()) == parameters
    assert list(model.state_dict())[-2:] == ["classifier.weight", "classifier.bias"]


def test_first_weights() -> None:
    """Convolutions He's by fan out, linear layers normal with standard deviation 0.01, all biases 0."""
    mt.manual_seed(0)
    model = models.create("vgg11_bn", width=1 / 4)
    conv = model.get_parameter("features.11.weight").numpy()
    assert conv.shape == (64, 64, 3, 3)
    assert conv.std() == pytest.approx(np.sqrt(2 / (64 * 9)), rel=0.02)
    assert model.get_parameter("classifier.3.weight").numpy().std() == pytest.approx(0.01, rel=0.02)
    assert not any(value.numpy().any() for key, value in model.named_parameters() if key.endswith("bias"))
