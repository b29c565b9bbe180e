"""What the table of functions cannot see of activations and softmax: papers' claims, ends of pieces, random slopes; dropout; linear."""

from collections.abc import Callable

import numpy as np
import pytest
from drawing import apart, leaf, pair, seeds, smooth
from hypothesis import given
from hypothesis import strategies as st

import minitorch_cv as mt
from minitorch_cv import functional as F
from minitorch_cv.autograd import gradcheck, gradgradcheck
from minitorch_cv.testing import assert_close

SMOOTH = [F.tanh, F.sigmoid, F.erf, F.silu, F.mish, F.gelu, F.hardswish, F.softsign, F.softplus, F.elu, F.logsigmoid]


@pytest.mark.parametrize("function", [F.relu, F.leaky_relu, *SMOOTH, lambda x: F.softmax(x, 1), lambda x: F.log_softmax(x, 0)])
def test_third_order(function: Callable) -> None:
    """The gradient of a gradient is a function like any other."""
    x = leaf(apart(np.random.default_rng(0), 2, 3))

    def slope(x: mt.Tensor) -> mt.Tensor:
        (gx,) = mt.autograd.grad((function(x) * x * x).sum(), [x], create_graph=True)
        return gx

    assert gradgradcheck(slope, [x])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_special_values(backend: str, dtype: type) -> None:
    x = mt.tensor(np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1000.0, -1000.0], dtype), requires_grad=True)
    y = F.relu(x)
    assert np.array_equal(y.numpy(), np.array([np.nan, np.inf, 0, 0, 0, 1000, 0], dtype), equal_nan=True)
    y.sum().backward()
    assert x.grad.numpy().tolist() == [1, 1, 0, 0, 0, 1, 0]
    assert np.array_equal(F.tanh(x).numpy(), np.array([np.nan, 1, -1, 0, 0, 1, -1], dtype), equal_nan=True)
    z = mt.tensor(np.array([[1000.0, 1000.0, -1000.0], [np.nan, 0.0, 0.0]], dtype))
    assert np.array_equal(F.softmax(z, 1).numpy(), [[0.5, 0.5, 0], [np.nan] * 3], equal_nan=True)
    assert F.log_softmax(z, 1).numpy()[0, 2] == -2000 - np.log(dtype(2))


def test_selu_has_a_fixed_point() -> None:
    """Numbers of mean 0 and variance 1 come out so: what alpha and scale were made for (Klambauer et al. 2017, equation 14)."""
    x, step = np.linspace(-12, 12, 200_001, retstep=True)
    density = np.exp(-x * x / 2) / np.sqrt(2 * np.pi) * step
    y = F.selu(mt.from_numpy(x)).numpy()
    assert abs((y * density).sum()) < 1e-7
    assert (y * y * density).sum() == pytest.approx(1, abs=1e-7)


def test_gelu_and_its_approximation() -> None:
    x = mt.from_numpy(np.linspace(-6, 6, 10_001))
    difference = np.abs(F.gelu(x).numpy() - F.gelu(x, approximate="tanh").numpy()).max()
    assert 1e-4 < difference < 5e-4


