"""AlexNet's three forms: groups, normalisation, first weights, and the count of the one with batch norm."""

import numpy as np
import zoo

import minitorch_cv as mt
import models
from minitorch_cv import nn
from minitorch_cv.testing import assert_close


def parameters(name: str, **options: object) -> int:
    return sum(p.numel() for p in zoo.on_meta(name, options).parameters())


def test_count_with_batch_norm_at_ten_classes() -> None:
    """Convolutions with biases 3,747,200, batch norm 2,752, linear layers 54,575,114."""
    assert parameters("alexnet_bn", num_classes=10) == 58_325_066


def test_forms_for_cifar() -> None:
    """2.47 million parameters: the convolutions of torchvision's form and one linear layer of 256 inputs."""
    assert parameters("alexnet", num_classes=10, cifar=True) == 2_469_696 + 2_570
    assert len(list(zoo.on_meta("alexnet", {"cifar": True}).classifier.parameters())) == 2


def test_groups_are_apart() -> None:
    """In the second, fourth and fifth convolution half the maps see half the maps; in the third all see all."""
    mt.manual_seed(0)
    model = models.create("alexnet_original", width=1 / 16)
    groups = [layer.groups for layer in model.features if isinstance(layer, nn.Conv2d)]
    assert groups == [1, 2, 1, 2, 2]
    second = model.features[4]
    x = mt.from_numpy(np.random.default_rng(0).standard_normal((1, second.in_channels, 5, 5)).astype(np.float32))
    half = second.out_channels // 2
    before = second(x).detach().numpy().copy()
    x[:, : second.in_channels // 2] = 0.0
    after = second(x).detach().numpy()
    assert (before[:, :half] != after[:, :half]).all()
    np.testing.assert_array_equal(before[:, half:], after[:, half:])


def test_response_normalisation_is_the_papers() -> None:
    """Section 3.3: divided by (2 + 1e-4 * the sum of squares over five neighbouring maps) ^ 0.75."""
    layers = [layer for layer in models.create("alexnet_original", width=1 / 16).features if isinstance(layer, nn.LocalResponseNorm)]
    assert len(layers) == 2
    x = 50 * np.random.default_rng(1).standard_normal((2, 7, 3, 3))
    expected = np.empty_like(x)
    for c in range(7):
        neighbours = x[:, max(0, c - 2) : c + 3]
        expected[:, c] = x[:, c] / (2 + 1e-4 * (neighbours**2).sum(1)) ** 0.75
    assert_close(layers[0](mt.from_numpy(x)), expected, 1e-12, "normalised")


def test_first_weights_keep_the_signal() -> None:
    """He's: with the standard deviation of 0.01 of 2012, logits of different images differ by less than a millionth."""
    mt.manual_seed(0)
    model = models.create("alexnet_original", cifar=True, width=1 / 4).eval()
    logits = model(mt.from_numpy(np.random.default_rng(0).standard_normal((8, 3, 32, 32)).astype(np.float32))).detach().numpy()
    assert logits.std(0).mean() > 1e-3
