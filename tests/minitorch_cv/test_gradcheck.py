"""gradcheck and gradgradcheck: what is right passes, and every kind of planted mistake is caught."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minitorch_cv as mt
from minitorch_cv.autograd import Function, GradcheckError, gradcheck, gradgradcheck


def leaf(*shape: int) -> mt.Tensor:
    return mt.tensor(np.random.default_rng(sum(shape)).standard_normal(shape), requires_grad=True)


def planted(forward: Callable, backward: Callable, **attributes: Any) -> Callable:
    """The function that computes `forward`, and of which `backward` claims to be the gradient."""

    def save_and_compute(ctx: Any, *arrays: np.ndarray) -> np.ndarray:
        ctx.save_inputs(*range(len(arrays)))
        ctx.save_outputs(0)
        return forward(*arrays)

    methods = {"forward": staticmethod(save_and_compute), "backward": staticmethod(backward)}
    return type("Planted", (Function,), methods | attributes).apply


def product(backward: Callable, **attributes: Any) -> tuple[Callable, list[mt.Tensor]]:
    return planted(lambda x, y: x * y, backward, **attributes), [leaf(3, 4), leaf(4)]


def matrices(backward: Callable) -> tuple[Callable, list[mt.Tensor]]:
    return planted(lambda x, y: x @ y, backward), [leaf(3, 3), leaf(3, 3)]


def curve(backward: Callable, forward: Callable = lambda x: x**3) -> tuple[Callable, list[mt.Tensor]]:
    return planted(forward, backward), [leaf(5)]


def right_product(ctx: Any, g: mt.Tensor) -> tuple:
    x, y = ctx.saved_inputs
    return g * y, (g * x).sum(0)


def without_history(x: mt.Tensor) -> mt.Tensor:
    return x.detach()


def last_element_wrong(ctx: Any, g: mt.Tensor) -> mt.Tensor:
    (x,) = ctx.saved_inputs
    factor = np.full(5, 3.0)
    factor[-1] = 3.003
    return g * x * x * factor


slope_of_wrong_slope = planted(lambda x: 3 * x**2, lambda ctx, g: g * ctx.saved_inputs[0] * 6.01)

RIGHT = {
    "product": product(right_product),
    "product, sums left to the walk": product(lambda ctx, g: (g * ctx.saved_inputs[1], g * ctx.saved_inputs[0]), broadcasts=True),
    "matrices": matrices(lambda ctx, g: (g @ ctx.saved_inputs[1].T, ctx.saved_inputs[0].T @ g)),
    "cube": curve(lambda ctx, g: g * ctx.saved_inputs[0] ** 2 * 3),
    "from the output": curve(lambda ctx, g: g * ctx.saved_outputs[0], np.exp),
    "constant": curve(lambda ctx, g: None, lambda x: x * 0 + 1),
}
WRONG_FIRST = {
    "wrong factor": curve(lambda ctx, g: g * ctx.saved_inputs[0] ** 2 * 3.001),
    "wrong sign": curve(lambda ctx, g: -g * ctx.saved_inputs[0] ** 2 * 3),
    "wrong exponent": curve(lambda ctx, g: g * ctx.saved_inputs[0] * 3),
    "one element wrong": curve(last_element_wrong),
    "shifted": curve(lambda ctx, g: mt.cat([(g * ctx.saved_inputs[0] ** 2 * 3)[1:], (g * ctx.saved_inputs[0] ** 2 * 3)[:1]])),
    "no gradient": curve(lambda ctx, g: None),
    "upstream gradient forgotten": curve(lambda ctx, g: ctx.saved_inputs[0] ** 2 * 3),
    "upstream gradient summed": curve(lambda ctx, g: g.sum() * ctx.saved_inputs[0] ** 2 * 3),
    "not transposed": matrices(lambda ctx, g: (g @ ctx.saved_inputs[1], ctx.saved_inputs[0].T @ g)),
    "transposed": matrices(lambda ctx, g: ((g @ ctx.saved_inputs[1].T).T, ctx.saved_inputs[0].T @ g)),
    "inputs exchanged": product(lambda ctx, g: (g * ctx.saved_inputs[1], (g * ctx.saved_inputs[0]).sum(0) * 0 + ctx.saved_inputs[1])),
    "not summed": product(lambda ctx, g: (g * ctx.saved_inputs[1], g * ctx.saved_inputs[0])),
    "first row instead of the sum": product(lambda ctx, g: (g * ctx.saved_inputs[1], (g * ctx.saved_inputs[0])[0])),
    "mean instead of the sum": product(lambda ctx, g: (g * ctx.saved_inputs[1], (g * ctx.saved_inputs[0]).mean(0))),
    "wrong only alone": product(lambda ctx, g: (g * ctx.saved_inputs[1] * (1 if ctx.needs[1] else 2), (g * ctx.saved_inputs[0]).sum(0))),
    "noise": curve(lambda ctx, g: g * ctx.saved_inputs[0] ** 2 * 3 + 1e-4),
}
WRONG_SECOND = {
    "history lost": curve(lambda ctx, g: g * without_history(ctx.saved_inputs[0]) ** 2 * 3),
    "history of the upstream gradient lost": curve(lambda ctx, g: without_history(g) * ctx.saved_inputs[0] ** 2 * 3),
    "history of the output lost": curve(lambda ctx, g: g * without_history(ctx.saved_outputs[0]), np.exp),
    "half of the history lost": curve(lambda ctx, g: g * ctx.saved_inputs[0] * without_history(ctx.saved_inputs[0]) * 3),
    "wrong second derivative": curve(lambda ctx, g: g * slope_of_wrong_slope(ctx.saved_inputs[0])),
    "mixed derivative lost": product(lambda ctx, g: (g * without_history(ctx.saved_inputs[1]), (g * ctx.saved_inputs[0]).sum(0))),
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_gradients_pass(name: str) -> None:
    function, inputs = RIGHT[name]
    assert gradcheck(function, inputs)
    assert gradgradcheck(function, inputs)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", WRONG_FIRST)
def test_wrong_gradients_are_caught(name: str, seed: int) -> None:
    function, inputs = WRONG_FIRST[name]
    with pytest.raises(GradcheckError):
        gradcheck(function, inputs, seed=seed)
    assert not gradcheck(function, inputs, seed=seed, raise_exception=False)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", WRONG_SECOND)
def test_wrong_gradients_of_right_gradients_are_caught(name: str, seed: int) -> None:
    function, inputs = WRONG_SECOND[name]
    assert gradcheck(function, inputs, seed=seed)
    with pytest.raises(GradcheckError):
        gradgradcheck(function, inputs, seed=seed)


def test_the_message_names_the_input() -> None:
    function, inputs = product(lambda ctx, g: (g * ctx.saved_inputs[1], (g * ctx.saved_inputs[0]).sum(0) * 2))
    with pytest.raises(GradcheckError, match=r"the gradient with respect to input 1, of shape \(4,\), gives .* the function changes by"):
        gradcheck(function, inputs)


def test_several_outputs_and_inputs_that_are_not_tested() -> None:
    def function(x: mt.Tensor, constant: mt.Tensor, flag: bool) -> tuple:
        assert flag
        return x * constant, (x.exp() * constant).sum(), (x > 0)

    x, constant = leaf(3), mt.tensor([2.0, 3.0, 4.0])
    assert gradcheck(lambda *inputs: function(*inputs), (x, constant.double(), True))
    assert gradgradcheck(lambda *inputs: function(*inputs), (x, constant.double(), True))
    assert x.grad is None
    # The second output's gradient is wrong.
    wrong = curve(lambda ctx, g: g)[0]
    assert not gradcheck(lambda x: (x * 2, wrong(x)), x, raise_exception=False)


def test_large_numbers_do_not_count_as_mistakes() -> None:
    x = mt.tensor(np.array([1.0, 2.0]), requires_grad=True)
    assert gradcheck(lambda x: x * 2 + 1e8, x)


def test_what_cannot_be_checked() -> None:
    with pytest.raises(ValueError, match="inputs: none of them requires a gradient"):
        gradcheck(lambda x: x, mt.ones(2))
    with pytest.raises(TypeError, match="inputs: number 0 is float32, expected float64"):
        gradcheck(lambda x: x, mt.ones(2, requires_grad=True))
