"""Highway layers: the formula, and what the gates do to the gradient."""

import numpy as np
import pytest
import zoo

import minitorch_cv as mt
import minitorch_cv.functional as F
import models
from minitorch_cv.testing import assert_close
from models.highway import HighwayLayer


def layer(carry: float) -> tuple[HighwayLayer, mt.Tensor]:
    mt.manual_seed(2)
    images = np.random.default_rng(0).standard_normal((2, 4, 5, 5))
    return HighwayLayer(4, carry).double(), mt.from_numpy(images)


def test_formula() -> None:
    """y = H(x) T(x) + x (1 - T(x))."""
    highway, x = layer(-2.0)
    H = np.maximum(highway.transform(x).detach().numpy(), 0)
    T = 1 / (1 + np.exp(-highway.gate(x).detach().numpy()))
    assert_close(highway(x), H * T + x.numpy() * (1 - T), 1e-14, "output")
    assert 0.02 < T.mean() < 0.3  # mostly carried: the sigmoid of -2 is 0.12


def test_closed_and_open_gates() -> None:
    highway, x = layer(-50.0)
    assert_close(highway(x), x.numpy(), 1e-14, "carried")
    highway, x = layer(50.0)
    assert_close(highway(x), F.relu(highway.transform(x)).detach().numpy(), 1e-14, "computed anew")


@pytest.mark.parametrize("carry", [-2.0, -4.0])
def test_gates_start_negative(carry: float) -> None:
    state = models.create("highway_cifar", width=1 / 8, carry=carry).state_dict()
    gates = [value.numpy() for key, value in state.items() if key.endswith("gate.bias")]
    assert len(gates) == 14
    assert all((bias == carry).all() for bias in gates)


def test_gradient_reaches_the_first_layer_of_a_hundred() -> None:
    """Carried past a hundred layers the gradient keeps its size; with open gates, as in a plain network, it is lost."""
    def size_of_gradient(carry: float) -> float:
        mt.manual_seed(0)
        x = mt.from_numpy(np.random.default_rng(1).standard_normal((1, 4, 4, 4)).astype(np.float32)).requires_grad_()
        y = x
        for _ in range(100):
            y = HighwayLayer(4, carry)(y)
        y.sum().backward()
        return float(np.linalg.norm(x.grad.numpy()))

    assert size_of_gradient(-4.0) > 0.1
    assert size_of_gradient(4.0) < 1e-4


def test_nineteen_layers() -> None:
    """One conv with weights counts once: 3 + 14 + 1 convolutions and a linear layer."""
    model = zoo.on_meta("highway_cifar")
    assert sum(isinstance(module, HighwayLayer) for module in model.modules()) == 14
    assert sum(module.weight.ndim == 4 for module in model.features.modules() if type(module).__name__ == "Conv2d") == 4 + 2 * 14
