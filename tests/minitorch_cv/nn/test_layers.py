"""Layers: that they call their function with their options, their state, their text, their errors."""

import copy

import numpy as np
import pytest
from checks import assert_close

import minitorch_cv as mt
from minitorch_cv import functional as F
from minitorch_cv import nn


def images(*shape: int) -> mt.Tensor:
    return mt.tensor(np.random.default_rng(0).standard_normal(shape).astype(np.float32))


LAYERS = [
    # (layer, shape of the input, shape of the output, keys of the state, text)
    (nn.Conv2d(4, 6, 3), (2, 4, 5, 6), (2, 6, 3, 4), ["weight", "bias"], "Conv2d(4, 6, kernel_size=(3, 3), stride=(1, 1))"),
    (
        nn.Conv2d(4, 6, (3, 1), 2, (1, 0), (1, 2), 2, bias=False), (2, 4, 5, 6), (2, 6, 3, 3), ["weight"],
        "Conv2d(4, 6, kernel_size=(3, 1), stride=(2, 2), padding=(1, 0), dilation=(1, 2), groups=2, bias=False)",
    ),
    (
        nn.Conv2d(4, 4, 4, padding="same"), (4, 5, 6), (4, 5, 6), ["weight", "bias"],
        "Conv2d(4, 4, kernel_size=(4, 4), stride=(1, 1), padding=same)",
    ),
    (
        nn.ConvTranspose2d(4, 6, 3, 2, 1, 1, groups=2), (2, 4, 5, 6), (2, 6, 10, 12), ["weight", "bias"],
        "ConvTranspose2d(4, 6, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1), output_padding=(1, 1), groups=2)",
    ),
    (nn.Linear(5, 3), (2, 4, 5), (2, 4, 3), ["weight", "bias"], "Linear(in_features=5, out_features=3, bias=True)"),
    (
        nn.BatchNorm2d(4), (2, 4, 5, 6), (2, 4, 5, 6), ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"],
        "BatchNorm2d(4, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)",
    ),
    (
        nn.BatchNorm1d(4, 1e-3, None, affine=False, track_running_stats=False), (3, 4), (3, 4), [],
        "BatchNorm1d(4, eps=0.001, momentum=None, affine=False, bias=False, track_running_stats=False)",
    ),
    (
        nn.BatchNorm3d(4, affine=False), (2, 4, 2, 3, 3), (2, 4, 2, 3, 3), ["running_mean", "running_var", "num_batches_tracked"],
        "BatchNorm3d(4, eps=1e-05, momentum=0.1, affine=False, bias=False, track_running_stats=True)",
    ),
    (
        nn.InstanceNorm1d(4), (2, 4, 5), (2, 4, 5), [],
        "InstanceNorm1d(4, eps=1e-05, momentum=0.1, affine=False, bias=False, track_running_stats=False)",
    ),
    (
        nn.InstanceNorm2d(4, momentum=0.3, affine=True, track_running_stats=True), (2, 4, 5, 6), (2, 4, 5, 6),
        ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"],
        "InstanceNorm2d(4, eps=1e-05, momentum=0.3, affine=True, bias=True, track_running_stats=True)",
    ),
    (
        nn.InstanceNorm3d(4, affine=True), (4, 2, 3, 3), (4, 2, 3, 3), ["weight", "bias"],
        "InstanceNorm3d(4, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=False)",
    ),
    (nn.GroupNorm(2, 4), (2, 4, 5, 6), (2, 4, 5, 6), ["weight", "bias"], "GroupNorm(2, 4, eps=1e-05, affine=True, bias=True)"),
    (
        nn.LayerNorm((5, 6), eps=1e-6), (2, 4, 5, 6), (2, 4, 5, 6), ["weight", "bias"],
        "LayerNorm((5, 6), eps=1e-06, elementwise_affine=True, bias=True)",
    ),
    (
        nn.LayerNorm(6, elementwise_affine=False), (2, 6), (2, 6), [],
        "LayerNorm((6,), eps=1e-05, elementwise_affine=False, bias=False)",
    ),
    (nn.RMSNorm(6), (2, 4, 6), (2, 4, 6), ["weight"], "RMSNorm((6,), eps=None, elementwise_affine=True)"),
    (nn.LocalResponseNorm(5, k=2.0), (2, 8, 3, 3), (2, 8, 3, 3), [], "LocalResponseNorm(5, alpha=0.0001, beta=0.75, k=2.0)"),
    (
        nn.MaxPool2d(3, 2, 1, 1, ceil_mode=True), (2, 4, 6, 6), (2, 4, 4, 4), [],
        "MaxPool2d(kernel_size=3, stride=2, padding=1, dilation=1, ceil_mode=True)",
    ),
    (nn.AvgPool2d(2), (2, 4, 6, 6), (2, 4, 3, 3), [], "AvgPool2d(kernel_size=2, stride=2, padding=0)"),
    (nn.AdaptiveAvgPool2d(1), (2, 4, 6, 6), (2, 4, 1, 1), [], "AdaptiveAvgPool2d(output_size=1)"),
    (nn.AdaptiveAvgPool2d((3, None)), (2, 4, 5, 6), (2, 4, 3, 6), [], "AdaptiveAvgPool2d(output_size=(3, None))"),
    (nn.AdaptiveMaxPool2d(2), (2, 4, 5, 6), (2, 4, 2, 2), [], "AdaptiveMaxPool2d(output_size=2)"),
    (nn.LPPool2d(2, 3, 1), (2, 4, 5, 6), (2, 4, 3, 4), [], "LPPool2d(norm_type=2, kernel_size=3, stride=1, ceil_mode=False)"),
    (nn.Upsample((7, 9)), (2, 4, 5, 6), (2, 4, 7, 9), [], "Upsample(size=(7, 9), mode='nearest')"),
    (nn.Upsample(scale_factor=2, mode="bicubic"), (2, 4, 5, 6), (2, 4, 10, 12), [], "Upsample(scale_factor=2.0, mode='bicubic')"),
    (nn.PixelShuffle(2), (2, 4, 5, 6), (2, 1, 10, 12), [], "PixelShuffle(upscale_factor=2)"),
    (nn.PixelUnshuffle(3), (2, 4, 3, 6), (2, 36, 1, 2), [], "PixelUnshuffle(downscale_factor=3)"),
    (nn.ChannelShuffle(2), (2, 4, 5, 6), (2, 4, 5, 6), [], "ChannelShuffle(groups=2)"),
    (nn.ZeroPad2d(1), (2, 4, 5, 6), (2, 4, 7, 8), [], "ZeroPad2d((1, 1, 1, 1))"),
    (nn.ConstantPad2d((1, 0, 2, -1), 3.5), (2, 4, 5, 6), (2, 4, 6, 7), [], "ConstantPad2d(padding=(1, 0, 2, -1), value=3.5)"),
    (nn.ReflectionPad2d((3, 1, 0, 2)), (2, 4, 5, 6), (2, 4, 7, 10), [], "ReflectionPad2d((3, 1, 0, 2))"),
    (nn.ReplicationPad2d(2), (2, 4, 5, 6), (2, 4, 9, 10), [], "ReplicationPad2d((2, 2, 2, 2))"),
    (nn.CircularPad2d((0, 6, 5, 0)), (2, 4, 5, 6), (2, 4, 10, 12), [], "CircularPad2d((0, 6, 5, 0))"),
    (nn.Unfold((2, 3), stride=2), (2, 4, 5, 6), (2, 24, 4), [], "Unfold(kernel_size=(2, 3), dilation=1, padding=0, stride=2)"),
    (
        nn.Fold((5, 6), (2, 3), padding=1), (2, 12, 36), (2, 2, 5, 6), [],
        "Fold(output_size=(5, 6), kernel_size=(2, 3), dilation=1, padding=1, stride=1)",
    ),
    (
        nn.Conv2d(4, 6, 3, 2, (1, 2), padding_mode="reflect"), (2, 4, 5, 6), (2, 6, 3, 4), ["weight", "bias"],
        "Conv2d(4, 6, kernel_size=(3, 3), stride=(2, 2), padding=(1, 2), padding_mode=reflect)",
    ),
    (
        nn.Conv2d(4, 6, (2, 3), padding="same", dilation=(1, 2), bias=False, padding_mode="circular"), (2, 4, 5, 6), (2, 6, 5, 6),
        ["weight"], "Conv2d(4, 6, kernel_size=(2, 3), stride=(1, 1), padding=same, dilation=(1, 2), bias=False, padding_mode=circular)",
    ),
    (nn.ReLU(inplace=True), (2, 3), (2, 3), [], "ReLU(inplace=True)"),
    (nn.Tanh(), (2, 3), (2, 3), [], "Tanh()"),
    (nn.Softmax(dim=1), (2, 3), (2, 3), [], "Softmax(dim=1)"),
    (nn.Flatten(), (2, 3, 4, 5), (2, 60), [], "Flatten(start_dim=1, end_dim=-1)"),
    (nn.Dropout(0.2), (2, 3), (2, 3), [], "Dropout(p=0.2, inplace=False)"),
    (nn.Identity(1, x=2), (2, 3), (2, 3), [], "Identity()"),
]  # fmt: skip


