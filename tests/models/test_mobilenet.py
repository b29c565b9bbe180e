"""What the papers of the networks for telephones claim, beyond their size at full width; their forms for CIFAR."""

import numpy as np
import pytest
import zoo

import minitorch_cv as mt
import models
from minitorch_cv import nn
from minitorch_cv.testing import assert_close
from models.blocks import ConvNormActivation, FusedSequential, keep_size


def counts(name: str, size: int = 224, **options) -> tuple[float, float]:
    """Multiply-adds and parameters in millions."""
    model = zoo.on_meta(name, options)
    return zoo.count_macs(model, (1, 3, size, size)) / 1e6, sum(p.numel() for p in model.parameters()) / 1e6


@pytest.mark.parametrize(
    ("options", "macs", "parameters"),
    [
        ({"separable": False}, 4866, 29.3),  # table 4
        ({}, 569, 4.2),
        ({"width": 0.75}, 325, 2.6),  # table 6
        ({"width": 0.5}, 149, 1.3),
        ({"width": 0.25}, 41, 0.5),
        ({"size": 192}, 418, 4.2),  # table 7
        ({"size": 160}, 290, 4.2),
        ({"size": 128}, 186, 4.2),
    ],
)
def test_mobilenet_v1_tables(options: dict, macs: float, parameters: float) -> None:
    """Depthwise separable against standard, the width multiplier, the resolution: as printed in the paper."""
    counted = counts("mobilenet_v1", **options)
    assert counted == pytest.approx((macs, parameters), abs=1.5, rel=0)
    assert round(counted[1], 1) == parameters


def test_separable_block_against_standard_block() -> None:
    """One layer of the paper: 1/OC + 1/9 of the multiply-adds, nearly nine times fewer for 3x3 kernels."""
    from models.mobilenet_v1 import SeparableBlock, StandardBlock

    with mt.device("meta"):
        separable, standard = (zoo.count_macs(block(512, 512, 1), (1, 512, 14, 14)) for block in (SeparableBlock, StandardBlock))
    assert separable / standard == pytest.approx(1 / 512 + 1 / 9)


@pytest.mark.parametrize(
    ("name", "options", "macs", "parameters"),
    [
        ("mobilenet_v2", {"width": 1.4}, 582_195_824, 6_108_776),  # timm's mobilenetv2_140, _050, _035
        ("mobilenet_v2", {"width": 0.5}, 97_131_840, 1_968_680),
        ("mobilenet_v2", {"width": 0.35}, 59_285_808, 1_677_128),
        ("mobilenet_v1", {"width": 1.25}, 879_516_800, 6_270_840),  # timm's mobilenetv1_125
    ],
)
def test_width_multipliers_of_the_zoos(name: str, options: dict, macs: int, parameters: int) -> None:
    assert counts(name, **options) == (macs / 1e6, parameters / 1e6)


CIFAR_NAMES = ("mobilenet_v1", "mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large", "shufflenet_v2_x1_0", "efficientnet_b0")


@pytest.mark.parametrize("name", CIFAR_NAMES)
def test_form_for_cifar(name: str) -> None:
    """Images of 32x32 end as maps of 4x4; the keys and shapes of the weights are those of the usual form."""
    usual, cifar = zoo.on_meta(name), zoo.on_meta(name, {"cifar": True})
    assert {k: v.shape for k, v in usual.state_dict().items()} == {k: v.shape for k, v in cifar.state_dict().items()}
    shapes = []
    for module in cifar.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.register_forward_hook(lambda module, args, output: shapes.append(output.shape))
    cifar.eval()(mt.empty(1, 3, 32, 32, device="meta"))
    assert shapes[0][2:] == (32, 32)
    assert shapes[-1][2:] == (4, 4)
    assert models.entry(name).recipes["cifar10"].model_options == {"cifar": True}


def test_keep_size() -> None:
    assert keep_size([2, 1, 2, 2, 1, 2]) == [1, 1, 1, 2, 1, 2]
    assert keep_size([2, 1, 2], halvings=0) == [2, 1, 2]
    assert keep_size([1, 2], halvings=3) == [1, 1]


@pytest.mark.parametrize("training", [False, True])
def test_fused_sequential_is_a_sequential(training: bool) -> None:
    """Batch norm and ReLU in one pass: the same keys, the same numbers; a ReLU that follows something else is applied too."""
    def layers() -> list[nn.Module]:
        mt.manual_seed(0)
        return [nn.ReLU(), nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Conv2d(3, 2, 1), nn.ReLU(), nn.BatchNorm2d(2)]

    fused, plain = FusedSequential(*layers()).train(training), nn.Sequential(*layers()).train(training)
    assert list(fused.state_dict()) == list(plain.state_dict())
    x = np.random.default_rng(0).standard_normal((2, 2, 6, 5)).astype(np.float32)
    assert_close(fused(mt.from_numpy(x)), plain(mt.from_numpy(x)), 1e-6)
    assert FusedSequential()(mt.from_numpy(x)).numpy() is not None


def test_shuffle_block_keeps_one_half_of_the_channels() -> None:
    """With stride 1 the first half passes unchanged, to the even places; all of the rest is computed."""
    from models.shufflenet_v2 import ShuffleBlock

    mt.manual_seed(0)
    x = np.random.default_rng(0).standard_normal((2, 8, 5, 5)).astype(np.float32)
    out = ShuffleBlock(8, 8, 1)(mt.from_numpy(x)).numpy()
    np.testing.assert_array_equal(out[:, 0::2], x[:, :4])
    assert out[:, 1::2].min() >= 0  # behind a ReLU


def test_batch_norm_of_the_papers() -> None:
    def settings(name: str) -> set[tuple[float, float]]:
        return {(m.eps, m.momentum) for m in zoo.on_meta(name, {"width": 0.25}).modules() if isinstance(m, nn.BatchNorm2d)}

    assert settings("mobilenet_v2") == {(1e-5, 0.1)}
    assert settings("mobilenet_v3_small") == settings("mobilenet_v3_large") == {(1e-3, 0.01)}
    assert settings("mnasnet1_0") == {(1e-5, 3e-4)}


def test_last_convolution_of_mobilenet_v2_is_never_narrowed() -> None:
    def head(width: float) -> int:
        last = zoo.on_meta("mobilenet_v2", {"width": width}).features[-1]
        assert isinstance(last, ConvNormActivation)
        return last.out_channels

    assert (head(0.35), head(1.0), head(1.4)) == (1280, 1280, 1792)


@pytest.mark.parametrize("name", [*CIFAR_NAMES, "mnasnet1_0", "efficientnet_v2_s", "regnet_y_400mf"])
def test_options_that_make_no_network(name: str) -> None:
    with pytest.raises(ValueError, match=r"width: got .*expected a positive number"):
        zoo.on_meta(name, {"width": 0})
    with pytest.raises(ValueError, match=r"depth: got -1.*, expected a positive number"):
        zoo.on_meta(name, {"depth": -1})


@pytest.mark.parametrize(("depth", "blocks"), [(0.01, 5), (0.5, 7), (1.0, 11), (2.0, 22)])
def test_depth_of_mobilenet_v3(depth: float, blocks: int) -> None:
    """Blocks are left out or repeated within the stages, which stay at their resolutions."""
    features = zoo.on_meta("mobilenet_v3_small", {"depth": depth}).features
    assert len(features) == blocks + 2
    assert features.eval()(mt.empty(1, 3, 64, 64, device="meta")).shape == (1, 576, 2, 2)
