"""Averages of weights: the definition, what is swapped, saving."""

import json

import numpy as np
import pytest

from minitorch_cv import nn
from minitorch_cv.optim import EMA
from minitorch_cv.tensor import Tensor


def network() -> nn.Module:
    """A weight and a bias (under two paths), running statistics, and an integer that counts batches."""
    net = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm2d(2), nn.Linear(3, 3))
    net[2].weight = net[0].weight
    return net


def walk(net: nn.Module, seed: int) -> dict[str, np.ndarray]:
    """Put other numbers into a network; returns them by path."""
    rng = np.random.default_rng(seed)
    values = {path: (10 * rng.random(tensor.shape)).astype(tensor.dtype) for path, tensor in net.state_dict().items()}
    values["2.weight"] = values["0.weight"]
    net.load_state_dict(values)
    return values


@pytest.mark.parametrize("warmup", [False, True])
@pytest.mark.parametrize("buffers", [False, True])
def test_the_definition(warmup: bool, buffers: bool, backend: str) -> None:
    net = network()
    ema = EMA(net, decay=0.6, warmup=warmup, buffers=buffers)
    expected: dict[str, np.ndarray] = {}
    for t in range(12):
        values = walk(net, t)
        ema.update()
        decay = min(0.6, (1 + t) / (10 + t)) if warmup else 0.6
        for path, value in values.items():
            copied = t == 0 or value.dtype.kind == "i" or (not buffers and "running" in path)
            expected[path] = value if copied else decay * expected[path] + (1 - decay) * value
    assert set(ema.averages) == set(expected) - {"2.weight"}  # what is shared is averaged once
    for path, average in ema.averages.items():
        assert average.dtype == net.state_dict()[path].dtype
        np.testing.assert_allclose(average, expected[path], rtol=1e-5)
    for path, tensor in net.state_dict().items():
        np.testing.assert_array_equal(tensor.data, values[path])  # the network is not touched


def test_swapped_and_back() -> None:
    net = network()
    ema = EMA(net, decay=0.5)
    first, second = walk(net, 0), None
    ema.update()
    second = walk(net, 1)
    ema.update()
    y = (net[0].weight * net[0].weight).sum()
    with ema.swapped() as model:
        assert model is net
        np.testing.assert_allclose(net[2].weight.data, (first["0.weight"] + second["0.weight"]) / 2, rtol=1e-6)
        np.testing.assert_array_equal(ema.averages["0.weight"], second["0.weight"])
    with pytest.raises(KeyError), ema.swapped():
        raise KeyError("in the block")
    for path, tensor in net.state_dict().items():
        np.testing.assert_array_equal(tensor.data, second[path])
    with pytest.raises(RuntimeError, match="in place"):
        y.backward()  # the weights were others in between: autograd notices


def test_before_the_first_update_the_average_is_what_it_began_with() -> None:
    net = network()
    before = net[0].weight.data.copy()
    ema = EMA(net)
    walk(net, 0)
    with ema.swapped():
        np.testing.assert_array_equal(net[0].weight.data, before)


def test_going_on_is_exact() -> None:
    net, other = network(), network()
    ema, resumed = EMA(net, 0.9, warmup=True), EMA(other, 0.9, warmup=True)
    for t in range(3):
        walk(net, t)
        ema.update()
    saved = ema.state_dict()
    resumed.load_state_dict(saved)
    for t in range(3, 6):
        walk(net, t)
        walk(other, t)
        ema.update()
        resumed.update()
    for path, average in ema.averages.items():
        np.testing.assert_array_equal(resumed.averages[path], average)
    assert json.dumps(saved["updates"]) == "3"  # copies: what is saved does not move on


def test_errors() -> None:
    with pytest.raises(ValueError, match=r"decay: got 1\.5, expected a number from 0 to 1"):
        EMA(network(), 1.5)
    with pytest.raises(ValueError, match="model: weight is a shape-only tensor"):
        EMA(nn.Linear(2, 3, device="meta"))
    ema = EMA(nn.Linear(2, 3))
    before = ema.averages["weight"].copy()
    with pytest.raises(ValueError, match="state_dict: missing or unknown averages: bias"):
        ema.load_state_dict(EMA(nn.Linear(2, 3, bias=False)).state_dict())
    with pytest.raises(ValueError, match=r"state_dict: the average of weight has shape \(4, 2\), the model's \(3, 2\)"):
        ema.load_state_dict({"updates": 1, "averages": {"weight": np.ones((4, 2)), "bias": np.ones(3)}})
    np.testing.assert_array_equal(ema.averages["weight"], before)


def test_parameters_of_another_dtype_than_their_averages() -> None:
    net = nn.Linear(2, 2)
    ema = EMA(net)
    ema.update()
    net.weight.data = Tensor(net.weight.data.astype(np.float64)).data
    with pytest.raises(TypeError, match="grads"):
        ema.update()
