"""Activation layers: each is its function, with the options it was made with; PReLU's state; how they are shown."""

from collections.abc import Callable

import numpy as np
import pytest

import minitorch_cv as mt
from minitorch_cv import functional as F
from minitorch_cv import nn

X = np.random.default_rng(0).standard_normal((2, 4, 3, 6)).astype(np.float32) * 3

LAYERS: list[tuple[nn.Module, Callable, str]] = [
    (nn.ReLU(), F.relu, "ReLU()"),
    (nn.ReLU6(inplace=True), F.relu6, "ReLU6(inplace=True)"),
    (nn.SELU(), F.selu, "SELU()"),
    (nn.SiLU(inplace=True), F.silu, "SiLU(inplace=True)"),
    (nn.Mish(), F.mish, "Mish()"),
    (nn.Hardsigmoid(), F.hardsigmoid, "Hardsigmoid()"),
    (nn.Hardswish(), F.hardswish, "Hardswish()"),
    (nn.Tanh(), F.tanh, "Tanh()"),
    (nn.Sigmoid(), F.sigmoid, "Sigmoid()"),
    (nn.LogSigmoid(), F.logsigmoid, "LogSigmoid()"),
    (nn.Softsign(), F.softsign, "Softsign()"),
    (nn.Tanhshrink(), F.tanhshrink, "Tanhshrink()"),
    (nn.LeakyReLU(0.3, True), lambda x: F.leaky_relu(x, 0.3), "LeakyReLU(negative_slope=0.3, inplace=True)"),
    (nn.ELU(0.5), lambda x: F.elu(x, 0.5), "ELU(alpha=0.5)"),
    (nn.CELU(2.0), lambda x: F.celu(x, 2.0), "CELU(alpha=2.0)"),
    (nn.Hardtanh(-2, 1.5), lambda x: F.hardtanh(x, -2, 1.5), "Hardtanh(min_val=-2, max_val=1.5)"),
    (nn.Threshold(0.5, -3), lambda x: F.threshold(x, 0.5, -3), "Threshold(threshold=0.5, value=-3)"),
    (nn.GELU("tanh"), lambda x: F.gelu(x, "tanh"), "GELU(approximate='tanh')"),
    (nn.Softplus(2.0, 5.0), lambda x: F.softplus(x, 2.0, 5.0), "Softplus(beta=2.0, threshold=5.0)"),
    (nn.Softshrink(0.7), lambda x: F.softshrink(x, 0.7), "Softshrink(0.7)"),
    (nn.Hardshrink(0.7), lambda x: F.hardshrink(x, 0.7), "Hardshrink(0.7)"),
    (nn.RReLU(0.1, 0.2).eval(), lambda x: F.rrelu(x, 0.1, 0.2), "RReLU(lower=0.1, upper=0.2)"),
    (nn.GLU(1), lambda x: F.glu(x, 1), "GLU(dim=1)"),
    (nn.GLU(), F.glu, "GLU(dim=-1)"),
    (nn.Softmax(dim=2), lambda x: F.softmax(x, 2), "Softmax(dim=2)"),
    (nn.LogSoftmax(dim=-1), lambda x: F.log_softmax(x, -1), "LogSoftmax(dim=-1)"),
    (nn.Softmin(dim=0), lambda x: F.softmin(x, 0), "Softmin(dim=0)"),
    (nn.Softmax2d(), lambda x: F.softmax(x, 1), "Softmax2d()"),
    (nn.PReLU(4), lambda x: F.leaky_relu(x, 0.25), "PReLU(num_parameters=4)"),
]


@pytest.mark.parametrize(("layer", "function", "shown"), [pytest.param(*case, id=case[2]) for case in LAYERS])
def test_layer_is_its_function(layer: nn.Module, function: Callable, shown: str) -> None:
    assert np.array_equal(layer(mt.from_numpy(X)).numpy(), function(mt.from_numpy(X)).numpy())
    assert repr(layer) == shown


@pytest.mark.full
@pytest.mark.parametrize("shown", [case[2] for case in LAYERS])
def test_layer_is_shown_as_pytorch_shows_it(shown: str) -> None:
    torch = pytest.importorskip("torch")
    assert repr(eval(f"torch.nn.{shown}", {"torch": torch})) == shown


def test_rrelu_draws_in_training_only() -> None:
    layer, x = nn.RReLU(), mt.from_numpy(-np.ones(100, np.float32))
    assert np.unique(layer(x).numpy()).size > 90
    assert np.unique(layer.eval()(x).numpy()).size == 1


def test_prelu_learns_a_slope_for_each_channel() -> None:
    layer = nn.PReLU(4, init=0.5)
    assert layer.state_dict()["weight"].numpy().tolist() == [0.5] * 4
    layer(mt.from_numpy(X)).sum().backward()
    np.testing.assert_allclose(layer.weight.grad.numpy(), np.minimum(X, 0).sum((0, 2, 3)), rtol=1e-5)
    assert nn.PReLU().weight.shape == (1,)


def test_softmax2d_wants_images() -> None:
    with pytest.raises(ValueError, match=r"x: got shape \(2, 3\), expected images"):
        nn.Softmax2d()(mt.from_numpy(X[:, :3, 0, 0]))
