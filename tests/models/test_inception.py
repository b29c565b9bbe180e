"""Inception v2 to v4, the Inception-ResNets and Xception: what the tests of all models do not see."""

import numpy as np
import pytest
import zoo

import minitorch_cv as mt
import minitorch_cv.functional as F
import models
from minitorch_cv import nn
from minitorch_cv.testing import assert_close
from models import inception_v2
from models.inception_blocks import MEAN, MEAN_INSIDE, Conv, Fork, Table
from models.inception_resnet import Residual
from models.inception_v3 import InceptionOutputs
from models.xception import Block, SeparableConv2d


def draw(*shape: int) -> mt.Tensor:
    return mt.from_numpy(np.random.default_rng(0).standard_normal(shape).astype(np.float32))


# --- Modules as tables ---


def test_table_names_and_order():
    """Attributes are named as in the table; outputs are concatenated in its order, a fork's 1x3 before its 3x1."""
    table = Table({"one": Conv(2)}, {"two": [MEAN, Conv(3)]}, {"three_1": Conv(4), "three_2": Fork(5)})
    module, channels = table.build(6, 1.0)
    assert channels == module.out_channels == 2 + 3 + 2 * 5
    weights = [key for key in module.state_dict() if key.endswith("conv.weight")]
    assert weights == ["one.conv.weight", "two.1.conv.weight", "three_1.conv.weight", "three_2a.conv.weight", "three_2b.conv.weight"]
    assert module.three_2a.conv.weight.shape == (5, 4, 1, 3)
    assert module.three_2b.conv.weight.shape == (5, 4, 3, 1)

    x = draw(2, 6, 7, 5)
    three = module.eval().three_1(x)
    parts = [module.one(x), module.two(x), module.three_2a(three), module.three_2b(three)]
    np.testing.assert_array_equal(module(x).numpy(), np.concatenate([part.numpy() for part in parts], 1))


def test_means_at_the_border():
    """Of ones: MEAN counts the zeros of the padding, MEAN_INSIDE does not."""
    ones = mt.ones(1, 1, 3, 3)
    np.testing.assert_allclose(MEAN.build(1, 1.0)[0](ones).numpy()[0, 0, 0], [4 / 9, 6 / 9, 4 / 9], rtol=1e-6)
    np.testing.assert_allclose(MEAN_INSIDE.build(1, 1.0)[0](ones).numpy()[0, 0], 1.0, rtol=1e-6)


# --- Inception v2 ---


def test_v2_maps_of_figure_5():
    found = zoo.child_shapes(zoo.on_meta("inception_v2").eval(), 1, 3, 224, 224)
    channels = {"3a": 256, "3b": 320, "3c": 576, "4a": 576, "4b": 576, "4c": 576, "4d": 576, "4e": 1024, "5a": 1024, "5b": 1024}
    sizes = {"3a": 28, "3b": 28, "3c": 14, "4a": 14, "4d": 14, "4e": 7, "5a": 7, "5b": 7}
    assert {name: found[f"inception{name}"][1] for name in channels} == channels
    assert {name: found[f"inception{name}"][2] for name in sizes} == sizes


def test_v2_as_distributed(monkeypatch: pytest.MonkeyPatch):
    """With 128 channels behind the pooling of 4c and 4d, and biases, it has the 11,295,240 parameters of the public weights."""
    for name in ("4c", "4d"):
        monkeypatch.setitem(inception_v2.MODULES, name, (*inception_v2.MODULES[name][:-1], 128))
    model = zoo.on_meta("inception_v2")
    biases = sum(layer.out_channels for layer in model.modules() if isinstance(layer, nn.Conv2d))
    assert sum(p.numel() for p in model.parameters()) + biases == 11_295_240


@pytest.mark.parametrize("size", [(63, 64), (75, 93)])
def test_v2_halves_odd_maps(size: tuple[int, int]):
    """Convolutions and pooling of a module that halves agree about the size of any map."""
    assert zoo.on_meta("inception_v2")(mt.empty(1, 3, *size, device="meta")).shape == (1, 1000)


def test_v2_squeeze_excitation():
    """Two layers after each module, of C to C/16 to C channels; a gate that is shut leaves nothing of the module before."""
    plain, se = zoo.on_meta("inception_v2"), zoo.on_meta("inception_v2", {"se": True})
    channels = [256, 320, 576, 576, 576, 576, 576, 1024, 1024, 1024]
    more = sum(2 * c * (c // 16) + c + c // 16 for c in channels)
    assert sum(p.numel() for p in se.parameters()) - sum(p.numel() for p in plain.parameters()) == more
    assert set(plain.state_dict()) < set(se.state_dict())

    model = models.create("inception_v2", num_classes=3, se=True, **models.entry("inception_v2").small).eval()
    logits = model(draw(2, 3, 64, 64)).numpy()
    assert np.ptp(logits, 0).max() > 0
    nn.init.constant_(model.inception5a_se.fc2.bias, -1e4)
    assert np.ptp(model(draw(2, 3, 64, 64)).numpy(), 0).max() == 0  # no picture gets through


# --- Inception v3, v4, and with residual connections ---


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("inception_v3", {"Conv2d_4a_3x3": (192, 71), "Mixed_5d": (288, 35), "Mixed_6e": (768, 17), "Mixed_7c": (2048, 8)}),
        ("inception_resnet_v1", {"conv2d_4b": (256, 35), "repeat": (256, 35), "repeat_1": (896, 17), "repeat_2": (1792, 8)}),
        ("inception_resnet_v2", {"mixed_5b": (320, 35), "repeat": (320, 35), "repeat_1": (1088, 17), "conv2d_7b": (1536, 8)}),
        ("xception", {"conv2": (64, 147), "block3": (728, 19), "block11": (728, 19), "block12": (1024, 10), "conv4": (2048, 10)}),
    ],
)
def test_maps_of_the_figures(name: str, expected: dict[str, tuple[int, int]]):
    found = zoo.child_shapes(zoo.on_meta(name).eval(), 1, 3, 299, 299)
    assert {part: found[part] for part in expected} == {part: (1, channels, size, size) for part, (channels, size) in expected.items()}


