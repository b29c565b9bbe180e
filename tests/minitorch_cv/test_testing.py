"""The checks that users call: each planted fault is found, and what is right passes."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import kernels
import minitorch_cv as mt
from minitorch_cv.autograd import Function
from minitorch_cv.testing import ORDERS, CheckError, Domain, arranged, check_function, check_kernel

X = Domain().draw(np.random.default_rng(0), 2, 3, 4, 5)


class Cube(Function):
    @staticmethod
    def forward(ctx: Any, x: np.ndarray) -> np.ndarray:
        ctx.save_inputs(0)
        return x * x * x

    @staticmethod
    def backward(ctx: Any, gy: mt.Tensor) -> mt.Tensor:
        (x,) = ctx.saved_inputs
        return gy * x * x * 3


class WrongGradient(Cube):
    @staticmethod
    def backward(ctx: Any, gy: mt.Tensor) -> mt.Tensor:
        (x,) = ctx.saved_inputs
        return gy * x * x * 3.001


class WrongSecondOrder(Cube):
    @staticmethod
    def backward(ctx: Any, gy: mt.Tensor) -> mt.Tensor:
        (x,) = ctx.saved_inputs
        return gy * (x * x * 3).detach()


class Elementwise(Function):
    """x * x by `rule`, with the right gradient: for faults of values."""

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, *, rule: Callable) -> np.ndarray:
        ctx.save_inputs(0)
        return rule(x)

    @staticmethod
    def backward(ctx: Any, gy: mt.Tensor) -> mt.Tensor:
        return gy * ctx.saved_inputs[0] * 2


def by(rule: Callable[[np.ndarray], np.ndarray]) -> Callable:
    return lambda x: Elementwise.apply(x, rule=rule)


def one_backend_differs(x: np.ndarray) -> np.ndarray:
    return x * x + (kernels.current_backend() == "numba")


def reads_memory(x: np.ndarray) -> np.ndarray:
    flat = np.lib.stride_tricks.as_strided(x, (x.size,), (x.itemsize,)) if min(x.strides) > 0 else x.ravel()
    return (flat * flat).reshape(x.shape)


def writes_into_its_input(x: np.ndarray) -> np.ndarray:
    y = x * x
    if x.flags.writeable:
        x += 1
    return y


def count_calls() -> Callable[[np.ndarray], np.ndarray]:
    calls = [0]

    def rule(x: np.ndarray) -> np.ndarray:
        calls[0] += 1
        return x * x + (x.dtype == np.float32) * x.dtype.type(1e-7) * calls[0]

    return rule


def test_what_is_right_passes() -> None:
    check_function(Cube.apply, [X])
    check_function(by(lambda x: x * x), [X])
    check_function(mt.functional.dropout, [X], {"p": 0.3})  # draws, but the same in each run
    check_function(mt.cat, [[X, X]], {"dim": 1})
    check_function(mt.argmax, [X], {"dim": 1}, differentiable=False)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (WrongGradient.apply, "backend 'numpy': the gradient with respect to input 0"),
        (WrongSecondOrder.apply, "second order: backend 'numpy': the gradient with respect to input 0"),
        (by(one_backend_differs), "backend 'numba': output 0: error"),
        (by(reads_memory), "memory order '.*output 0: error"),
        (by(writes_into_its_input), "input 0: the function wrote into it"),
        (by(lambda x: (x * x).astype(np.float64)), "float32: .*output 0: float64, expected float32"),
        (by(lambda x: x * x + (x.dtype == np.float32) * x.dtype.type(1e-3)), "float32: .*output 0: error"),
        (by(count_calls()), "float32: .*output 0: error .* > 0"),
        (lambda x: (x * x).detach(), "differentiable: got True"),
        (lambda x: (x * x).sum().item(), "the function returned no Tensor"),
        (lambda x: x * np.random.default_rng().random(), "second call: backend 'numpy': output 0: error"),
    ],
)
def test_faults_are_found(function: Callable, message: str) -> None:
    with pytest.raises(CheckError, match=message):
        check_function(function, [X])


def test_arguments_that_check_nothing() -> None:
    with pytest.raises(TypeError, match="args: got ndarray, expected a list"):
        check_function(Cube.apply, X)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="args: got no float64 array"):
        check_function(Cube.apply, [X.astype(np.float32)])


def test_second_order_can_be_left_out() -> None:
    check_function(WrongSecondOrder.apply, [X], second_order=False)


def test_differentiable_by_surprise() -> None:
    with pytest.raises(CheckError, match="differentiable: got False, but the result has a gradient"):
        check_function(Cube.apply, [X], differentiable=False)


def test_the_generator_is_left_as_it_was() -> None:
    mt.manual_seed(5)
    before = mt.random.get_state()
    check_function(Cube.apply, [X])
    assert mt.random.get_state() == before


class TestKernel:
    def test_what_is_right_passes(self) -> None:
        check_kernel(lambda x, n: (x * n, x.argmax()), lambda x, n: (n * x, np.argmax(x)), [X, 3])

    @pytest.mark.parametrize(
        ("kernel", "message"),
        [
            (lambda x: x + x + 1e-3, "float64, memory order 'contiguous': result 0: error"),
            (lambda x: (2 * x).astype(np.float64), "float32, .* result 0: float64, expected float32"),
            (lambda x: 2 * x[:1], r"result 0: shape \(1, 3, 4, 5\), expected"),
            (lambda x: 2 * reads_memory(x) / np.where(x == 0, 1, x), "memory order '.*': result 0: error"),
            (lambda x: writes_into_its_input(x) * 0 + 2 * x - 2, "argument 0: the kernel wrote into it"),
            (lambda x: (2 * x, x), "2 results, expected 1"),
            (lambda x: 2 * x + np.random.default_rng().random() * 1e-12, "result 0 of a second call: error"),
        ],
    )
    def test_faults_are_found(self, kernel: Callable, message: str) -> None:
        with pytest.raises(CheckError, match=message):
            check_kernel(kernel, lambda x: 2 * x, [X])


class TestDomain:
    def test_stays_inside_and_away_from_kinks(self) -> None:
        for seed in range(20):
            x = Domain(-1, 3, kinks=(0, 1.5)).draw(np.random.default_rng(seed), 10, 20)
            assert x.shape == (10, 20)
            assert ((x > -1) & (x < 3)).all()
            assert min(abs(x - kink).min() for kink in (0, 1.5)) > 0.01
            assert np.array_equal(x, x.astype(np.float32))

    def test_distinct(self) -> None:
        x = np.sort(Domain(distinct=True).draw(np.random.default_rng(0), 500))
        assert np.diff(x).min() > 1e-3

    def test_anywhere_meets_kinks_and_ties(self) -> None:
        x = Domain(-1, 3, kinks=(0.5,)).draw_anywhere(np.random.default_rng(0), 100)
        assert {0.5, -1, 3, 0} <= set(x)

    def test_no_room(self) -> None:
        with pytest.raises(ValueError, match="kinks: got"):
            Domain(0, 0.03, kinks=(0.01,)).draw(np.random.default_rng(0), 5)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 3, 4, 5), (0, 2, 2)])
def test_arranged_keeps_the_values(order: str, shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).standard_normal(shape)
    y = arranged(x, order)
    assert np.array_equal(x, y)
    assert not np.may_share_memory(x, y)


def test_orders_differ() -> None:
    assert len({(arranged(X, order).strides, arranged(X, order).flags.writeable) for order in ORDERS}) == len(ORDERS)
    with pytest.raises(ValueError, match="order: got 'random'"):
        arranged(X, "random")
