"""What FCN's file claims, against the authors' networks layer by layer, with the offsets that their files give."""

import numpy as np
import pytest
import zoo

import minitorch_cv as mt
import minitorch_cv.functional as F
import models
from minitorch_cv import nn
from minitorch_cv.autograd import no_grad

NAMES = ("fcn32s", "fcn16s", "fcn8s")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("padding", [1, 100])
@pytest.mark.parametrize("size", [(224, 224), (33, 50), (1, 1), (500, 375)])
def test_any_size(name: str, padding: int, size: tuple[int, int]) -> None:
    model = zoo.on_meta(name, {"padding": padding})
    assert model(mt.empty(2, 3, *size, device="meta")).shape == (2, 21, *size)


def test_parameters_of_table_1() -> None:
    """134 million: those of VGG-16 without its last layer."""
    model = zoo.on_meta("fcn32s")
    vgg = zoo.on_meta("vgg16")
    without_last = sum(p.numel() for p in vgg.parameters()) - vgg.classifier[-1].weight.numel() - 1000
    counts = {key: p.numel() for key, p in model.named_parameters()}
    assert sum(count for key, count in counts.items() if key.startswith(("conv", "fc"))) == without_last == 134_260_544
    assert counts["upscore.weight"] == 21 * 21 * 64 * 64


def test_keys() -> None:
    ends = {name: [key for key in zoo.on_meta(name).state_dict() if "score" in key and not key.endswith("bias")] for name in NAMES}
    assert ends == {
        "fcn32s": ["score_fr.weight", "upscore.weight"],
        "fcn16s": ["score_fr.weight", "score_pool4.weight", "upscore2.weight", "upscore16.weight"],
        "fcn8s": [
            "score_fr.weight", "score_pool3.weight", "score_pool4.weight", "upscore2.weight", "upscore_pool4.weight", "upscore8.weight",
        ],
    }  # fmt: skip


def authors(model: nn.Module, name: str, x: mt.Tensor) -> mt.Tensor:
    """The authors' prototxt files, written out: crops of 5, 9, and 19, 27 or 31."""
    H, W = x.shape[2:]
    maps = {}
    for stage, count in enumerate((2, 2, 3, 3, 3), 1):
        for index in range(1, count + 1):
            layer = model.get_submodule(f"conv{stage}_{index}")
            x = F.relu(F.conv2d(x, layer.weight, layer.bias, padding=100 if stage == index == 1 else 1))
        x = maps[stage] = F.max_pool2d(x, 2, 2, ceil_mode=True)
    x = F.relu(F.conv2d(x, model.fc6.weight, model.fc6.bias))
    x = model.score_fr(F.relu(model.fc7(x)))

    def crop(y: mt.Tensor, offset: int, height: int, width: int) -> mt.Tensor:
        return y[:, :, offset : offset + height, offset : offset + width]

    if name == "fcn32s":
        return crop(F.conv_transpose2d(x, model.upscore.weight, stride=32), 19, H, W)
    x = F.conv_transpose2d(x, model.upscore2.weight, stride=2)
    x = x + crop(model.score_pool4(maps[4]), 5, *x.shape[2:])
    if name == "fcn16s":
        return crop(F.conv_transpose2d(x, model.upscore16.weight, stride=16), 27, H, W)
    x = F.conv_transpose2d(x, model.upscore_pool4.weight, stride=2)
    x = x + crop(model.score_pool3(maps[3]), 9, *x.shape[2:])
    return crop(F.conv_transpose2d(x, model.upscore8.weight, stride=8), 31, H, W)


@pytest.mark.parametrize("name", NAMES)
def test_against_the_authors_offsets(name: str) -> None:
    mt.manual_seed(0)
    model = with_scores(models.create(name, num_classes=3, width=1 / 64).double().eval())
    x = mt.from_numpy(np.random.default_rng(0).standard_normal((1, 3, 45, 70)))
    with no_grad():
        told, expected = model(x).numpy(), authors(model, name, x).numpy()
    assert np.ptp(expected) > 0
    np.testing.assert_allclose(told, expected, rtol=0, atol=1e-10 * np.ptp(expected))


@pytest.mark.parametrize("name", NAMES)
def test_scores_lie_where_the_image_has_them(name: str) -> None:
    """With padding 1, a network that passes brightness on, averaged: a picture of its image, symmetric where that is symmetric."""
    mt.manual_seed(0)
    model = models.create(name, num_classes=1, in_channels=1, width=1 / 512, padding=1).double().eval()
    for key, parameter in model.named_parameters():
        if parameter.ndim == 4 and "upscore" not in key:
            with no_grad():
                parameter.fill_(1 / (parameter.shape[1] * parameter.shape[2] * parameter.shape[3]))
    x = np.zeros((1, 1, 160, 160))
    x[:, :, 64:96, 64:96] = 1  # the middle block of 32 x 32
    with no_grad():
        told = model(mt.from_numpy(x)).numpy()[0, 0]
    assert told[80, 80] == pytest.approx(told.max(), rel=0.05)
    inner = told[32:128, 32:128]
    for turned in (inner[::-1], inner[:, ::-1], inner.T):
        np.testing.assert_allclose(turned, inner, rtol=0, atol=1e-12)


def with_scores(model: nn.Module) -> nn.Module:
    """The model with scores that are not zero, as they are at first."""
    for layer, module in model.named_modules():
        if layer.startswith("score"):
            nn.init.normal_(module.weight)
    return model


def test_upscaling_starts_as_bilinear_interpolation() -> None:
    """Away from the border: against `interpolate`, class by class."""
    model = models.create("fcn8s", num_classes=3, width=1 / 64)
    x = mt.from_numpy(np.random.default_rng(0).standard_normal((1, 3, 6, 7)).astype(np.float32))
    with no_grad():
        told = model.upscore8(x).numpy()[:, :, 4:-4, 4:-4]
        expected = F.interpolate(x, scale_factor=8, mode="bilinear", align_corners=False).numpy()
    np.testing.assert_allclose(told[:, :, 4:-4, 4:-4], expected[:, :, 4:-4, 4:-4], atol=1e-6)


def test_weights_of_a_vgg16() -> None:
    """The convolutions as they are, two linear layers as convolutions: fc7 of FCN is what VGG's classifier has before its last layer."""
    mt.manual_seed(0)
    vgg = models.create("vgg16", width=1 / 64).double().eval()
    model = models.create("fcn32s", width=1 / 64, padding=1).double().eval()
    model.load_vgg16(vgg.state_dict())
    model.fc6.padding = 0
    seen = []
    model.fc7.register_forward_hook(lambda module, args, output: seen.append(output.numpy()[:, :, 0, 0]))
    vgg.classifier[3].register_forward_hook(lambda module, args, output: seen.append(output.numpy()))
    x = mt.from_numpy(np.random.default_rng(0).standard_normal((1, 3, 224, 224)))
    with no_grad():
        vgg(x)
        model(x)
    np.testing.assert_allclose(seen[1], seen[0], rtol=1e-9)
    with pytest.raises(ValueError, match="state: got 8 layers with weights, expected the 16 of VGG-16"):
        model.load_vgg16(zoo.on_meta("alexnet").state_dict())
    with pytest.raises(ValueError, match="padding: got 3, expected 100, or 1"):
        models.create("fcn32s", padding=3)
