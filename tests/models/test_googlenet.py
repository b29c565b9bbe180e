"""GoogLeNet and its naive form: what the tests of all models do not see."""

import numpy as np
import pytest
import zoo

import minitorch_cv as mt
import models
from minitorch_cv import nn
from minitorch_cv.testing import assert_close
from models.googlenet import GoogLeNetOutputs, naive, reduced

MEAN, STD = np.array([0.485, 0.456, 0.406]).reshape(1, 3, 1, 1), np.array([0.229, 0.224, 0.225]).reshape(1, 3, 1, 1)


def test_maps_of_table_1():
    """The output sizes of the paper's table 1."""
    found = zoo.child_shapes(zoo.on_meta("googlenet").eval(), 1, 3, 224, 224)
    expected = {
        "conv1": (64, 112), "maxpool1": (64, 56), "conv3": (192, 56), "maxpool2": (192, 28),
        "inception3a": (256, 28), "inception3b": (480, 28), "maxpool3": (480, 14),
        "inception4a": (512, 14), "inception4b": (512, 14), "inception4c": (512, 14), "inception4d": (528, 14), "inception4e": (832, 14),
        "maxpool4": (832, 7), "inception5a": (832, 7), "inception5b": (1024, 7), "fc": (1000,),
    }  # fmt: skip
    for name, (channels, *size) in expected.items():
        assert found[name] == (1, channels, *size * 2), name


def test_reduction_pays():
    """One module on 256 x 28 x 28, with 128, 192 and 96 channels: 854 million multiply-adds before reduction, a third with it."""
    with mt.device("meta"):
        before, channels = naive(128, 64, 192, 64, 96, 64).build(256, 1.0)
        after, _ = reduced(128, 64, 192, 64, 96, 64).build(256, 1.0)
    assert channels == 128 + 192 + 96 + 256
    assert zoo.count_macs(before, (1, 256, 28, 28)) == 28 * 28 * 256 * (128 + 192 * 9 + 96 * 25) == 854_196_224
    assert zoo.count_macs(after, (1, 256, 28, 28)) < 854_196_224 / 3


def test_naive_network_explodes():
    """Channels that are never reduced grow from module to module, and the cost with them."""
    model = zoo.on_meta("inception_naive", {"aux_logits": False}).eval()
    found = zoo.child_shapes(model, 1, 3, 224, 224)
    assert [found[name][1] for name in ("inception3b", "inception4e", "inception5b")] == [832, 3344, 4944]
    assert zoo.count_macs(model, (1, 3, 224, 224)) > 8 * models.entry("googlenet").macs
    assert sum(p.numel() for p in model.parameters()) > 14 * 6_624_904


def test_auxiliary_classifiers():
    """They see the maps of 4a and 4d, only while training, and their order in the result is torchvision's."""
    model = zoo.on_meta("googlenet")
    assert (model.aux1.conv.conv.in_channels, model.aux2.conv.conv.in_channels) == (512, 528)
    images = mt.empty(2, 3, 224, 224, device="meta")
    result = model.train()(images)
    assert isinstance(result, GoogLeNetOutputs)
    assert result._fields == ("logits", "aux_logits2", "aux_logits1")
    assert isinstance(model.eval()(images), mt.Tensor)
    assert isinstance(zoo.on_meta("googlenet", {"aux_logits": False}).train()(images), mt.Tensor)

    mt.manual_seed(0)
    model = zoo.without_chance(models.create("googlenet", num_classes=3, width=1 / 16, depth=0.4)).train()
    nn.init.constant_(model.aux1.fc2.bias, 1000.0)
    result = model(mt.from_numpy(np.random.default_rng(0).standard_normal((2, 3, 64, 64)).astype(np.float32)))
    assert result.aux_logits1.numpy().min() > 900
    assert result.aux_logits2.numpy().max() < 900


@pytest.mark.parametrize(
    ("name", "options", "size"), [("googlenet", {"depth": 0.4}, 64), ("inception_v3", {"depth": 0.25, "cifar": True}, 35)]
)
def test_transform_input(name: str, options: dict, size: int):
    """Images by ImageNet's statistics with the option give what images by (pixel - 0.5) / 0.5 give without."""
    pixels = np.random.default_rng(0).random((2, 3, size, size))
    results = []
    for transform, images in ((True, (pixels - MEAN) / STD), (False, (pixels - 0.5) / 0.5)):
        mt.manual_seed(0)
        model = models.create(name, num_classes=3, width=1 / 16, transform_input=transform, **options).to(np.float64).eval()
        results.append(model(mt.from_numpy(images)))
    assert_close(*results, 1e-12, "logits")


def test_transform_input_needs_colours():
    model = zoo.on_meta("googlenet", {"in_channels": 1, "transform_input": True})
    with pytest.raises(ValueError, match="transform_input: got images of 1 channels, expected 3"):
        model(mt.empty(1, 1, 224, 224, device="meta"))


@pytest.mark.parametrize("name", ["googlenet", "inception_v2"])
def test_small_images(name: str):
    """For 32x32 the stem is one 3x3 convolution that keeps the size; maps of 32x32, 16x16, 8x8."""
    options = {"cifar": True, "num_classes": 10, **({"aux_logits": False} if name == "googlenet" else {})}
    found = zoo.child_shapes(zoo.on_meta(name, options), 1, 3, 32, 32)
    sizes = [found[module][2:] for module in ("conv1", "inception3a", "inception3b", "inception4a", "inception4d", "inception5b")]
    assert sizes == [(32, 32), (32, 32), (32, 32), (16, 16), (16, 16), (8, 8)]
    assert found["conv1"] == (1, 192, 32, 32)
    assert found["fc"] == (1, 10)


def test_depth_leaves_out_modules():
    model = zoo.on_meta("googlenet", {"depth": 0.5})
    assert [name for name, _ in model.named_children() if name.startswith("inception")] == [
        "inception3a", "inception4a", "inception4b", "inception4c", "inception5a"
    ]  # fmt: skip
