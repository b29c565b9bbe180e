"""Residual networks: forms and options that shapes, counts and golden numbers of the defaults do not show."""

import numpy as np
import pytest
import zoo

import minitorch_cv as mt
import models
from minitorch_cv import nn
from minitorch_cv.testing import assert_close
from models.residual_blocks import BasicBlock, Bottleneck, ResidualBlock
from models.resnet import ResNet

BLOCKS = [(BasicBlock, 8), (Bottleneck, 2)]  # both with 8 channels in and out


def positive() -> mt.Tensor:
    """What comes out of a block: nothing is negative. (4, 8, 4, 4)"""
    mt.manual_seed(0)  # of the weights that are drawn next
    return mt.from_numpy(np.random.default_rng(0).random((4, 8, 4, 4), np.float32))


def small(**options: object) -> nn.Module:
    return models.create("resnet18", width=0.125, num_classes=10, **options)


# --- Forms ---


def test_cifar_form() -> None:
    """A 3x3 stem and no pooling: 11,173,962 parameters, as kuangliu/pytorch-cifar counts, and maps of 32, 16, 8, 4."""
    model = zoo.on_meta("resnet18", {"cifar": True, "num_classes": 10})
    assert sum(p.numel() for p in model.parameters()) == 11_173_962
    sizes = []
    for name in ("layer1", "layer2", "layer3", "layer4"):
        model.get_submodule(name).register_forward_hook(lambda module, args, output: sizes.append(output.shape))
    model(mt.empty(1, 3, 32, 32, device="meta"))
    assert sizes == [(1, 64, 32, 32), (1, 128, 16, 16), (1, 256, 8, 8), (1, 512, 4, 4)]


def test_width_and_depth() -> None:
    model = zoo.on_meta("resnet50", {"width": 0.5, "depth": 0.5})
    assert [len(model.get_submodule(f"layer{stage}")) for stage in (1, 2, 3, 4)] == [2, 2, 3, 2]
    assert model.get_parameter("conv1.weight").shape[0] == 32
    assert model.get_parameter("fc.weight").shape[1] == 1024


def test_stride_is_in_the_3x3_convolution() -> None:
    block = Bottleneck(8, 4, stride=2)
    assert (block.conv1.stride, block.conv2.stride, block.conv3.stride) == ((1, 1), (2, 2), (1, 1))


def test_basic_blocks_have_no_groups() -> None:
    with pytest.raises(ValueError, match=r"^groups and width_per_group: got 32 and 4"):
        models.create("resnet18", groups=32, width_per_group=4)


@pytest.mark.parametrize(("option", "value"), [("width", 0), ("depth", -1), ("stochastic_depth", 1.5)])
def test_bad_options_are_named(option: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"^{option}: got {value}, expected"):
        models.create("resnet18", **{option: value})


# --- First weights ---


@pytest.mark.parametrize(("block", "channels"), BLOCKS)
def test_zero_initialised_blocks_are_their_shortcuts(block: type[ResidualBlock], channels: int) -> None:
    mt.manual_seed(0)
    model = ResNet(block, (2, 1), width=channels / 64, zero_init_residual=True)
    x = mt.from_numpy(np.random.default_rng(0).random((4, channels * block.expansion, 4, 4), np.float32))
    np.testing.assert_array_equal(model.layer1[1](x).numpy(), x.numpy())
    assert np.abs(ResNet(block, (2, 1), width=channels / 64).layer1[1](x).numpy() - x.numpy()).max() > 0.01


# --- Stochastic depth ---


def test_linear_rule() -> None:
    """Equation 4 of the paper: the probability grows linearly, and the last block has the one that was asked for."""
    drops = [module.p for module in small(stochastic_depth=0.4).modules() if isinstance(module, nn.StochasticDepth)]
    np.testing.assert_allclose(drops, 0.4 * np.arange(1, 9) / 8, rtol=1e-12)
    assert not [module for module in small().modules() if isinstance(module, nn.StochasticDepth)]


@pytest.mark.parametrize(("block", "channels"), BLOCKS)
@pytest.mark.parametrize("se", [False, True])
def test_a_block_that_is_always_dropped_is_the_identity(block: type[ResidualBlock], channels: int, se: bool) -> None:
    x = positive()
    dropped = block(8, channels, se=se, drop=1.0)
    np.testing.assert_array_equal(dropped(x).numpy(), x.numpy())
    assert np.abs(dropped.eval()(x).numpy() - x.numpy()).max() > 0.01


def test_expectation_in_training_is_the_output_in_evaluation() -> None:
    """Each image keeps its shortcut alone, or gets the branch divided by 1 - p; on average, the branch."""
    mt.manual_seed(3)
    p, N = 0.3, 4000
    block = BasicBlock(8, 8, drop=p).eval()
    x = mt.from_numpy(np.broadcast_to(10 + np.random.default_rng(0).random((1, 8, 4, 4)), (N, 8, 4, 4)).astype(np.float32))  # ReLU is idle
    with mt.autograd.no_grad():
        branch = block(x).numpy()[0] - x.numpy()[0]
        block.drop.train()
        block.training = True  # the batch norms stay in evaluation mode
        added = block(x).numpy() - x.numpy()
    assert np.abs(branch).max() > 0.01
    kept = np.abs(added).max((1, 2, 3)) > 0
    np.testing.assert_allclose(added[kept], np.broadcast_to(branch / (1 - p), added[kept].shape), atol=2e-5)
    assert kept.mean() == pytest.approx(1 - p, abs=4 * np.sqrt(p * (1 - p) / N))


def test_stochastic_depth_changes_nothing_in_evaluation() -> None:
    plain, stochastic = small().eval(), small(stochastic_depth=0.5).eval()
    stochastic.load_state_dict(plain.state_dict())
    x = mt.from_numpy(np.random.default_rng(0).standard_normal((2, 3, 32, 32)).astype(np.float32))
    with mt.autograd.no_grad():
        np.testing.assert_array_equal(stochastic(x).numpy(), plain(x).numpy())


# --- Squeeze and excitation ---


@pytest.mark.parametrize(("block", "channels"), BLOCKS)
def test_gates(block: type[ResidualBlock], channels: int) -> None:
    """An open gate changes nothing, a closed one leaves the shortcut."""
    x = positive()
    gated, plain = block(8, channels, se=True), block(8, channels)
    plain.load_state_dict({key: value for key, value in gated.state_dict().items() if "se." not in key})
    nn.init.zeros_(gated.se.fc2.weight)
    nn.init.constant_(gated.se.fc2.bias, 100.0)
    assert_close(gated(x), plain(x), 1e-6, "with open gates")
    nn.init.constant_(gated.se.fc2.bias, -100.0)
    assert_close(gated(x), x, 1e-6, "with closed gates")


@pytest.mark.parametrize(("name", "parameters"), [("resnet18", 11_779_624), ("resnet50", 28_088_024), ("resnext50_32x4d", 27_559_896)])
def test_any_resnet_takes_squeeze_and_excitation(name: str, parameters: int) -> None:
    """As many parameters as timm's seresnet18, seresnet50, seresnext50_32x4d."""
    assert sum(p.numel() for p in zoo.on_meta(name, {"se": True}).parameters()) == parameters
