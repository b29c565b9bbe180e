"""Layers: what no other layer has, and what their functions do not know; what holds for all of them is in test_layer_table.py."""

import copy

import numpy as np
import pytest

import minitorch_cv as mt
from minitorch_cv import functional as F
from minitorch_cv import nn
from minitorch_cv.testing import assert_close


def images(*shape: int) -> mt.Tensor:
    return mt.tensor(np.random.default_rng(0).standard_normal(shape).astype(np.float32))


TEXTS = [
    (nn.Conv2d(4, 6, 3), "Conv2d(4, 6, kernel_size=(3, 3), stride=(1, 1))"),
    (
        nn.Conv2d(4, 6, (3, 1), 2, (1, 0), (1, 2), 2, bias=False),
        "Conv2d(4, 6, kernel_size=(3, 1), stride=(2, 2), padding=(1, 0), dilation=(1, 2), groups=2, bias=False)",
    ),
    (
        nn.Conv2d(4, 6, 3, padding="same", padding_mode="reflect"),
        "Conv2d(4, 6, kernel_size=(3, 3), stride=(1, 1), padding=same, padding_mode=reflect)",
    ),
    (
        nn.ConvTranspose2d(4, 6, 3, 2, 1, 1, groups=2),
        "ConvTranspose2d(4, 6, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1), output_padding=(1, 1), groups=2)",
    ),
    (nn.Linear(5, 3), "Linear(in_features=5, out_features=3, bias=True)"),
    (nn.BatchNorm2d(4), "BatchNorm2d(4, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)"),
    (nn.LayerNorm(6, bias=False), "LayerNorm((6,), eps=1e-05, elementwise_affine=True, bias=False)"),
    (nn.MaxPool2d(3, 2, 1, ceil_mode=True), "MaxPool2d(kernel_size=3, stride=2, padding=1, dilation=1, ceil_mode=True)"),
    (nn.Upsample(scale_factor=2, mode="bicubic"), "Upsample(scale_factor=2.0, mode='bicubic')"),
    (nn.ReflectionPad2d(1), "ReflectionPad2d((1, 1, 1, 1))"),
    (nn.LeakyReLU(0.3, True), "LeakyReLU(negative_slope=0.3, inplace=True)"),
    (nn.Hardshrink(0.7), "Hardshrink(0.7)"),
    (nn.CosineSimilarity(), "CosineSimilarity()"),
    (nn.Identity(1, x=2), "Identity()"),
]


def test_texts() -> None:
    """A few of them by hand; that all are PyTorch's is checked where that is installed."""
    for layer, text in TEXTS:
        assert repr(layer) == text


class TestConv2d:
    def test_computes_the_function(self) -> None:
        layer, x = nn.Conv2d(2, 4, 3, stride=2, padding=1, dilation=2, groups=2), images(1, 2, 9, 9)
        assert_close(layer(x), F.conv2d(x, layer.weight, layer.bias, 2, 1, 2, 2), 0)
        assert layer.weight.shape == (4, 1, 3, 3)
        assert nn.Conv2d(2, 4, 3, dtype=np.float64).weight.dtype == np.float64

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"in_channels": 0}, "in_channels: got 0"),
            ({"groups": 4}, "groups: got 4, expected a positive integer that divides in_channels = 6"),
            ({"groups": 3}, "groups: got 3, expected a positive integer that divides out_channels = 8"),
            ({"groups": 0}, "groups: got 0"),
            ({"kernel_size": 0}, "kernel_size: got 0"),
            ({"stride": (1, 2, 3)}, "stride: got"),
            ({"padding": -1}, "padding: got -1"),
            ({"padding": "half"}, "padding: got 'half'"),
            ({"padding": "same", "stride": 2}, "padding: got 'same'"),
            ({"padding_mode": "mirror"}, "padding_mode: got 'mirror', expected 'zeros' or 'reflect' or 'replicate' or 'circular'"),
        ],
    )
    def test_errors(self, arguments: dict, message: str) -> None:
        with pytest.raises(ValueError, match=message):
            nn.Conv2d(**{"in_channels": 6, "out_channels": 8, "kernel_size": 3} | arguments)


