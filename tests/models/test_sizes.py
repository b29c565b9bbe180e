"""The sizes of maps that papers print in their figures and tables, read off shape-only tensors."""

import pytest
import zoo

import minitorch_cv as mt
from minitorch_cv import nn

LAYERS = (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d)

# Each different (channels, height) of the maps, in order, from images of the model's usual size.
SIZES = {
    # Figure 2: 55, 27, 13; the layers after the last pooling see 6x6.
    "alexnet_original": [(96, 55), (96, 27), (256, 27), (256, 13), (384, 13), (256, 13), (256, 6)],
    # Figure 3.
    "zfnet": [(96, 110), (96, 55), (256, 26), (256, 13), (384, 13), (256, 13), (256, 6)],
    # Tables 1 and 3: their "spatial input size" of the second layer, 24 and 30, is that of its output; so are 12 and 15 after pooling.
    "overfeat_fast": [(96, 56), (96, 28), (256, 24), (256, 12), (512, 12), (1024, 12), (1024, 6)],
    "overfeat_accurate": [(96, 108), (96, 36), (256, 30), (256, 15), (512, 15), (1024, 15), (1024, 5)],
    # The authors' mean is over 6x6 for ImageNet and 8x8 for CIFAR.
    "nin": [(96, 54), (96, 27), (256, 27), (256, 13), (384, 13), (384, 6), (1024, 6), (1000, 6)],
    "nin_cifar": [(192, 32), (160, 32), (96, 32), (96, 16), (192, 16), (192, 8), (10, 8)],
    # Table 1: "global averaging over 6x6 spatial dimensions"; the same for ImageNet.
    "all_cnn_a": [(96, 32), (96, 16), (192, 16), (192, 8), (192, 6), (10, 6)],
    "all_cnn_c": [(96, 32), (96, 16), (192, 16), (192, 8), (192, 6), (10, 6)],
    "all_cnn_imagenet": [(96, 55), (96, 27), (256, 27), (256, 13), (384, 13), (384, 6), (1024, 6), (1000, 6)],
    # Table 1 of the paper: 55 and 27 are its sizes for images of 224x224, padded; without padding they are 54 and 27.
    "squeezenet1_0": [
        (96, 109), (96, 54), (16, 54), (64, 54), (16, 54), (64, 54), (32, 54), (128, 54), (256, 27), (32, 27), (128, 27),
        (48, 27), (192, 27), (48, 27), (192, 27), (64, 27), (256, 27), (512, 13), (64, 13), (256, 13), (1000, 13),
    ],
    # The paper's pooling leaves 7x7.
    "vgg16": [(64, 224), (64, 112), (128, 112), (128, 56), (256, 56), (256, 28), (512, 28), (512, 14), (512, 7)],
    # Stages of 32x32, 16x16 and 8x8.
    "highway_cifar": [(32, 32), (32, 16), (80, 16), (80, 8), (128, 8), (100, 8)],
}  # fmt: skip


def sizes(model: nn.Module, input_shape: tuple[int, ...]) -> list[tuple[int, int]]:
    """(channels, height) of the maps that convolutions and poolings give, without repetitions."""
    seen: list[tuple[int, int]] = []

    def note(module: nn.Module, args: tuple, output: mt.Tensor) -> None:
        if seen[-1:] != [output.shape[1:3]]:
            seen.append(output.shape[1:3])

    for module in model.modules():
        if isinstance(module, LAYERS):
            module.register_forward_hook(note)
    model(mt.empty(1, *input_shape, device="meta"))
    return seen


@pytest.mark.parametrize("name", SIZES)
def test_sizes_of_maps(name: str) -> None:
    assert sizes(zoo.on_meta(name), zoo.models.entry(name).input_shape) == SIZES[name]


@pytest.mark.parametrize(
    ("name", "last"),
    [("alexnet", (256, 1)), ("alexnet_original", (256, 1)), ("alexnet_bn", (256, 1)), ("vgg11", (512, 1)), ("squeezenet1_1", (10, 8))],
)
def test_sizes_for_cifar(name: str, last: tuple[int, int]) -> None:
    """The form for 32x32 leaves one place before the linear layer, with nothing to do for the adaptive pooling."""
    model = zoo.on_meta(name, {"cifar": True, "num_classes": 10})
    assert sizes(model, (3, 32, 32))[-1] == last


def test_all_cnn_has_no_pooling() -> None:
    for name in ("all_cnn_a", "all_cnn_b", "all_cnn_c", "all_cnn_imagenet"):
        assert not any(isinstance(module, nn.MaxPool2d | nn.AvgPool2d | nn.Linear) for module in zoo.on_meta(name).modules())
