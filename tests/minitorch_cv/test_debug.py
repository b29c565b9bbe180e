"""Debug mode: who made the first NaN, and which line called the function whose gradient fails."""

import inspect
from typing import Any

import numpy as np
import pytest

import minitorch_cv as mt
from minitorch_cv.autograd import Function, NonFiniteError, checkpoint, debug_mode, grad


def here(offset: int = 0) -> str:
    """The line of the caller, as messages name it."""
    frame = inspect.currentframe().f_back
    return f"{__file__}:{frame.f_lineno + offset}"


class Failing(Function):
    @staticmethod
    def forward(ctx: Any, x: np.ndarray) -> np.ndarray:
        return x

    @staticmethod
    def backward(ctx: Any, gy: mt.Tensor) -> mt.Tensor:
        raise ArithmeticError("planted")


def leaf(*values: float) -> mt.Tensor:
    return mt.tensor(np.array(values, np.float64), requires_grad=True)


def test_a_result_that_is_not_finite() -> None:
    x = leaf(1, -1)
    with debug_mode():
        y = x * 2
        with pytest.raises(NonFiniteError) as caught:
            y.log()
        line = here(-1)
    assert str(caught.value) == f"forward of Log, called at {line}: output 0, of shape (2,), has 1 NaN and 0 infinite values among 2"
    assert isinstance(caught.value, FloatingPointError)
    y.log()  # outside the block, nothing is checked


def test_the_line_is_the_users_also_when_functions_call_functions() -> None:
    x = leaf(0)
    with debug_mode(), pytest.raises(NonFiniteError, match="forward of Div") as caught:
        mt.functional.softmax(mt.tensor([1.0]), 0) + (x / x).mean()
    assert here(-1) in str(caught.value)
    with debug_mode():
        node = mt.tensor([[1.0, 2.0]], requires_grad=True).var(1).grad_fn
        assert node.line == here(-1)


def test_a_gradient_that_is_not_finite() -> None:
    x = leaf(4, 0)
    with debug_mode():
        y = x.sqrt()
        line = here(-1)
        z = (y * 2).sum()
        with pytest.raises(NonFiniteError) as caught:
            z.backward()
        expected = "the gradient with respect to input 0, of shape (2,), has 0 NaN and 1 infinite values among 2"
        assert str(caught.value) == f"backward of Sqrt, called at {line}: {expected}"
        assert x.grad is None
        z = x.sqrt().sum()
    with pytest.raises(NonFiniteError, match="backward of Sqrt"):
        grad(z, x)  # recorded in debug mode: checked wherever backward runs


def test_an_exception_in_a_backward_gets_a_note() -> None:
    x = leaf(1)
    with debug_mode():
        y = Failing.apply(x * 2)
        line = here(-1)
        with pytest.raises(ArithmeticError) as caught:
            y.backward()
    assert caught.value.__notes__ == [f"This happened in the backward of Failing, called at {line}."]


def test_in_a_checkpoint() -> None:
    x = leaf(4, 0)
    with debug_mode():
        y = checkpoint(lambda x: x.sqrt(), x)
        line = here(-1)
        with pytest.raises(NonFiniteError, match="backward of Sqrt") as caught:
            y.sum().backward()
    assert line in str(caught.value)


def test_finite_numbers_pass() -> None:
    x = leaf(1, 2)
    with debug_mode():
        (gx,) = grad((x.log() * x).sum(), x, create_graph=True)
        gx.sum().backward()
        assert (x > 1).any().item()
    np.testing.assert_allclose(x.grad.numpy(), [1, 0.5])
    assert (x * 2).grad_fn.line is None
