"""He et al.'s CIFAR networks: the structure, and the whole of one against PyTorch."""

import numpy as np
import pytest

import minitorch_cv as mt
import minitorch_cv.functional as F
import models
from minitorch_cv.testing import assert_close
from models.resnet_cifar import BasicBlock, CifarResNet


def test_shortcut_takes_every_second_pixel_and_appends_zeros() -> None:
    x = np.arange(2 * 3 * 4 * 6, dtype=np.float32).reshape(2, 3, 4, 6)
    y = BasicBlock(3, 5, stride=2).shortcut(mt.from_numpy(x)).numpy()
    assert y.shape == (2, 5, 2, 3)
    np.testing.assert_array_equal(y[:, :3], x[:, :, ::2, ::2])
    assert not y[:, 3:].any()
    same = BasicBlock(3, 3).shortcut(mt.from_numpy(x)).numpy()
    np.testing.assert_array_equal(same, x)


def test_keys() -> None:
    keys = list(models.create("resnet20").state_dict())
    assert keys[:7] == [
        "conv1.weight", "bn1.weight", "bn1.bias", "bn1.running_mean", "bn1.running_var", "bn1.num_batches_tracked", "layer1.0.conv1.weight",
    ]  # fmt: skip
    assert keys[-2:] == ["fc.weight", "fc.bias"]
    assert "layer3.2.bn2.running_var" in keys


def test_initial_weights() -> None:
    """Kaiming normal by fan out: variance 2 / (OC * KH * KW)."""
    mt.manual_seed(0)
    model = models.create("resnet56")
    weight = model.get_parameter("layer3.4.conv1.weight").numpy()
    assert weight.std() == pytest.approx(np.sqrt(2 / (64 * 9)), rel=0.02)
    assert abs(weight.mean()) < 0.001
    assert model.get_parameter("layer3.4.bn1.weight").numpy().min() == 1


@pytest.mark.full
def test_against_torch() -> None:
    """A network of depth 8 in training mode: logits, loss, gradients and running statistics, in float64."""
    torch = pytest.importorskip("torch")
    from torch.nn import functional as TF

    mt.manual_seed(5)
    ours = CifarResNet(1).double()
    initial = {key: torch.from_numpy(value.numpy().copy()) for key, value in ours.state_dict().items()}
    weights = {key: value.requires_grad_() for key, value in initial.items() if key in dict(ours.named_parameters())}
    running = {key: value for key, value in initial.items() if "running" in key}

    def norm(x: "torch.Tensor", name: str) -> "torch.Tensor":
        mean, var = running[f"{name}.running_mean"], running[f"{name}.running_var"]
        return TF.batch_norm(x, mean, var, weights[f"{name}.weight"], weights[f"{name}.bias"], training=True)

    def block(x: "torch.Tensor", name: str, stride: int) -> "torch.Tensor":
        y = TF.relu(norm(TF.conv2d(x, weights[f"{name}.conv1.weight"], stride=stride, padding=1), f"{name}.bn1"))
        y = norm(TF.conv2d(y, weights[f"{name}.conv2.weight"], padding=1), f"{name}.bn2")
        if stride > 1:
            x = TF.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 0, y.shape[1] - x.shape[1]))
        return TF.relu(x + y)

    rng = np.random.default_rng(0)
    images, labels = rng.standard_normal((4, 3, 32, 32)), rng.integers(0, 10, 4)
    x = TF.relu(norm(TF.conv2d(torch.from_numpy(images), weights["conv1.weight"], padding=1), "bn1"))
    for name, stride in (("layer1.0", 1), ("layer2.0", 2), ("layer3.0", 2)):
        x = block(x, name, stride)
    logits = TF.linear(x.mean((2, 3)), weights["fc.weight"], weights["fc.bias"])
    expected = TF.cross_entropy(logits, torch.from_numpy(labels))
    expected.backward()

    y = ours(mt.from_numpy(images))
    loss = F.cross_entropy(y, mt.from_numpy(labels))
    loss.backward()
    assert_close(y.detach(), logits.detach(), 1e-10, "logits")
    assert_close(loss.item(), expected.item(), 1e-10, "loss")
    for key, parameter in ours.named_parameters():
        assert_close(parameter.grad, weights[key].grad, 1e-10, f"gradient of {key}")
    for key, value in running.items():
        assert_close(ours.state_dict()[key], value, 1e-10, key)


def test_plain_networks_have_no_shortcuts() -> None:
    """As many parameters under the same keys; where a block's last weights are zero, nothing comes out of it."""
    plain = models.create("plain20", width=0.5)
    assert list(plain.state_dict()) == list(models.create("resnet20", width=0.5).state_dict())
    block = plain.layer1[1]
    mt.nn.init.zeros_(block.bn2.weight)
    x = mt.from_numpy(np.random.default_rng(0).random((2, 8, 4, 4), np.float32))
    assert not block(x).numpy().any()


def test_plain_networks_refuse_stochastic_depth() -> None:
    with pytest.raises(ValueError, match=r"^stochastic_depth: only networks with shortcuts"):
        models.create("plain20", stochastic_depth=0.5)
