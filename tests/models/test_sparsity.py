"""Sparse layers and SLaK: how many weights stay, which, how they are exchanged."""

import numpy as np
import pytest
import zoo

import minitorch_cv as mt
import minitorch_cv.functional as F
import models
from minitorch_cv import nn, optim
from minitorch_cv.testing import assert_close
from models.sparsity import (
    SparseConv2d,
    SparseLinear,
    draw_masks,
    effective_parameters,
    erdos_renyi_densities,
    prune_and_grow,
    snip_densities,
    sparse_layers,
)


def layers() -> nn.Sequential:
    mt.manual_seed(0)
    return nn.Sequential(SparseConv2d(4, 8, 3, padding=1), nn.ReLU(), nn.Flatten(1), SparseLinear(8 * 25, 6))


def images(*shape: int) -> mt.Tensor:
    return mt.from_numpy(np.random.default_rng(1).standard_normal(shape).astype(np.float32))


def densities(model: nn.Module) -> list[float]:
    return [float(layer.mask.numpy().mean()) for layer in sparse_layers(model)]


def test_masked_weights_count_for_nothing() -> None:
    model = layers()
    draw_masks(model, [0.5, 0.25])
    assert densities(model) == [0.5, 0.25]
    x = images(2, 4, 5, 5)
    y = model(x)
    y.square().sum().backward()
    for layer in sparse_layers(model):
        np.testing.assert_array_equal(layer.weight.grad.numpy()[layer.mask.numpy() == 0], 0)
        with mt.autograd.no_grad():
            layer.weight.add_(mt.from_numpy(100 * (1 - layer.mask.numpy()).astype(np.float32)))
    assert_close(model(x), y, 1e-6, "after a change of masked weights")
    assert effective_parameters(model) == (4 * 8 * 9) // 2 + 8 + (8 * 25 * 6) // 4 + 6


def test_erdos_renyi_densities() -> None:
    shapes = [(64, 3, 3, 3), (64, 1, 5, 5), (256, 64), (512, 256), (10, 512)]
    found = erdos_renyi_densities(shapes, 0.3)
    sizes = np.array([np.prod(shape) for shape in shapes])
    assert np.isclose((sizes * found).sum(), 0.3 * sizes.sum())
    assert found[1] == 1  # would have to be denser than dense
    assert 0 < found[3] < found[2] < 1
    # Proportional to the sum of the shape over its product, where not dense.
    assert np.isclose(found[2] / found[3], (320 / (256 * 64)) / (768 / (512 * 256)))
    assert erdos_renyi_densities(shapes, 1.0) == [1.0] * 5
    with pytest.raises(ValueError, match="density: got 0"):
        erdos_renyi_densities(shapes, 0)


def test_prune_and_grow() -> None:
    model = layers()
    draw_masks(model, [0.5, 0.5])
    before = [(layer.mask.numpy().copy() != 0, layer.weight.numpy().copy()) for layer in sparse_layers(model)]
    prune_and_grow(model, 0.3)
    for (mask, weight), layer in zip(before, sparse_layers(model), strict=True):
        after = layer.mask.numpy() != 0
        lost, new, stayed = mask & ~after, after & ~mask, mask & after
        count = round(0.3 * mask.sum())
        assert lost.sum() == new.sum() == count
        assert np.abs(weight[lost]).max() <= np.abs(weight[stayed]).min()
        np.testing.assert_array_equal(layer.weight.numpy()[new], 0)
        np.testing.assert_array_equal(layer.weight.numpy()[stayed], weight[stayed])
    with pytest.raises(ValueError, match="fraction: got 2"):
        prune_and_grow(model, 2)


def test_snip_keeps_what_the_loss_depends_on() -> None:
    model = layers()
    x, labels = images(4, 4, 5, 5), mt.from_numpy(np.array([0, 1, 2, 3]))
    draw_masks(model, [0.3, 0.3])
    masks = [layer.mask.numpy().copy() for layer in sparse_layers(model)]
    first = snip_densities(model, x, labels, 0.5)
    for layer, mask in zip(sparse_layers(model), masks, strict=True):
        np.testing.assert_array_equal(layer.mask.numpy(), mask)
    sizes = np.array([layer.weight.numel() for layer in sparse_layers(model)])
    assert round((sizes * first).sum()) == round(0.5 * sizes.sum())
    with mt.autograd.no_grad():
        model[3].weight.mul_(1e-4)
    # The gradients of the convolution shrink as the weights of the linear layer do, so the order of sensitivities stays.
    assert np.allclose(snip_densities(model, x, labels, 0.5), first, atol=0.1)
    with mt.autograd.no_grad():
        model[0].weight.mul_(0)
    assert snip_densities(model, x, labels, 0.1)[0] < 0.01
    assert model[0].weight.grad is None
    with pytest.raises(ValueError, match="density: got 2"):
        snip_densities(model, x, labels, 2)


def test_slak_is_as_sparse_as_the_paper() -> None:
    """30 million parameters and 5.0 G multiply-adds without those that are masked."""
    model = zoo.on_meta("slak_tiny")
    masked = 0.4 * sum(layer.weight.numel() for layer in sparse_layers(model))
    assert round((models.entry("slak_tiny").parameters - masked) / 1e6) == 30
    assert round(0.6 * models.entry("slak_tiny").macs / 1e9) == 5
    mt.manual_seed(0)
    small = models.create("slak_tiny", **models.entry("slak_tiny").small)
    assert np.allclose(densities(small), 0.6, atol=0.02)
    assert set(densities(models.create("slak_tiny", sparsity=0.0, **models.entry("slak_tiny").small))) == {1.0}
    for option, value in (("sparsity", 1.0), ("interval", 0), ("exchanged", 2)):
        with pytest.raises(ValueError, match=f"{option}: got {value}"):
            models.create("slak_tiny", **{option: value})


def test_slak_exchanges_weights_while_it_trains() -> None:
    mt.manual_seed(0)
    model = models.create("slak_tiny", num_classes=3, interval=3, exchanged=0.2, **models.entry("slak_tiny").small)
    x, labels = images(2, 3, 32, 32), mt.from_numpy(np.array([0, 1]))
    optimizer = optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    masks = []
    for _ in range(7):
        optimizer.zero_grad()
        F.cross_entropy(model(x), labels).backward()
        optimizer.step()
        masks.append(np.concatenate([layer.mask.numpy().ravel() for layer in sparse_layers(model)]))
    changes = [bool((masks[i] != masks[i + 1]).any()) for i in range(6)]
    assert changes == [False, False, True, False, False, True]  # before the fourth and the seventh pass
    assert len({mask.sum() for mask in masks}) == 1
    model.eval()(x)
    with mt.autograd.no_grad():
        model.train()(x)
    assert int(model.passes) == 7
