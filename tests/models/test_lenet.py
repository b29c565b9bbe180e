"""LeNet-5 against PyTorch, built there in the paper's order: activation, then pooling. The network of 1989 against its paper."""

import numpy as np
import pytest
import zoo

import minitorch_cv as mt
import minitorch_cv.functional as F
import models
from minitorch_cv.testing import assert_close
from models.lenet import LeNet5, squash


@pytest.mark.full
@pytest.mark.parametrize(("name", "size", "padding"), [("lenet5", 32, 0), ("lenet5_relu", 28, 2)])
def test_against_torch(name: str, size: int, padding: int) -> None:
    torch = pytest.importorskip("torch")
    mt.manual_seed(3)
    ours = models.create(name)
    activation = torch.nn.Tanh if name == "lenet5" else torch.nn.ReLU
    layers = {
        "conv1": torch.nn.Conv2d(1, 6, 5, padding=padding), "a1": activation(), "p1": torch.nn.MaxPool2d(2),
        "conv2": torch.nn.Conv2d(6, 16, 5), "a2": activation(), "p2": torch.nn.MaxPool2d(2), "flat": torch.nn.Flatten(),
        "fc1": torch.nn.Linear(400, 120), "a3": activation(), "fc2": torch.nn.Linear(120, 84), "a4": activation(),
        "fc3": torch.nn.Linear(84, 10),
    }  # fmt: skip
    theirs = torch.nn.Sequential()
    for key, layer in layers.items():
        theirs.add_module(key, layer)
    theirs.load_state_dict({key: torch.from_numpy(value.numpy().copy()) for key, value in ours.state_dict().items()})

    rng = np.random.default_rng(0)
    images, labels = rng.random((5, 1, size, size), np.float32), rng.integers(0, 10, 5)
    loss = F.cross_entropy(ours(mt.from_numpy(images)), mt.from_numpy(labels))
    loss.backward()
    expected = torch.nn.functional.cross_entropy(theirs(torch.from_numpy(images)), torch.from_numpy(labels))
    expected.backward()
    assert_close(loss.item(), expected.item(), 1e-6, "loss")
    theirs_by_name = dict(theirs.named_parameters())
    for key, parameter in ours.named_parameters():
        assert_close(parameter.grad, theirs_by_name[key].grad, 2e-6, f"gradient of {key}")


def test_activation_is_checked() -> None:
    with pytest.raises(ValueError, match="activation: got 'sigmoid', expected one of tanh, relu"):
        LeNet5(activation="sigmoid")


# --- 1989 ---


def test_counts_of_1989() -> None:
    """Table of section 3: 1,256 units, 64,660 connections, 9,760 free parameters, in all and layer by layer."""
    model = zoo.on_meta("lenet1")
    free = {layer: sum(p.numel() for p in getattr(model, layer).parameters()) for layer in ("h1", "h2", "h3", "output")}
    assert free == {"h1": 1_068, "h2": 2_592, "h3": 5_790, "output": 310}
    biases = sum(value.numel() for key, value in model.named_parameters() if key.endswith("bias"))
    assert 16 * 16 + biases == 1_256  # each unit but the pixels has a bias
    assert zoo.count_macs(model, (1, 1, 16, 16)) + biases == 64_660


def test_maps_of_1989_see_eight() -> None:
    """Each map of the second layer sees eight maps of the first, and each of those is seen by eight; in three ways, one for each third."""
    mt.manual_seed(0)
    model = models.create("lenet1")
    seen = np.zeros((12, 12), bool)
    h1 = np.random.default_rng(0).standard_normal((1, 12, 8, 8)).astype(np.float32)
    model.h1.forward = lambda x: x
    found: list[np.ndarray] = []
    model.h2.register_forward_hook(lambda module, args, output: found.append(output.detach().numpy().copy()))
    model(mt.from_numpy(h1))
    for column in range(12):
        changed = h1.copy()
        changed[:, column] += 1
        model(mt.from_numpy(changed))
        seen[:, column] = (found[-1] != found[0]).any((0, 2, 3))
    assert (seen.sum(0) == 8).all()
    assert (seen.sum(1) == 8).all()
    assert len({tuple(row) for row in seen}) == 3


def test_layers_of_1989_by_hand() -> None:
    """Kernels over the background of -1, a bias for every unit, the scaled tanh."""
    mt.manual_seed(1)
    rng = np.random.default_rng(3)
    model = models.create("lenet1").double()
    model.load_state_dict({key: rng.standard_normal(value.shape) for key, value in model.state_dict().items()})
    image = rng.uniform(-1, 1, (1, 1, 16, 16))
    padded = np.full((20, 20), -1.0)
    padded[2:18, 2:18] = image[0, 0]
    weight, bias = model.h1.conv.weight.detach().numpy(), model.h1.bias.detach().numpy()
    expected = np.empty((12, 8, 8))
    for channel, row, column in np.ndindex(12, 8, 8):
        window = padded[2 * row : 2 * row + 5, 2 * column : 2 * column + 5]
        expected[channel, row, column] = 1.7159 * np.tanh(2 / 3 * ((window * weight[channel, 0]).sum() + bias[channel, row, column]))
    assert_close(model.h1(mt.from_numpy(image)).detach(), expected[None], 1e-12, "first layer")


def test_squash_of_one_is_one() -> None:
    assert_close(squash(mt.from_numpy(np.array([-1.0, 0.0, 1.0]))), np.array([-1.0, 0.0, 1.0]), 1e-4, "scaled tanh")


@pytest.mark.parametrize("size", [(2, 2), (16, 2), (23, 16)])
def test_lenet1_takes_images_of_its_size_only(size: tuple[int, int]) -> None:
    """Its biases have places. An image so small that its maps are single numbers is not spread over them."""
    with pytest.raises(ValueError, match="expected 16 x 16 pixels"):
        zoo.on_meta("lenet1")(mt.empty(1, 1, *size, device="meta"))