@pytest.mark.parametrize(("layer", "shape", "out_shape", "keys", "text"), LAYERS, ids=[type(entry[0]).__name__ for entry in LAYERS])
def test_layer(layer: nn.Module, shape: tuple, out_shape: tuple, keys: list[str], text: str) -> None:
    y = layer(images(*shape))
    assert y.shape == out_shape
    assert y.dtype == np.float32
    assert list(layer.state_dict()) == keys
    assert repr(layer) == text
    twin = copy.deepcopy(layer)
    twin.load_state_dict(layer.state_dict())
    assert_close(twin.eval()(images(*shape)), layer.eval()(images(*shape)), 0)


@pytest.mark.full
@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize(("layer", "shape"), [entry[:2] for entry in LAYERS], ids=[type(entry[0]).__name__ for entry in LAYERS])
def test_layer_against_torch(layer: nn.Module, shape: tuple) -> None:
    """The same text makes PyTorch's layer, which takes the same state and computes the same: values, gradients, and running statistics."""
    torch = pytest.importorskip("torch")
    layer = copy.deepcopy(layer).train(not isinstance(layer, nn.Dropout))
    source = repr(layer)
    names = {"torch": torch} | {word: word for word in ("same", "reflect", "circular")}
    theirs = eval(f"torch.nn.{source}", names) if "Identity" not in source else torch.nn.Identity()
    assert repr(theirs) == source
    theirs.train(layer.training)
    theirs.load_state_dict({name: torch.tensor(value.numpy()) for name, value in layer.state_dict().items()})
    x = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    a, b = mt.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    ya, yb = layer(a), theirs(b.clone())  # PyTorch does not change a leaf in place
    assert_close(ya, yb.detach(), 1e-5)
    gy = np.random.default_rng(2).standard_normal(ya.shape).astype(np.float32)
    ya.backward(mt.tensor(gy))
    yb.backward(torch.tensor(gy))
    assert_close(a.grad, b.grad, 1e-5)
    for (name, p), q in zip(layer.named_parameters(), theirs.parameters(), strict=True):
        assert_close(p.grad, q.grad, 1e-5, name)
    for name, value in theirs.state_dict().items():
        assert_close(layer.state_dict()[name], value, 1e-6, name)


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


