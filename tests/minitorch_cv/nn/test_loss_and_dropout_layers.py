"""Loss layers: their state. Dropout layers: their mode."""

from collections.abc import Callable

import numpy as np
import pytest

import minitorch_cv as mt
from minitorch_cv import nn, random


def test_a_loss_has_its_weights_in_its_state() -> None:
    weight = mt.tensor(np.array([1.0, 2.0, 0.5]))
    for layer in (nn.CrossEntropyLoss, nn.NLLLoss, nn.BCELoss):
        assert list(layer().state_dict()) == []
        assert list(layer(weight).state_dict()) == ["weight"]
    assert list(nn.BCEWithLogitsLoss(weight, pos_weight=weight).state_dict()) == ["weight", "pos_weight"]


def stochastic_depth(p: float) -> nn.Module:
    return nn.StochasticDepth(p, "row")


@pytest.mark.parametrize(
    "make", [nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout, stochastic_depth]
)
def test_dropout_layers_drop_in_training_alone(make: Callable) -> None:
    dims = {nn.Dropout1d: 1, nn.Dropout3d: 3}.get(make, 2)
    x = mt.tensor(np.arange(1.0, 801).reshape(20, 40, *[1] * dims))
    random.manual_seed(1)
    layer = make(0.3)
    assert not np.array_equal(layer(x).numpy(), x.numpy())
    assert layer.eval()(x) is x
    with pytest.raises(ValueError, match="p: got 2"):
        make(2)


def test_descriptions() -> None:
    assert repr(nn.Dropout2d(0.2)) == "Dropout2d(p=0.2, inplace=False)"
    assert repr(nn.StochasticDepth(0.1, "row")) == "StochasticDepth(p=0.1, mode=row)"
    with pytest.raises(ValueError, match="mode: got 'column', expected batch or row"):
        nn.StochasticDepth(0.1, "column")
