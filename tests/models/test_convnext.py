"""ConvNeXt and RepLKNet: stochastic depth by place, first weights, forms for small images."""

import numpy as np
import pytest
import zoo

import minitorch_cv as mt
import models
from minitorch_cv import nn


@pytest.mark.parametrize(("name", "p", "layers"), [("convnext_tiny", 0.1, 18), ("convnext_large", 0.5, 36), ("replknet_31b", 0.3, 48)])
def test_stochastic_depth_grows_with_depth(name: str, p: float, layers: int) -> None:
    rates = [module.p for module in zoo.on_meta(name).modules() if isinstance(module, nn.StochasticDepth)]
    assert len(rates) == layers
    assert rates[0] == 0
    assert rates[-1] == p
    assert rates == sorted(rates)
    assert np.isclose(np.median(rates), p / 2)
    off = zoo.on_meta(name, {"stochastic_depth": 0.0})
    assert {module.p for module in off.modules() if isinstance(module, nn.StochasticDepth)} == {0.0}


def test_first_weights() -> None:
    mt.manual_seed(0)
    model = models.create("convnext_tiny", width=0.25, depth=0.1)
    block = model.features[1][0]
    assert (block.layer_scale.numpy() == np.float32(1e-6)).all()
    weights = np.concatenate([m.weight.numpy().ravel() for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear)])
    assert abs(weights.std() / 0.02 - 1) < 0.01
    assert abs(weights.mean()) < 1e-4
    # With branches of one millionth, a block is the identity at first.
    x = mt.from_numpy(np.random.default_rng(0).standard_normal((1, 24, 8, 8)).astype(np.float32))
    np.testing.assert_allclose(block.eval()(x).numpy(), x.numpy(), atol=1e-5)


@pytest.mark.parametrize("name", ["convnext_tiny", "replknet_31b", "slak_tiny"])
def test_small_images(name: str) -> None:
    model = zoo.on_meta(name, {"cifar": True, "num_classes": 10})
    stages = model.stages if name == "replknet_31b" else model.features[1::2]
    seen: list[int] = []
    for stage in stages:
        stage.register_forward_hook(lambda module, args, output: seen.append(output.shape[2]))
    assert model(mt.empty(1, 3, 32, 32, device="meta")).shape == (1, 10)
    assert seen == [16, 8, 4, 2]


def test_kernels_of_replknet_for_small_images() -> None:
    """No kernel is larger than the map and its surroundings."""
    model = zoo.on_meta("replknet_31b", {"cifar": True})
    assert [stage.blocks[0].large_kernel.lkb_origin.conv.kernel_size[0] for stage in model.stages] == [31, 15, 7, 3]