def test_pooling_passes_every_option() -> None:
    x = images(1, 2, 7, 7)
    assert_close(nn.MaxPool2d(3, 2, 1, 2, ceil_mode=True)(x), F.max_pool2d(x, 3, 2, 1, 2, True), 0)
    assert_close(nn.AvgPool2d(3, 2, 1, True, False)(x), F.avg_pool2d(x, 3, 2, 1, True, False), 0)
    assert_close(nn.AvgPool2d(3, 2, 1, divisor_override=5)(x), F.avg_pool2d(x, 3, 2, 1, divisor_override=5), 0)
    assert_close(nn.AvgPool2d(3)(x), F.avg_pool2d(x, 3, 3), 0)


def test_max_pool_with_indices() -> None:
    x = images(1, 2, 4, 4)
    y, indices = nn.MaxPool2d(2, return_indices=True)(x)
    assert_close(y, F.max_pool2d(x, 2), 0)
    assert indices.shape == y.shape


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

    def test_upsampling_layers(self) -> None:
        x = images(1, 2, 3, 3)
        assert_close(nn.UpsamplingNearest2d(scale_factor=2)(x), F.interpolate(x, 6), 0)
        assert_close(nn.UpsamplingBilinear2d(5)(x), F.interpolate(x, 5, mode="bilinear", align_corners=True), 0)

    def test_adaptive_indices(self) -> None:
        y, indices = nn.AdaptiveMaxPool2d(1, return_indices=True)(images(2, 3, 4, 5))
        assert_close(images(2, 3, 4, 5).reshape(2, 3, 20).gather(2, indices.reshape(2, 3, 1)).reshape(2, 3, 1, 1), y, 0)

    def test_errors(self) -> None:
        with pytest.raises(ValueError, match=r"padding: got \(1, 2\), expected an integer, or four"):
            nn.ZeroPad2d((1, 2))
        with pytest.raises(ValueError, match="padding_mode: got 'reflect', expected 'zeros'"):
            nn.ConvTranspose2d(2, 2, 3, padding_mode="reflect")