class TestBatchNorm:
    def test_statistics_follow_and_evaluation_uses_them(self) -> None:
        layer, x = nn.BatchNorm2d(3, momentum=0.5), images(4, 3, 5, 5)
        layer(x)
        mean, var = x.numpy().mean((0, 2, 3)), x.numpy().var((0, 2, 3), ddof=1)
        assert_close(layer.running_mean, 0.5 * mean, 1e-6)
        assert_close(layer.running_var, 0.5 + 0.5 * var, 1e-6)
        assert layer.num_batches_tracked.item() == 1
        before = {name: value.numpy().copy() for name, value in layer.state_dict().items()}
        y = layer.eval()(x)
        expected = (x.numpy() - before["running_mean"].reshape(-1, 1, 1)) / np.sqrt(before["running_var"].reshape(-1, 1, 1) + 1e-5)
        assert_close(y, expected, 1e-6)
        assert all(np.array_equal(before[name], value.numpy()) for name, value in layer.state_dict().items())

    def test_no_momentum_is_the_plain_average(self) -> None:
        layer, batches = nn.BatchNorm1d(2, momentum=None), [images(5, 2) * float(i) for i in range(1, 4)]
        for x in batches:
            layer(x)
        assert_close(layer.running_mean, np.mean([x.numpy().mean(0) for x in batches], axis=0), 1e-6)
        assert_close(layer.running_var, np.mean([x.numpy().var(0, ddof=1) for x in batches], axis=0), 1e-6)

    def test_without_statistics_evaluation_takes_those_of_the_batch(self) -> None:
        layer, x = nn.BatchNorm1d(2, track_running_stats=False), images(5, 2)
        assert_close(layer.eval()(x), layer.train()(x), 0)
        assert layer.running_mean is None

    def test_fused(self) -> None:
        layer, x, residual = nn.BatchNorm2d(3), images(2, 3, 4, 4), images(2, 3, 4, 4) * 0.5
        twin = copy.deepcopy(layer)
        assert_close(layer(x, residual=residual, relu=True), F.relu(twin(x) + residual), 1e-6)
        assert_close(layer.running_mean, twin.running_mean, 0)

    def test_frozen_parameters(self) -> None:
        layer = nn.BatchNorm2d(3).requires_grad_(False)
        x = images(2, 3, 4, 4).requires_grad_()
        (layer(x) * images(2, 3, 4, 4)).sum().backward()
        assert x.grad is not None
        assert layer.weight.grad is None

    def test_checkpoint_counts_a_batch_once(self) -> None:
        layer, x = nn.BatchNorm1d(2), images(5, 2).requires_grad_()
        mt.autograd.checkpoint(layer, x).sum().backward()
        assert layer.num_batches_tracked.item() == 1

    def test_errors(self) -> None:
        with pytest.raises(ValueError, match="input: got 2 channels, expected num_features = 3"):
            nn.BatchNorm2d(3)(images(1, 2, 4, 4))
        with pytest.raises(ValueError, match=r"input: got shape \(2, 3\), expected 4 dimensions"):
            nn.BatchNorm2d(3)(images(2, 3))
        with pytest.raises(ValueError, match="expected 2 or 3 dimensions"):
            nn.BatchNorm1d(3)(images(1, 3, 4, 4))
        layer = nn.BatchNorm1d(3)
        with pytest.raises(ValueError, match="more than one value per channel"):
            layer(images(1, 3))
        assert layer.num_batches_tracked.item() == 0  # a batch that failed does not count


def test_flatten_is_in_channel_order() -> None:
    """Channels-last in memory or not, the elements come in C, H, W order: weights are interchangeable with PyTorch's."""
    x = np.arange(24.0).reshape(1, 2, 3, 4)
    last = mt.from_numpy(np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2))
    assert nn.Flatten()(last).numpy().tolist() == [list(range(24))]


class TestWindows:
    def test_unpooling_undoes_pooling(self) -> None:
        x = images(2, 3, 6, 7)
        y, indices = nn.MaxPool2d(2, return_indices=True)(x)
        back = nn.MaxUnpool2d(2)(y, indices, output_size=x.shape)
        assert back.shape == x.shape
        assert repr(nn.MaxUnpool2d(2)) == "MaxUnpool2d(kernel_size=(2, 2), stride=(2, 2), padding=(0, 0))"
        assert_close(nn.MaxPool2d(2)(F.where(back == 0, -9.0, back)), y, 0)
        assert_close(back.sum(), y.sum(), 1e-6)

    def test_adaptive_indices(self) -> None:
        y, indices = nn.AdaptiveMaxPool2d(1, return_indices=True)(images(2, 3, 4, 5))
        assert_close(images(2, 3, 4, 5).reshape(2, 3, 20).gather(2, indices.reshape(2, 3, 1)).reshape(2, 3, 1, 1), y, 0)

    def test_errors(self) -> None:
        with pytest.raises(ValueError, match=r"padding: got \(1, 2\), expected an integer, or four"):
            nn.ZeroPad2d((1, 2))
        with pytest.raises(ValueError, match="padding_mode: got 'reflect', expected 'zeros'"):
            nn.ConvTranspose2d(2, 2, 3, padding_mode="reflect")


class TestTransposedToASize:
    """A convolution with stride brings several sizes to one; the transposed one is told which of them to go back to."""

    def test_any_size_that_the_convolution_began_with(self) -> None:
        down, up = nn.Conv2d(2, 3, (3, 2), (2, 3), padding=1), nn.ConvTranspose2d(3, 2, (3, 2), (2, 3), padding=1)
        for size in ((5, 4), (6, 6)):
            x = images(1, 2, *size)
            y = down(x)
            assert up(y, output_size=size).shape == up(y, x.shape).shape == x.shape

    def test_others_are_errors(self) -> None:
        up, y = nn.ConvTranspose2d(1, 1, 3, stride=2), images(1, 1, 3, 3)
        assert up(y).shape == (1, 1, 7, 7)
        with pytest.raises(ValueError, match=r"output_size: got \(9, 7\), expected from \(7, 7\) to \(8, 8\)"):
            up(y, output_size=(9, 7))
        with pytest.raises(ValueError, match=r"output_size: got \(7,\)"):
            up(y, output_size=(7,))


def test_padding_of_any_kind_surrounds_the_same_image() -> None:
    """Away from the border, the kind of padding makes no difference: it puts the image into the same place."""
    zeros, x = nn.Conv2d(1, 1, (4, 2), padding="same"), images(1, 1, 9, 9)
    for mode in ("reflect", "replicate", "circular"):
        other = nn.Conv2d(1, 1, (4, 2), padding="same", padding_mode=mode)
        other.load_state_dict(zeros.state_dict())
        assert_close(other(x)[..., 2:-2, 1:-1], zeros(x)[..., 2:-2, 1:-1], 1e-6)
        assert abs(other(x).numpy() - zeros(x).numpy()).max() > 0.01
