"""Classifiers over larger images: the same logits at the old size, and at each place those of the window under it."""

from itertools import product

import numpy as np
import pytest

import minitorch_cv as mt
import minitorch_cv.functional as F
import models
from minitorch_cv import nn
from minitorch_cv.autograd import no_grad
from minitorch_cv.inference import convolutionize, dense_predict


def made(name: str, **options: object) -> nn.Module:
    mt.manual_seed(0)
    return models.create(name, num_classes=5, **options).double().eval()


def images(*shape: int, seed: int = 0) -> mt.Tensor:
    return mt.from_numpy(np.random.default_rng(seed).standard_normal(shape))


CLASSIFIERS = {  # with which images; the larger ones; the shape of their map, and of the dense one
    "lenet5": ({}, (1, 32, 32), (48, 40), (5, 3), (9, 5)),
    "lenet5_relu": ({}, (1, 28, 28), (28, 44), (1, 5), (1, 9)),
    "alexnet": ({"width": 1 / 16}, (3, 224, 224), (300, 260), (3, 2), (5, 3)),
    "alexnet_original": ({"width": 1 / 16}, (3, 227, 227), (259, 291), (2, 3), (3, 5)),
    "zfnet": ({"width": 1 / 16}, (3, 224, 224), (256, 256), (2, 2), (3, 3)),
    "overfeat_fast": ({"width": 1 / 32}, (3, 231, 231), (281, 317), (2, 3), (4, 6)),  # the paper's second scale
    "overfeat_accurate": ({"width": 1 / 32}, (3, 221, 221), (281, 317), (2, 3), (6, 9)),
    "vgg11": ({"width": 1 / 64, "cifar": True}, (3, 32, 32), (64, 96), (2, 3), (3, 5)),
    "vgg16_bn": ({"width": 1 / 64}, (3, 224, 224), (256, 224), (2, 1), (3, 1)),
    "resnet20": ({}, (3, 32, 32), (40, 48), (3, 5), (3, 5)),  # the mean over the map becomes a window that moves
}


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_the_same_logits_and_a_map(name: str) -> None:
    options, shape, larger, places, dense_places = CLASSIFIERS[name]
    model = made(name, **options)
    x, wide = images(2, *shape), images(1, shape[0], *larger)
    for dense, size in ((False, places), (True, dense_places)):
        network = convolutionize(model, shape[1:], dense=dense)
        with no_grad():
            logits, maps = model(x).numpy(), network(x).numpy()
            assert maps.shape == (2, 5, 1, 1)
            np.testing.assert_allclose(maps[:, :, 0, 0], logits, rtol=0, atol=1e-10 * np.ptp(logits))
            assert network(wide).shape == (1, 5, *size)
        assert list(network.state_dict()) == list(model.state_dict())


@pytest.mark.parametrize("name", ["googlenet", "densenet121", "mobilenet_v2", "efficientnet_b0", "regnet_y_400mf", "repvgg_a0"])
def test_networks_that_end_with_a_mean(name: str) -> None:
    entry = models.entry(name)
    model = made(name, in_channels=3, **entry.small)
    _, H, W = entry.small_input
    network, x = convolutionize(model, (H, W)), images(2, 3, H, W)
    with no_grad():
        logits = model(x).numpy()
        np.testing.assert_allclose(network(x).numpy()[:, :, 0, 0], logits, rtol=0, atol=1e-10 * np.ptp(logits))
        assert network(images(1, 3, H + 64, W + 32)).shape == (1, 5, 3, 2)


def test_each_place_is_the_classifier_at_its_window() -> None:
    """LeNet pads nowhere: its dense map is what it says of every window of 32 x 32, two pixels apart."""
    model = made("lenet5")
    x = images(1, 1, 48, 44)
    with no_grad():
        maps = convolutionize(model, 32, dense=True)(x).numpy()
        assert maps.shape == (1, 5, 9, 7)
        for row, column in product(range(9), range(7)):
            window = x[:, :, 2 * row : 2 * row + 32, 2 * column : 2 * column + 32]
            np.testing.assert_allclose(maps[:, :, row, column], model(window).numpy(), rtol=0, atol=1e-12)
        sparse = convolutionize(model, 32)(x).numpy()
    np.testing.assert_allclose(sparse, maps[:, :, ::2, ::2], rtol=0, atol=1e-12)  # without offsets, four apart


