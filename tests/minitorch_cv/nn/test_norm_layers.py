"""Normalisation layers: what sets each apart from its function."""

import numpy as np
import pytest

import minitorch_cv as mt
from minitorch_cv import functional as F
from minitorch_cv import nn
from minitorch_cv.testing import assert_close


def images(*shape: int) -> mt.Tensor:
    return mt.tensor(np.random.default_rng(0).standard_normal(shape).astype(np.float32))


def test_layer_norm_2d_is_layer_norm_of_the_channels_of_each_pixel(backend: str) -> None:
    layer, x = nn.LayerNorm2d(3, eps=1e-6), images(2, 3, 4, 5)
    with mt.no_grad():
        layer.weight.copy_(images(3))
        layer.bias.copy_(images(3) + 1)
    values = x.numpy().astype(np.float64)
    expected = (values - values.mean(1, keepdims=True)) / np.sqrt(values.var(1, keepdims=True) + 1e-6)
    expected = expected * layer.weight.numpy()[:, None, None] + layer.bias.numpy()[:, None, None]
    assert_close(layer(x), expected, 1e-6)
    assert repr(layer) == "LayerNorm2d((3,), eps=1e-06, elementwise_affine=True, bias=True)"
    with pytest.raises(ValueError, match=r"input: got shape \(3, 4, 5\), expected images"):
        layer(images(3, 4, 5))


def test_layer_norm_2d_leaves_images_in_their_memory_order() -> None:
    x = mt.tensor(images(2, 4, 5, 3).numpy().transpose(0, 3, 1, 2))
    y = nn.LayerNorm2d(3)(x)
    assert y.numpy().transpose(0, 2, 3, 1).flags.c_contiguous
    assert_close(y, nn.LayerNorm2d(3)(x.contiguous()), 1e-6)


def test_grn_is_the_identity_until_it_has_learned() -> None:
    layer, x = nn.GRN(4), images(2, 4, 3, 3)
    assert np.array_equal(layer(x).numpy(), x.numpy())
    assert list(layer.state_dict()) == ["weight", "bias"]
    assert repr(layer) == "GRN(4, eps=1e-06)"
    with mt.no_grad():
        layer.weight.copy_(images(4))
    assert_close(layer(x), F.global_response_norm(x, layer.weight, layer.bias), 0)


def test_layers_without_bias() -> None:
    for layer in (nn.LayerNorm(4, bias=False), nn.GroupNorm(2, 4, bias=False), nn.InstanceNorm2d(4, affine=True, bias=False)):
        assert list(layer.state_dict()) == ["weight"]
        assert "bias=False" in repr(layer)


class TestInstanceNorm:
    def test_running_statistics_are_used_in_evaluation_alone(self) -> None:
        layer, x = nn.InstanceNorm2d(3, momentum=1.0, track_running_stats=True), images(2, 3, 4, 4)
        normalised = layer(x).numpy()
        assert_close(layer.running_mean, x.numpy().mean((0, 2, 3)), 1e-6)
        assert_close(layer.running_var, x.numpy().var((2, 3), ddof=1).mean(0), 1e-6)
        assert abs(layer.eval()(x).numpy() - normalised).max() > 1e-3
        assert layer.num_batches_tracked.item() == 0

    def test_without_momentum_running_statistics_stay(self) -> None:
        layer = nn.InstanceNorm1d(3, momentum=None, track_running_stats=True)
        layer(images(2, 3, 4))
        assert np.array_equal(layer.running_mean.numpy(), np.zeros(3))

    def test_a_sample_alone_is_one_of_a_batch(self) -> None:
        layer, x = nn.InstanceNorm2d(3, affine=True), images(2, 3, 4, 4)
        assert_close(layer(x[1]), layer(x)[1], 0)

    def test_a_checkpoint_counts_once(self) -> None:
        layer, x = nn.InstanceNorm2d(3, track_running_stats=True), images(2, 3, 4, 4).requires_grad_()
        y = mt.autograd.checkpoint(layer, x)
        after = layer.running_mean.numpy().copy()
        y.square().sum().backward()
        assert np.array_equal(layer.running_mean.numpy(), after)

    def test_errors(self) -> None:
        with pytest.raises(ValueError, match="input: got 2 channels, expected num_features = 3"):
            nn.InstanceNorm2d(3, affine=True)(images(1, 2, 4, 4))
        with pytest.raises(ValueError, match=r"input: got shape .* expected 3 or 4 dimensions"):
            nn.InstanceNorm2d(3)(images(2, 3))
        assert nn.InstanceNorm2d(3)(images(1, 2, 4, 4)).shape == (1, 2, 4, 4)  # nothing in it belongs to three channels


def test_groups_must_divide_channels() -> None:
    with pytest.raises(ValueError, match="num_groups: got 3, expected a positive number that divides num_channels = 4"):
        nn.GroupNorm(3, 4)
    with pytest.raises(ValueError, match="normalized_shape: got"):
        nn.LayerNorm(())
