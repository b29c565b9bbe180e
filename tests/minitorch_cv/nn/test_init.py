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


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (5, 5), (8, 3, 2, 2), (4, 2, 3, 3), (1, 7)])
def test_orthogonal(shape: tuple[int, ...]) -> None:
    values = init.orthogonal_(mt.zeros(*shape, dtype=np.float64), gain=3.0, generator=np.random.default_rng(0)).numpy()
    matrix = values.reshape(shape[0], -1) / 3
    product = matrix @ matrix.T if matrix.shape[0] <= matrix.shape[1] else matrix.T @ matrix
    np.testing.assert_allclose(product, np.eye(len(product)), atol=1e-14)


def test_orthogonal_is_as_random_as_can_be() -> None:
    """Every entry of a random orthogonal matrix has mean 0 and variance 1 / size; QR alone would have fixed the signs of a triangle."""
    rng = np.random.default_rng(0)
    draws = np.array([init.orthogonal_(mt.zeros(3, 3, dtype=np.float64), generator=rng).numpy() for _ in range(2000)])
    np.testing.assert_allclose(draws.mean(axis=0), 0, atol=5 / math.sqrt(3 * 2000))
    np.testing.assert_allclose((draws**2).mean(axis=0), 1 / 3, atol=5 * 0.3 / math.sqrt(2000))


@pytest.mark.parametrize(
    ("mean", "std", "a", "b"),
    [(0.0, 1.0, -2.0, 2.0), (1.0, 2.0, 0.0, 10.0), (0.0, 1.0, 1.5, 9.0), (5.0, 0.5, -1.0, 4.0), (0.0, 2.0, 0.1, 0.3)],
)
def test_truncated_normal(mean: float, std: float, a: float, b: float) -> None:
    """The share below each of some places is that of the definition: (cdf(x) - cdf(a)) / (cdf(b) - cdf(a))."""
    count = 20_000
    values = init.trunc_normal_(mt.zeros(count), mean, std, a, b, np.random.default_rng(1)).numpy()
    assert np.float32(a) <= values.min()
    assert values.max() <= np.float32(b)

    def upper(x: float) -> float:  # the share above x: its difference keeps its digits in the tail
        return math.erfc((x - mean) / std / math.sqrt(2)) / 2

    for place in np.quantile(values, [0.1, 0.3, 0.5, 0.7, 0.9]):
        expected = (upper(a) - upper(float(place))) / (upper(a) - upper(b))
        assert (values < place).mean() == pytest.approx(expected, abs=5 * 0.5 / math.sqrt(count))


def test_eye_dirac_sparse() -> None:
    assert init.eye_(mt.ones(2, 3)).numpy().tolist() == [[1, 0, 0], [0, 1, 0]]
    kernel = init.dirac_(mt.ones(6, 2, 3, 4), groups=2).numpy()
    places = np.argwhere(kernel).tolist()
    assert places == [[0, 0, 1, 2], [1, 1, 1, 2], [3, 0, 1, 2], [4, 1, 1, 2]]
    assert kernel.sum() == 4
    assert init.dirac_(mt.ones(2, 2, 3)).numpy().tolist() == [[[0, 1, 0], [0, 0, 0]], [[0, 0, 0], [0, 1, 0]]]
    matrix = init.sparse_(mt.zeros(10, 200), 0.25, std=2.0, generator=np.random.default_rng(0)).numpy()
    assert ((matrix == 0).sum(axis=0) == 3).all()
    assert matrix[matrix != 0].std() == pytest.approx(2, rel=0.1)
    assert len({tuple(column) for column in (matrix == 0).T.tolist()}) > 50


# --- LSUV


def signals(model: nn.Module, batch: mt.Tensor) -> list[float]:
    """The variance of what each convolution and linear layer answers, in order of execution."""
    found: list[float] = []
    layers = [module for module in model.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    handles = [layer.register_forward_hook(lambda module, args, output: found.append(float(output.numpy().var()))) for layer in layers]
    model(batch)
    for handle in handles:
        handle.remove()
    return found


def network() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 16, 20),
        nn.Tanh(), nn.Linear(20, 5),
    )  # fmt: skip


