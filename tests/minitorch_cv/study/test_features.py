"""Outputs of layers by name."""

import numpy as np
import pytest

import minitorch_cv as mt
from minitorch_cv import nn
from minitorch_cv.study import features


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU())
        self.body = nn.Conv2d(2, 2, 1)
        self.head = nn.Linear(32, 3)
        self.spare = nn.Linear(3, 3)
        self.heads = 0

    def forward(self, x):
        x = self.body(self.body(self.stem(x)))
        self.heads += 1
        return self.head(x.flatten(1))


@pytest.fixture
def model() -> Net:
    mt.manual_seed(0)
    return Net().eval()


def test_one_layer(model: Net) -> None:
    images = mt.randn(2, 1, 6, 6)
    expected = model.stem[0](images)
    found = features(model, images, "stem.0")
    assert isinstance(found, mt.Tensor)
    np.testing.assert_array_equal(found.numpy(), expected.numpy())
    assert model.heads == 0  # the rest of the model has not run
    assert found.requires_grad


def test_several_layers(model: Net) -> None:
    images = mt.randn(2, 1, 6, 6)
    found = features(model, images, ["head", "stem", "body"])
    assert list(found) == ["head", "stem", "body"]
    np.testing.assert_array_equal(found["body"].numpy(), model.body(model.stem(images)).numpy())  # the first of its two calls
    np.testing.assert_array_equal(found["head"].numpy(), model(images).numpy())
    assert features(model, images, []) == {}


def test_hooks_are_removed(model: Net) -> None:
    images = mt.randn(1, 1, 6, 6)
    features(model, images, "stem")
    with pytest.raises(ValueError, match="input"):
        features(model, mt.randn(1, 3, 6, 6), "head")  # the model itself fails
    assert all(not module._forward_hooks for module in model.modules())
    assert model(images).shape == (1, 3)


def test_names_that_are_none(model: Net) -> None:
    images = mt.randn(1, 1, 6, 6)
    with pytest.raises(ValueError, match=r"layer: got 'stem.O', which is no layer of Net; there is stem"):
        features(model, images, "stem.O")
    with pytest.raises(ValueError, match="layer: got spare, which does not run for these images in evaluation mode"):
        features(model, images, ["stem", "spare"])


def test_the_same_layer_by_two_names() -> None:
    layer = nn.ReLU()
    model = nn.Sequential(layer, nn.Linear(2, 2), layer)
    assert features(model, mt.ones(1, 2), ["0", "2"]).keys() == {"0", "2"}
