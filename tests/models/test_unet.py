"""What U-Net's file and paper claim, beyond what every model must do."""

import numpy as np
import pytest
import zoo

import minitorch_cv as mt
import models
from minitorch_cv import nn


def test_sizes_of_figure_1() -> None:
    model = zoo.on_meta("unet")
    assert (model.border, model.stride) == (92, 16)
    assert model(mt.empty(1, 1, 572, 572, device="meta")).shape == (1, 2, 388, 388)
    assert (model.input_size(388), model.input_size(389), model.input_size(1)) == (572, 588, 188)
    sizes = []
    hooks = [part.register_forward_hook(lambda *call: sizes.append(call[2].shape[2])) for part in (*model.contracting, model.bottom)]
    hooks += [part.register_forward_hook(lambda *call: sizes.append(call[2].shape[2])) for part in (*model.up, *model.expanding)]
    model(mt.empty(1, 1, 572, 572, device="meta"))
    assert sizes == [568, 280, 136, 64, 28, 56, 52, 104, 100, 200, 196, 392, 388]


@pytest.mark.parametrize(("in_channels", "num_classes", "parameters"), [(1, 1, 31_030_593), (1, 2, 31_030_658), (3, 2, 31_031_810)])
def test_parameters(in_channels: int, num_classes: int, parameters: int) -> None:
    model = zoo.on_meta("unet", {"in_channels": in_channels, "num_classes": num_classes})
    assert sum(p.numel() for p in model.parameters()) == parameters


@pytest.mark.parametrize("depth", [0.25, 0.5, 0.75, 1.0])
def test_the_sizes_that_fit(depth: float) -> None:
    """Valid images are those whose poolings find even sides: found here by trying."""
    model = zoo.on_meta("unet", {"width": 1 / 64, "depth": depth})
    valid = [size for size in range(1, 230) if accepted(model, size)]
    assert valid == [size for size in range(1, 230) if size >= model.input_size(1) and (size - model.input_size(1)) % model.stride == 0]
    for size in valid:
        assert model(mt.empty(1, 1, size, size, device="meta")).shape[2:] == (size - 2 * model.border,) * 2


def accepted(model: nn.Module, size: int) -> bool:
    """Whether the sides fit, computed layer by layer: even before each pooling, at least 1 in the end."""
    for _ in model.contracting:
        size -= 4
        if size % 2 or size <= 0:
            return False
        size //= 2
    size -= 4
    for _ in model.contracting:
        size = size * 2 - 4
    return size > 0


def test_wrong_sizes_are_refused() -> None:
    model = zoo.on_meta("unet")
    with pytest.raises(ValueError, match=r"x: got shape \(1, 1, 571, 572\), expected sides of 188 \+ 16 \* n pixels"):
        model(mt.empty(1, 1, 571, 572, device="meta"))


@pytest.mark.parametrize("size", [(64, 64), (1, 1), (33, 50), (7, 200)])
def test_mirrored_borders_keep_the_size(size: tuple[int, int]) -> None:
    model = zoo.on_meta("unet", {"in_channels": 3, "num_classes": 11, "mirror": True})
    assert model(mt.empty(2, 3, *size, device="meta")).shape == (2, 11, *size)


def test_first_weights() -> None:
    """Section 3: standard deviation sqrt(2 / N), N the number of incoming nodes of a neuron."""
    mt.manual_seed(0)
    model = models.create("unet", width=0.5, depth=0.5)
    for module in model.modules():
        if isinstance(module, nn.Conv2d) and module.weight.numel() > 5000:
            assert module.weight.numpy().std() == pytest.approx(np.sqrt(2 / (9 * module.in_channels)), rel=0.03)
        if isinstance(module, nn.ConvTranspose2d):
            assert module.weight.numpy().std() == pytest.approx(np.sqrt(2 / module.in_channels), rel=0.03)


def test_batch_norm_as_an_option() -> None:
    model = zoo.on_meta("unet", {"batch_norm": True})
    assert list(model.contracting[0].state_dict())[:4] == ["0.weight", "0.bias", "1.weight", "1.bias"]
    assert sum(isinstance(module, nn.BatchNorm2d) for module in model.modules()) == 18
