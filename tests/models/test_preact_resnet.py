"""Pre-activation and wide residual networks: the clean path of the shortcuts, dropout, how many layers there are."""

import numpy as np
import pytest
import zoo

import minitorch_cv as mt
from minitorch_cv import nn
from models.preact_resnet import CifarPreActBottleneck
from models.residual_blocks import PreActBasic, PreActBlock, PreActBottleneck

BLOCKS = [(PreActBasic, 8), (PreActBottleneck, 2)]  # both with 8 channels in and out


def signed() -> mt.Tensor:
    """What comes out of a block: any numbers. (4, 8, 4, 4)"""
    mt.manual_seed(0)  # of the weights that are drawn next
    return mt.from_numpy(np.random.default_rng(0).standard_normal((4, 8, 4, 4)).astype(np.float32))


@pytest.mark.parametrize(("block", "channels"), BLOCKS)
def test_nothing_is_on_the_path_of_the_shortcut(block: type[PreActBlock], channels: int) -> None:
    """With nothing to add, a block passes on its input, negative numbers too; so it does when stochastic depth always drops."""
    x = signed()
    unit = block(8, channels)
    assert np.abs(unit(x).numpy() - x.numpy()).max() > 0.01
    nn.init.zeros_((unit.conv3 if block.expansion == 4 else unit.conv2).weight)
    np.testing.assert_array_equal(unit(x).numpy(), x.numpy())
    np.testing.assert_array_equal(block(8, channels, drop=1.0)(x).numpy(), x.numpy())


@pytest.mark.parametrize(("block", "channels"), BLOCKS)
def test_a_shortcut_that_changes_the_shape_sees_the_activated_input(block: type[PreActBlock], channels: int) -> None:
    x = signed()
    unit = block(8, channels * 2, stride=2, drop=1.0)
    expected = unit.downsample(unit.norm1(x, relu=True)).numpy()
    np.testing.assert_allclose(unit(x).numpy(), expected, atol=1e-6)
    assert expected.shape == (4, 16, 2, 2)


@pytest.mark.parametrize(("block", "channels"), BLOCKS)
def test_dropout_is_in_the_branch(block: type[PreActBlock], channels: int) -> None:
    """Where dropout takes everything, only the shortcut is left; in evaluation mode it takes nothing."""
    x = signed()
    unit = block(8, channels, dropout=1.0)
    np.testing.assert_array_equal(unit(x).numpy(), x.numpy())
    assert np.abs(unit.eval()(x).numpy() - x.numpy()).max() > 0.01


def test_where_the_stride_is() -> None:
    """In the 3x3 convolution for photographs, in the first 1x1 in the authors' networks for CIFAR."""
    photographs, cifar = PreActBottleneck(8, 4, stride=2), CifarPreActBottleneck(8, 4, stride=2)
    assert (photographs.conv1.stride, photographs.conv2.stride) == ((1, 1), (2, 2))
    assert (cifar.conv1.stride, cifar.conv2.stride) == ((2, 2), (1, 1))


@pytest.mark.parametrize(
    ("name", "layers", "shortcuts"),
    [("preact_resnet164", 164, 3), ("preact_resnet1001", 1001, 3), ("resnetv2_200", 200, 4), ("wrn_28_10", 28, 3), ("wrn_40_4", 40, 3)],
)
def test_depth(name: str, layers: int, shortcuts: int) -> None:
    """The number in the name counts convolutions and the classifier, without the shortcuts' convolutions; a wide network's, with those
    but without the classifier."""
    convolutions = [key for key, module in zoo.on_meta(name).named_modules() if isinstance(module, nn.Conv2d)]
    assert len([key for key in convolutions if "downsample" in key]) == shortcuts
    assert len(convolutions) == layers + (1 if name.startswith("wrn") else shortcuts)


def test_cifar_form() -> None:
    model = zoo.on_meta("resnetv2_50", {"cifar": True, "num_classes": 10})
    maps = model.stages(model.stem(mt.empty(1, 3, 32, 32, device="meta")))
    assert maps.shape == (1, 2048, 4, 4)
