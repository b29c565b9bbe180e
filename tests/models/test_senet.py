"""Squeeze-and-excitation networks: what the paper says they cost, and what SENet-154 changes in a ResNeXt."""

import numpy as np
import pytest
import zoo

import minitorch_cv as mt
import models
from minitorch_cv import nn
from models.blocks import SqueezeExcitation


@pytest.mark.parametrize(("gated", "plain"), [("seresnet50", "resnet50"), ("se_inception", "inception_v2"), ("seresnet20", "resnet20")])
def test_cost(gated: str, plain: str) -> None:
    """From a module's C channels to S, a sixteenth, and back: C (2S + 1) + S parameters. Under a tenth more, and next to no work."""
    model = zoo.on_meta(gated)
    added = 0
    for module in model.modules():
        if isinstance(module, SqueezeExcitation):
            squeezed, channels = module.fc1.weight.shape[:2]
            assert squeezed == max(channels / 16, 8)
            added += channels * (2 * squeezed + 1) + squeezed
    assert added == models.entry(gated).parameters - models.entry(plain).parameters
    assert added < 0.1 * models.entry(plain).parameters
    assert models.entry(gated).macs < 1.001 * models.entry(plain).macs


def test_gates_depend_on_the_image() -> None:
    mt.manual_seed(0)
    module = SqueezeExcitation(16, 8)
    x = np.random.default_rng(0).standard_normal((2, 16, 4, 4)).astype(np.float32)
    ratio = module(mt.from_numpy(x)).numpy() / x  # (2, 16, 4, 4): one gate for each channel of each image
    np.testing.assert_allclose(ratio, np.broadcast_to(ratio[:, :, :1, :1], ratio.shape), rtol=1e-5)
    assert ratio.min() > 0
    assert ratio.max() < 1
    assert np.abs(ratio[0, :, 0, 0] - ratio[1, :, 0, 0]).max() > 0.01


def test_senet154() -> None:
    """Half as many channels before the grouped convolution; 3x3 shortcuts where the resolution halves; dropout; a stem of three."""
    model = zoo.on_meta("senet154")
    for stage, size in (1, 1), (2, 3), (3, 3), (4, 3):
        block = model.get_submodule(f"layer{stage}.0")
        assert block.conv2.weight.shape[0] == 2 * block.conv1.weight.shape[0] == 2**stage * 128
        assert block.conv2.groups == 64
        assert block.downsample[0].kernel_size == (size, size)
    assert [module.kernel_size for module in model.conv1 if isinstance(module, nn.Conv2d)] == [(3, 3)] * 3
    assert model.conv1(mt.empty(1, 3, 224, 224, device="meta")).shape == (1, 128, 112, 112)
    assert [module.p for module in model.modules() if isinstance(module, nn.Dropout)] == [0.2]