def test_dense_is_pooling_at_all_offsets() -> None:
    """OverFeat as its paper has it: the last pooling of 3x3 nine times, each time from another offset, the results interleaved."""
    model = made("overfeat_accurate", width=1 / 32)
    x = images(1, 3, 281, 317)
    network = convolutionize(model, 221)  # its pooling as it was
    before, pooling = nn.Sequential(*list(network.features)[:-1]), network.features[-1]
    with no_grad():
        maps = convolutionize(model, 221, dense=True)(x).numpy()
        expected = np.full(maps.shape, np.nan)
        features = before(x)
        for down, right in product(range(3), range(3)):
            pooled = pooling(features[:, :, down:, right:])
            part = expected[:, :, down::3, right::3]
            part[...] = network.classifier(pooled).numpy()[:, :, : part.shape[2], : part.shape[3]]
    np.testing.assert_allclose(maps, expected, rtol=0, atol=1e-12)


def test_the_classifier_stays_as_it_is_and_shares_its_weights() -> None:
    model = made("lenet5")
    x = images(1, 1, 32, 32)
    with no_grad():
        before = model(x).numpy().copy()
        network = convolutionize(model, 32, dense=True)
        assert type(network) is type(model)
        assert isinstance(model.fc1, nn.Linear)
        np.testing.assert_array_equal(model(x).numpy(), before)
        model.fc1.weight.mul_(2.0)
        np.testing.assert_allclose(network(x).numpy()[:, :, 0, 0], model(x).numpy(), rtol=0, atol=1e-12)
    assert np.abs(model(x).numpy() - before).max() > 1e-3


def test_it_can_be_trained_on() -> None:
    network = convolutionize(made("lenet5"), 32).train()
    network(images(1, 1, 40, 40)).sum().backward()
    assert all(np.abs(p.grad.numpy()).max() > 0 for p in network.parameters())


class Average(nn.Module):
    """Averages in its forward, where no module can be seen doing it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)
        self.fc = nn.Linear(4, 2)

    def forward(self, x: mt.Tensor) -> mt.Tensor:
        return self.fc(self.conv(x).mean((2, 3)))


def test_other_models_are_refused() -> None:
    with pytest.raises(ValueError, match="what its first linear layer, fc, sees is not the map of a module, flattened: 4 numbers"):
        convolutionize(Average(), 8)
    with pytest.raises(ValueError, match="it has no convolution"):
        convolutionize(nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), 2)
    with pytest.raises(ValueError, match="it has no linear layer"):
        convolutionize(models.create("unet", width=1 / 64), 572)
    with pytest.raises(ValueError, match=r"adaptive pooling 1 makes \(2, 2\) windows of a map of \(5, 5\)"):
        convolutionize(nn.Sequential(nn.Conv2d(1, 3, 3), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(12, 2)), 7)
    with pytest.raises(ValueError, match="does not work with convolutions"):
        convolutionize(nn.Sequential(nn.Conv2d(1, 3, 3), nn.Flatten(), nn.Linear(27, 2), nn.BatchNorm1d(2)), 5)


def test_dense_prediction_is_the_mean_over_places_and_scales() -> None:
    model = made("lenet5")
    x = images(2, 1, 40, 36)
    with no_grad():
        network = convolutionize(model, 32, dense=True)
        larger = F.interpolate(x, (60, 54), mode="bilinear", antialias=True)
        views = [x, F.flip(x, [3]), larger, F.flip(larger, [3])]
        probabilities = [F.softmax(network(view), 1).numpy() for view in views]
    told = dense_predict(model, x, (1.0, 1.5), input_size=32, flip=True).numpy()
    np.testing.assert_allclose(told, np.mean([p.mean((2, 3)) for p in probabilities], 0), rtol=1e-12)
    np.testing.assert_allclose(told.sum(1), 1, rtol=1e-12)
    highest = dense_predict(network, x, (1.0, 1.5), flip=True, places="max").numpy()
    np.testing.assert_allclose(highest, np.mean([p.max((2, 3)) for p in probabilities], 0), rtol=1e-12)


def test_one_place_at_one_scale_is_the_classifier() -> None:
    model = made("lenet5")
    x = images(3, 1, 32, 32)
    told = dense_predict(model, x, input_size=32)
    assert not told.requires_grad
    np.testing.assert_allclose(told.numpy(), F.softmax(model(x), 1).numpy(), rtol=1e-12)


def test_wrong_predictions() -> None:
    model, x = made("lenet5"), images(1, 1, 40, 40)
    with pytest.raises(ValueError, match="input_size: got None"):
        dense_predict(model, x)
    with pytest.raises(ValueError, match=r"scales: got 0.5, which makes images of \(20, 20\), expected at least \(32, 32\)"):
        dense_predict(model, x, (1.0, 0.5), input_size=32)
    for scales in ((), (0,), (1, float("nan"))):
        with pytest.raises(ValueError, match=r"scales: got .*, expected at least one, and positive numbers only"):
            dense_predict(model, x, scales, input_size=32)
    with pytest.raises(ValueError, match="images: got shape"):
        dense_predict(model, x[0], input_size=32)
    with pytest.raises(ValueError, match="places: got 'median'"):
        dense_predict(model, x, input_size=32, places="median")