def test_logarithm_of_a_sigmoid_that_underflows() -> None:
    y = F.logsigmoid(mt.tensor([-800.0, -200.0, 200.0], dtype=np.float32)).numpy()
    assert y.tolist() == [-800, -200, 0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_where_the_shrinks_begin(backend: str, dtype: type) -> None:
    """lambd itself is still shrunk to 0, the next number is not; 0.3 is not a binary fraction."""
    edge = dtype(0.3)
    x = mt.from_numpy(np.array([-edge, np.nextafter(-edge, dtype(-1)), edge, np.nextafter(edge, dtype(1)), np.nan], dtype))
    assert (F.hardshrink(x, 0.3).numpy() != 0).tolist() == [False, True, False, True, True]
    x = x.clone().requires_grad_()
    F.softshrink(x, 0.3)[:4].sum().backward()
    assert x.grad.numpy()[:4].tolist() == [0, 1, 0, 1]


class TestRReLU:
    def test_slopes_are_spread_evenly(self) -> None:
        mt.manual_seed(0)
        y = F.rrelu(mt.from_numpy(np.full((300, 300), -1.0)), 0.2, 0.6, training=True).numpy()
        slopes = -y
        assert slopes.min() >= 0.2
        assert slopes.max() < 0.6
        assert slopes.mean() == pytest.approx(0.4, abs=0.002)  # 5 standard errors
        assert np.unique(slopes).size > 80_000

    def test_positive_numbers_stay_and_the_seed_decides(self) -> None:
        x = mt.from_numpy(np.linspace(-3, 3, 50, dtype=np.float32))

        def draw() -> np.ndarray:
            mt.manual_seed(3)
            return F.rrelu(x, training=True).numpy()

        assert draw().dtype == np.float32
        assert np.array_equal(draw()[25:], x.numpy()[25:])
        assert np.array_equal(draw(), draw())
        assert not np.array_equal(draw(), F.rrelu(x, training=True).numpy())

    def test_in_evaluation_the_slope_is_the_middle(self) -> None:
        assert F.rrelu(mt.tensor([-4.0, 4.0]), 0.1, 0.4).numpy().tolist() == [-1, 4]


@pytest.mark.parametrize("function", [F.softmax, F.log_softmax])
def test_temperature(function: Callable, backend: str) -> None:
    x = mt.from_numpy(np.random.default_rng(0).standard_normal((3, 5)))
    assert_close(function(x, 1, temperature=2.5), function(x / 2.5, 1), 1e-15)
    assert_close(F.softmax(x, 1, temperature=1e6), np.full((3, 5), 0.2), 1e-5)


def test_channels_last_images_are_not_copied_by_softmax() -> None:
    x = mt.from_numpy(np.ones((2, 4, 5, 3), np.float32).transpose(0, 3, 1, 2))
    assert F.softmax(x, 1).numpy().strides == x.numpy().strides


def test_softmax_errors() -> None:
    for dim, error in ((2, IndexError), (-3, IndexError), (None, TypeError)):
        with pytest.raises(error, match=f"dim: got {dim}"):
            F.softmax(mt.tensor(np.ones((2, 2))), dim)
    assert F.softmax(mt.tensor(np.array(3.0)), 0).item() == 1


@pytest.mark.parametrize("function", [F.relu, F.tanh, lambda x: F.softmax(x, 0), F.dropout])
def test_types(function: Callable) -> None:
    with pytest.raises(TypeError, match="input: got dtype int64"):
        function(mt.tensor(np.array([1, 2])))
    with pytest.raises(TypeError, match="input: got list"):
        function([1.0])


class TestDropout:
    def test_zeroes_a_share_and_keeps_the_mean(self) -> None:
        mt.manual_seed(0)
        y = F.dropout(mt.tensor(np.ones((200, 200), np.float32)), 0.3).numpy()
        assert y.dtype == np.float32
        assert set(np.unique(y)) == {np.float32(0), np.float32(1 / 0.7)}
        assert (y == 0).mean() == pytest.approx(0.3, abs=0.012)  # 5 standard errors

    def test_gradient_is_the_same_mask(self) -> None:
        x = leaf(np.ones((4, 5)))
        y = F.dropout(x)
        y.sum().backward()
        assert np.array_equal(x.grad.numpy(), y.numpy())

    def test_second_order(self) -> None:
        def repeatable(x: mt.Tensor) -> mt.Tensor:
            mt.manual_seed(4)
            return F.dropout(x * x, 0.4)

        x = leaf(smooth(np.random.default_rng(0), 3, 4))
        assert gradcheck(repeatable, [x])
        assert gradgradcheck(repeatable, [x])

    def test_seed_and_memory_order(self) -> None:
        x = np.ones((2, 3, 4, 5))

        def draw(array: np.ndarray) -> np.ndarray:
            mt.manual_seed(1)
            return F.dropout(mt.from_numpy(array)).numpy()

        assert np.array_equal(draw(x), draw(x))
        assert np.array_equal(draw(x), draw(np.ones((2, 4, 5, 3)).transpose(0, 3, 1, 2)))
        mt.manual_seed(1)
        assert not np.array_equal(F.dropout(mt.tensor(x)).numpy(), F.dropout(mt.tensor(x)).numpy())

    def test_extremes(self) -> None:
        x = mt.tensor(np.ones(5))
        assert F.dropout(x, 0.9, training=False) is x
        assert F.dropout(x, 0.0) is x
        assert not F.dropout(x, 1.0).numpy().any()
        for p in (-0.1, 1.1):
            with pytest.raises(ValueError, match="p: got"):
                F.dropout(x, p)


class TestLinear:
    @given(leading=st.lists(st.integers(1, 3), max_size=3), sizes=pair(1, 4), bias=st.booleans(), seed=seeds)
    def test_gradients(self, backend: str, leading: list[int], sizes: tuple[int, int], bias: bool, seed: int) -> None:
        rng = np.random.default_rng(seed)
        inputs = [leaf(smooth(rng, *leading, sizes[0])), leaf(smooth(rng, sizes[0], sizes[1]).T)]
        inputs += [leaf(smooth(rng, sizes[1]))] if bias else []
        expected = inputs[0].numpy() @ inputs[1].numpy().T + (inputs[2].numpy() if bias else 0)
        assert_close(F.linear(*inputs), expected, 1e-13)
        assert gradcheck(F.linear, inputs)
        assert gradgradcheck(F.linear, inputs)

    def test_empty_batch(self, backend: str) -> None:
        x, weight, bias = leaf(np.zeros((0, 3))), leaf(np.ones((2, 3))), leaf(np.ones(2))
        y = F.linear(x, weight, bias)
        assert y.shape == (0, 2)
        y.sum().backward()
        assert not weight.grad.numpy().any()
        assert not bias.grad.numpy().any()

    def test_errors(self) -> None:
        x, weight = mt.tensor(np.ones((2, 3))), mt.tensor(np.ones((4, 3)))
        with pytest.raises(ValueError, match=r"input: got shape \(2, 4\), expected 3 features last"):
            F.linear(mt.tensor(np.ones((2, 4))), weight)
        with pytest.raises(ValueError, match=r"weight: got shape \(3,\)"):
            F.linear(x, mt.tensor(np.ones(3)))
        with pytest.raises(ValueError, match=r"bias: got shape \(3,\), expected \(4,\)"):
            F.linear(x, weight, mt.tensor(np.ones(3)))
        with pytest.raises(TypeError, match="weight: got float32, expected float64"):
            F.linear(x, mt.tensor(np.ones((4, 3), np.float32)))
