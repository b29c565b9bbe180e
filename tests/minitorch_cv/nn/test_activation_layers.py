"""Activation layers: what sets some of them apart from their functions."""

import numpy as np

import minitorch_cv as mt
from minitorch_cv import nn

X = np.random.default_rng(0).standard_normal((2, 4, 3, 6)).astype(np.float32) * 3


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