def test_lsuv_gives_unit_variance() -> None:
    rng = np.random.default_rng(0)
    batch = mt.from_numpy(rng.normal(3.0, 50.0, (16, 3, 8, 8)).astype(np.float32))
    model = network()
    assert init.lsuv_(model, batch, tol=0.01, generator=rng) is model
    assert int(model[3].num_batches_tracked.numpy()) == 0
    assert not model[3].running_mean.numpy().any()
    np.testing.assert_allclose(signals(model, batch), 1, atol=0.01)
    for layer in (model[0], model[2], model[6], model[8]):  # still orthogonal, up to a factor
        matrix = layer.weight.numpy().reshape(layer.weight.shape[0], -1).astype(np.float64)
        product = matrix @ matrix.T
        np.testing.assert_allclose(product, np.eye(len(product)) * product[0, 0], atol=1e-5 * product[0, 0])
    assert not model[0].bias.numpy().any()
    assert model.training
    assert all(parameter.requires_grad and parameter.is_leaf for parameter in model.parameters())


def test_lsuv_goes_by_execution_and_stops_in_time() -> None:
    class Backwards(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.last, self.unused, self.first = nn.Linear(6, 4), nn.Linear(6, 6), nn.Linear(3, 6)
            self.first_calls = 0
            self.first.register_forward_pre_hook(lambda module, args: setattr(self, "first_calls", self.first_calls + 1))

        def forward(self, x: mt.Tensor) -> mt.Tensor:
            return self.last(self.first(x))

    rng = np.random.default_rng(0)
    batch = mt.from_numpy((100 * rng.standard_normal((50, 3))).astype(np.float32))
    model = init.lsuv_(Backwards(), batch, tol=0.01, generator=rng)
    np.testing.assert_allclose(signals(model, batch), 1, atol=0.01)
    np.testing.assert_allclose(model.unused.weight.numpy() @ model.unused.weight.numpy().T, np.eye(6), atol=1e-6)
    model = init.lsuv_(Backwards(), batch, max_iter=0)
    assert signals(model, batch)[0] > 100
    assert init.lsuv_(Backwards(), batch * 0).first_calls == 3  # a constant output has no variance to divide by
    with pytest.raises(ValueError, match="batch: the output of first has the variance nan"):
        init.lsuv_(Backwards(), batch * math.nan)


def test_errors() -> None:
    with pytest.raises(ValueError, match=r"tensor: got shape \(3,\), expected at least 2 dimensions"):
        init.kaiming_normal_(mt.zeros(3))
    with pytest.raises(ValueError, match="mode: got 'fan'"):
        init.kaiming_normal_(mt.zeros(3, 3), mode="fan")
    with pytest.raises(ValueError, match="a: got 2"):
        init.uniform_(mt.zeros(3), 2, 1)
    with pytest.raises(ValueError, match="std: got -1"):
        init.normal_(mt.zeros(3), 0, -1)
    for function, shape, options, says in (
        (init.orthogonal_, (3,), {}, r"tensor: got shape \(3,\), expected at least 2 dimensions"),
        (init.eye_, (3,), {}, r"tensor: got shape \(3,\), expected 2 dimensions"),
        (init.dirac_, (3, 3), {}, r"tensor: got shape \(3, 3\), expected 3, 4 or 5 dimensions"),
        (init.dirac_, (3, 3, 1), {"groups": 2}, "groups: got 2, expected a divisor of the 3 output channels"),
        (init.sparse_, (3,), {"sparsity": 0.1}, r"tensor: got shape \(3,\), expected 2 dimensions"),
        (init.sparse_, (3, 3), {"sparsity": 1.1}, r"sparsity: got 1\.1"),
        (init.trunc_normal_, (3,), {"std": 0}, "std: got 0, expected a positive number"),
        (init.trunc_normal_, (3,), {"a": 2}, r"a: got 2, expected less than b = 2\.0"),
    ):
        with pytest.raises(ValueError, match=says):
            function(mt.zeros(*shape), **options)
    for options, says in (({"tol": 0}, "tol: got 0"), ({"max_iter": -1}, "max_iter: got -1")):
        with pytest.raises(ValueError, match=says):
            init.lsuv_(nn.Linear(2, 2), mt.zeros(1, 2), **options)
    with pytest.raises(TypeError, match="tensor: got ndarray"):
        init.zeros_(np.ones(3))  # type: ignore[arg-type]