def test_v4_maps_of_figure_9():
    found = zoo.child_shapes(zoo.on_meta("inception_v4").eval().features, 1, 3, 299, 299)
    expected = {
        2: (64, 147), 3: (160, 73), 4: (192, 71), 5: (384, 35), 9: (384, 35), 10: (1024, 17), 17: (1024, 17), 18: (1536, 8), 21: (1536, 8),
    }  # fmt: skip
    assert {index: found[str(index)] for index in expected} == {index: (1, c, size, size) for index, (c, size) in expected.items()}


def test_v3_auxiliary_classifier():
    """On 17x17 maps, while training: at 299x299, and no less."""
    model = zoo.on_meta("inception_v3").train()
    result = model(mt.empty(2, 3, 299, 299, device="meta"))
    assert isinstance(result, InceptionOutputs)
    assert result._fields == ("logits", "aux_logits")
    assert result.aux_logits.shape == (2, 1000)
    with pytest.raises(ValueError, match="kernel"):
        model(mt.empty(2, 3, 128, 128, device="meta"))
    assert model.eval()(mt.empty(2, 3, 128, 128, device="meta")).shape == (2, 1000)


@pytest.mark.parametrize("relu", [True, False])
def test_residual_module(relu: bool):
    """x + scale * conv2d(branches), with a ReLU or without."""
    mt.manual_seed(0)
    module, channels = Residual(Table({"branch0": Conv(3)}, {"branch1": [Conv(2), Conv(4, 3)]}), 0.25, relu=relu).build(5, 1.0)
    assert channels == 5
    x = draw(2, 5, 6, 6)
    branches = F.cat([module.eval().branch0(x), module.branch1(x)], 1)
    expected = x.numpy() + 0.25 * module.conv2d(branches).numpy()
    assert (expected < 0).any()
    assert_close(module(x), np.maximum(expected, 0) if relu else expected, 1e-6, "output")


def test_resnet_modules_and_factors():
    """The paper's 5, 10 and 5 modules, the release's 10, 20 and 10; the last one of v2 is neither scaled nor rectified."""
    for name, counts in (("inception_resnet_v1", (5, 10, 5)), ("inception_resnet_v2", (10, 20, 9))):
        model = zoo.on_meta(name)
        assert tuple(len(rows) for rows in (model.repeat, model.repeat_1, model.repeat_2)) == counts
        assert {(module.scale, module.relu) for rows in (model.repeat, model.repeat_1, model.repeat_2) for module in rows} == {
            (0.17, True), (0.10, True), (0.20, True)
        }  # fmt: skip
    assert (model.block8.scale, model.block8.relu) == (1.0, False)


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("inception_v3", "Mixed_5b", "Mixed_7c"),
        ("inception_resnet_v1", "repeat", "repeat_2"),
        ("inception_resnet_v2", "mixed_5b", "repeat_2"),
    ],
)
def test_small_images(name: str, first: str, last: str):
    """For 32x32 the modules see maps of 32x32, 15x15 and 7x7, in place of 35x35, 17x17 and 8x8."""
    options = {"cifar": True, "num_classes": 10, **({"aux_logits": False} if name == "inception_v3" else {})}
    found = zoo.child_shapes(zoo.on_meta(name, options), 1, 3, 32, 32)
    assert (found[first][2:], found[last][2:]) == ((32, 32), (7, 7))


# --- Xception ---


def test_separable_convolution_is_cheap():
    """Depthwise and pointwise cost 1/OC + 1/9 of a 3x3 convolution (counted without padding's savings)."""
    with mt.device("meta"):
        separable, standard = SeparableConv2d(728, 728), nn.Conv2d(728, 728, 3, padding=1, bias=False)
    assert zoo.count_macs(separable, (1, 728, 19, 19)) / zoo.count_macs(standard, (1, 728, 19, 19)) == pytest.approx(1 / 728 + 1 / 9)


def test_xception_shortcut_sees_negative_values():
    """The shortcut takes the input from before the block's first ReLU: where the block adds nothing, all of it comes out."""
    block = Block(4, (4, 4, 4), halves=False).eval()
    nn.init.zeros_(block.rep[8].weight)
    x = draw(2, 4, 5, 5)
    np.testing.assert_array_equal(block(x).numpy(), x.numpy())


def test_xception_small_images():
    found = zoo.child_shapes(zoo.on_meta("xception", {"cifar": True, "num_classes": 10}), 1, 3, 32, 32)
    assert [found[name][2] for name in ("conv1", "conv2", "block1", "block3", "block11", "block12")] == [32, 32, 16, 4, 4, 2]
