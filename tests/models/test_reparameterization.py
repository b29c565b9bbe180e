"""Many branches to one convolution: the same outputs, the counts of timm's merged models."""

import numpy as np
import pytest
import zoo

import minitorch_cv as mt
import models
from minitorch_cv import nn
from minitorch_cv.testing import assert_close
from models.reparameterization import Branch, fold, fold_identity, merge_branches, pad_kernel
from models.repvgg import RepVGGBlock

MERGEABLE = ["repvgg_a0", "repvgg_b0", "replknet_31b", "slak_tiny"]


def randomised(model: nn.Module, seed: int = 0) -> nn.Module:
    """The model in evaluation mode, its norms as if it had been trained."""
    g = np.random.default_rng(seed)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            for key, low, high in (("weight", -1.5, 1.5), ("bias", -0.5, 0.5), ("running_mean", -0.5, 0.5), ("running_var", 0.3, 2.0)):
                with mt.autograd.no_grad():
                    getattr(module, key).copy_(mt.from_numpy(g.uniform(low, high, module.num_features)))
    return model.eval()


def images(*shape: int) -> mt.Tensor:
    return mt.from_numpy(np.random.default_rng(1).standard_normal(shape))


@pytest.mark.parametrize(("kernel", "stride", "groups"), [(3, 2, 1), (1, 1, 2), ((5, 3), 1, 6)])
def test_fold(kernel: int | tuple[int, int], stride: int, groups: int) -> None:
    """One convolution with a bias is a convolution and its norm."""
    branch = randomised(Branch(6, 6, kernel, stride, groups)).double()
    x = images(2, 6, 9, 8)
    weight, bias = fold(branch.conv, branch.bn)
    folded = mt.functional.conv2d(x, weight, bias, branch.conv.stride, branch.conv.padding, groups=groups)
    assert_close(folded, branch(x), 1e-12, "folded")


@pytest.mark.parametrize("groups", [1, 2, 6])
def test_fold_identity(groups: int) -> None:
    norm = randomised(nn.BatchNorm2d(6)).double()
    x = images(2, 6, 5, 4)
    weight, bias = fold_identity(norm, groups, like=norm.weight)
    assert weight.shape == (6, 6 // groups, 1, 1)
    assert_close(mt.functional.conv2d(x, weight, bias, groups=groups), norm(x), 1e-12, "identity")


def test_pad_kernel() -> None:
    padded = pad_kernel(mt.ones(1, 1, 3, 1), (5, 3))
    expected = np.zeros((5, 3))
    expected[1:4, 1] = 1
    np.testing.assert_array_equal(padded.numpy()[0, 0], expected)
    for size in [(1, 3), (4, 3)]:
        with pytest.raises(ValueError, match="no place in the middle"):
            pad_kernel(mt.ones(1, 1, 3, 1), size)


@pytest.mark.parametrize(("channels", "stride"), [((8, 8), 1), ((8, 8), 2), ((8, 12), 1)])
def test_block(channels: tuple[int, int], stride: int) -> None:
    block = randomised(RepVGGBlock(*channels, stride)).double()
    assert (block.identity is None) == (channels[0] != channels[1] or stride != 1)
    merged = models.reparameterize(block)
    assert list(merged.state_dict()) == ["reparam_conv.weight", "reparam_conv.bias"]
    x = images(2, 8, 7, 6)
    assert_close(merged(x), block(x), 1e-12, "block")
    assert merge_branches([block.conv_kxk, block.conv_1x1]).weight.dtype == np.float64


@pytest.mark.parametrize("name", MERGEABLE)
def test_same_outputs(name: str) -> None:
    entry = models.entry(name)
    mt.manual_seed(0)
    model = randomised(models.create(name, num_classes=5, **entry.small))
    x = images(2, *entry.small_input)
    before = {key: value.numpy().copy() for key, value in model.state_dict().items()}
    for dtype, bound in ((np.float32, 1e-5), (np.float64, 1e-12)):
        model.to(dtype)
        merged = models.reparameterize(model)
        assert_close(merged(x.to(dtype)), model(x.to(dtype)), bound, name)
        assert len(merged.state_dict()) < len(model.state_dict())
        again = models.reparameterize(merged)
        assert list(again.state_dict()) == list(merged.state_dict())
    for key, value in model.to(np.float32).state_dict().items():
        np.testing.assert_array_equal(value.numpy(), before[key], err_msg=f"{key} has changed")


@pytest.mark.parametrize("reference", [name for name, row in zoo.references().items() if "reparam" in row])
def test_counts_of_timm(reference: str) -> None:
    expected = zoo.references()[reference]
    merged = models.reparameterize(zoo.on_meta(expected["model"]))
    assert sum(p.numel() for p in merged.parameters()) == expected["reparam"]["params"]
    assert zoo.count_macs(merged, expected["input"]) == expected["reparam"]["macs"]
    assert len(merged.state_dict()) == expected["reparam"]["state_dict_entries"]
    kernels = {module.kernel_size for module in merged.modules() if isinstance(module, nn.Conv2d)}
    assert kernels == {(3, 3)}


def test_counts_of_replknet() -> None:
    """The paper: 79 million parameters, 15.3 G multiply-adds, with one large kernel in each block."""
    merged = models.reparameterize(zoo.on_meta("replknet_31b"))
    assert sum(p.numel() for p in merged.parameters()) // 10**6 == 79
    assert zoo.count_macs(merged, (1, 3, 224, 224)) // 10**8 == 153
    large = [module.kernel_size[0] for module in merged.modules() if isinstance(module, nn.Conv2d) and module.kernel_size[0] > 3]
    assert large == [31] * 2 + [29] * 2 + [27] * 18 + [13] * 2


def test_nothing_to_merge() -> None:
    with pytest.raises(ValueError, match="got LeNet5, expected a model with blocks"):
        models.reparameterize(models.create("lenet5"))


def test_small_images() -> None:
    """RepVGG for 32x32: stem and first stage keep the size; the parameters are the same."""
    model = zoo.on_meta("repvgg_a0", {"cifar": True})
    shapes = []
    for stage in (model.stem, *model.stages):
        stage.register_forward_hook(lambda module, args, output: shapes.append(output.shape))
    model(mt.empty(1, 3, 32, 32, device="meta"))
    assert shapes == [(1, 48, 32, 32), (1, 48, 32, 32), (1, 96, 16, 16), (1, 192, 8, 8), (1, 1280, 4, 4)]
