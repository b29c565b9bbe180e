"""Initial values: fans, gains and bounds against PyTorch's, and the distributions that are drawn."""

import math
from collections.abc import Callable

import numpy as np
import pytest

import minitorch_cv as mt
from minitorch_cv import nn
from minitorch_cv.nn import init

# Computed by PyTorch. For each shape: fan_in, fan_out, kaiming_normal std (ReLU) by fan_out and by fan_in, xavier_uniform bound,
# xavier_normal std, bound of the default initialisation.
KNOWN = {
    (64, 3, 7, 7): (147, 3136, 0.02525381361380527, 0.11664236870396087, 0.04275040011889855, 0.024681955016610288, 0.08247860988423225),
    (32, 1, 3, 3): (9, 288, 0.08333333333333334, 0.47140452079103173, 0.1421338109037403, 0.08206099398622183, 0.3333333333333333),
    (10, 512): (512, 10, 0.4472135954999579, 0.0625, 0.10721125348377948, 0.06189844605901729, 0.044194173824159216),
    (16, 8, 1, 5): (40, 80, 0.15811388300841897, 0.22360679774997896, 0.22360679774997896, 0.12909944487358055, 0.15811388300841897),
}
GAINS = {"linear": 1, "conv2d": 1, "sigmoid": 1, "tanh": 5 / 3, "relu": 1.4142135623730951, "selu": 0.75, "leaky_relu": 1.4141428569978354}


class Recorder(np.random.Generator):
    """A generator that notes what it was asked for, and gives zeros."""

    def __init__(self) -> None:
        super().__init__(np.random.PCG64(0))
        self.asked: tuple = ()

    def uniform(self, low: float, high: float, size: tuple) -> np.ndarray:  # type: ignore[override]
        self.asked = (low, high)
        return np.zeros(size)

    def normal(self, mean: float, std: float, size: tuple) -> np.ndarray:  # type: ignore[override]
        self.asked = (mean, std)
        return np.zeros(size)


def asked(function: Callable, shape: tuple[int, ...], **options: object) -> tuple:
    recorder = Recorder()
    function(mt.zeros(*shape), generator=recorder, **options)
    return recorder.asked


@pytest.mark.parametrize("shape", KNOWN)
def test_scales_are_pytorchs(shape: tuple[int, ...]) -> None:
    fan_in, fan_out, out_std, in_std, xavier_bound, xavier_std, default_bound = KNOWN[shape]
    assert init._calculate_fan_in_and_fan_out(mt.zeros(*shape)) == (fan_in, fan_out)
    assert asked(init.kaiming_normal_, shape, mode="fan_out", nonlinearity="relu") == pytest.approx((0, out_std), rel=1e-14)
    assert asked(init.kaiming_normal_, shape, nonlinearity="relu") == pytest.approx((0, in_std), rel=1e-14)
    assert asked(init.kaiming_normal_, shape) == pytest.approx((0, in_std), rel=1e-14)  # leaky ReLU of slope 0
    assert asked(init.kaiming_uniform_, shape) == pytest.approx((-in_std * math.sqrt(3), in_std * math.sqrt(3)), rel=1e-14)
    assert asked(init.kaiming_uniform_, shape, a=math.sqrt(5)) == pytest.approx((-default_bound, default_bound), rel=1e-14)
    assert asked(init.xavier_uniform_, shape) == pytest.approx((-xavier_bound, xavier_bound), rel=1e-14)
    assert asked(init.xavier_normal_, shape, gain=2.0) == pytest.approx((0, 2 * xavier_std), rel=1e-14)


@pytest.mark.parametrize("nonlinearity", GAINS)
def test_gains_are_pytorchs(nonlinearity: str) -> None:
    assert init.calculate_gain(nonlinearity) == pytest.approx(GAINS[nonlinearity], rel=1e-15)


def test_gain_of_a_slope() -> None:
    assert init.calculate_gain("leaky_relu", 0.2) == pytest.approx(1.3867504905630728, rel=1e-15)
    with pytest.raises(ValueError, match="nonlinearity: got 'relu7'"):
        init.calculate_gain("relu7")


def test_distributions() -> None:
    mt.manual_seed(3)
    values = init.normal_(mt.zeros(200, 200), 1.0, 2.0).numpy()
    assert values.mean() == pytest.approx(1, abs=0.05)  # 5 standard errors
    assert values.std() == pytest.approx(2, abs=0.04)
    values = init.uniform_(mt.zeros(200, 200), -1.0, 3.0).numpy()
    assert -1 <= values.min() < -0.99
    assert 2.99 < values.max() <= 3
    assert values.mean() == pytest.approx(1, abs=0.03)


def test_in_place_outside_the_graph_and_for_every_memory_order() -> None:
    parameter = nn.Parameter(np.ones((2, 3), np.float32))
    mt.manual_seed(1)
    assert init.uniform_(parameter) is parameter
    assert parameter.requires_grad
    assert parameter.is_leaf
    assert parameter.dtype == np.float32
    transposed = mt.from_numpy(np.ones((3, 2), np.float32).T)
    mt.manual_seed(1)
    init.uniform_(transposed)
    assert np.array_equal(transposed.numpy(), parameter.numpy())
    assert not init.zeros_(parameter).numpy().any()
    assert (init.ones_(parameter).numpy() == 1).all()
    assert (init.constant_(parameter, 0.25).numpy() == 0.25).all()


def test_the_seed_decides() -> None:
    def draw(seed: int) -> list[np.ndarray]:
        mt.manual_seed(seed)
        return [value.numpy() for value in nn.Sequential(nn.Conv2d(2, 3, 3), nn.Linear(4, 5)).state_dict().values()]

    first, again, other = draw(5), draw(5), draw(6)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not any(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def test_layers_start_as_pytorchs_do() -> None:
    """Uniform on [-1/sqrt(fan_in), 1/sqrt(fan_in)], weight and bias."""
    mt.manual_seed(0)
    for layer, bound in ((nn.Conv2d(64, 64, 3, groups=2), 1 / math.sqrt(32 * 9)), (nn.Linear(300, 400), 1 / math.sqrt(300))):
        weight, bias = layer.weight.numpy(), layer.bias.numpy()
        assert 0.99 * bound < abs(weight).max() <= bound * (1 + 1e-6)
        assert weight.std() == pytest.approx(bound / math.sqrt(3), rel=0.05)
        assert 0.8 * bound < abs(bias).max() <= bound * (1 + 1e-6)
    transposed = nn.ConvTranspose2d(8, 32, 3)  # PyTorch takes weight.shape[1] * KH * KW, here of (8, 32, 3, 3)
    assert abs(transposed.weight.numpy()).max() <= 1 / math.sqrt(32 * 9)


def test_errors() -> None:
    with pytest.raises(ValueError, match=r"tensor: got shape \(3,\), expected at least 2 dimensions"):
        init.kaiming_normal_(mt.zeros(3))
    with pytest.raises(ValueError, match="mode: got 'fan'"):
        init.kaiming_normal_(mt.zeros(3, 3), mode="fan")
    with pytest.raises(ValueError, match="a: got 2"):
        init.uniform_(mt.zeros(3), 2, 1)
    with pytest.raises(ValueError, match="std: got -1"):
        init.normal_(mt.zeros(3), 0, -1)
    with pytest.raises(TypeError, match="tensor: got ndarray"):
        init.zeros_(np.ones(3))  # type: ignore[arg-type]
