"""Functions element by element and the matrix product: values, gradients of first and second order, PyTorch's conventions at kinks."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from drawing import seeds
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import mutually_broadcastable_shapes

import minitorch_cv as mt
from minitorch_cv.autograd import gradgradcheck
from minitorch_cv.testing import assert_close


class Case(NamedTuple):
    """A function of `lib` (minitorch_cv or torch alike), its definition in NumPy, and which values it is tested on."""

    function: Callable
    reference: Callable
    values: str = "any"


UNARY = {
    "neg": Case(lambda lib, x: -x, lambda x: -x),
    "abs": Case(lambda lib, x: lib.abs(x), lambda x: np.sqrt(x * x), "apart"),
    "exp": Case(lambda lib, x: lib.exp(x), lambda x: np.e**x),
    "log": Case(lambda lib, x: lib.log(x), lambda x: 2 * np.arctanh((x - 1) / (x + 1)), "positive"),
    "sqrt": Case(lambda lib, x: lib.sqrt(x), lambda x: np.exp(np.log(x) / 2), "positive"),
    "square": Case(lambda lib, x: lib.square(x), lambda x: x * x),
    "sin": Case(lambda lib, x: lib.sin(x), lambda x: np.imag(np.exp(1j * x))),
    "cos": Case(lambda lib, x: lib.cos(x), lambda x: np.real(np.exp(1j * x))),
    "sigmoid": Case(lambda lib, x: lib.sigmoid(x), lambda x: np.exp(x) / (np.exp(x) + 1)),
    "x + 2": Case(lambda lib, x: x + 2, lambda x: x + 2),
    "2 - x": Case(lambda lib, x: 2 - x, lambda x: 2 - x),
    "3 * x": Case(lambda lib, x: 3 * x, lambda x: x + x + x),
    "2 / x": Case(lambda lib, x: 2 / x, lambda x: 2 / x, "positive"),
    "x ** 2": Case(lambda lib, x: x**2, lambda x: x * x),
    "x ** 3": Case(lambda lib, x: x**3, lambda x: x * x * x),
    "x ** 1": Case(lambda lib, x: x**1, lambda x: x),
    "x ** 0": Case(lambda lib, x: x**0, np.ones_like),
    "x ** -1.5": Case(lambda lib, x: x**-1.5, lambda x: 1 / (x * np.sqrt(x)), "positive"),
    "2 ** x": Case(lambda lib, x: 2**x, lambda x: np.exp(x * np.log(2))),
    "clamp": Case(lambda lib, x: lib.clamp(x, -0.55, 0.75), lambda x: np.where(x < -0.55, -0.55, np.where(x > 0.75, 0.75, x)), "apart"),
    "clamp below": Case(lambda lib, x: x.clamp(min=0.05), lambda x: np.where(x < 0.05, 0.05, x), "apart"),
}
BINARY = {
    "add": Case(lambda lib, x, y: x + y, lambda x, y: y + x),
    "sub": Case(lambda lib, x, y: x - y, lambda x, y: -(y - x)),
    "mul": Case(lambda lib, x, y: x * y, lambda x, y: y * x),
    "div": Case(lambda lib, x, y: x / y, lambda x, y: x * y**-1, "positive"),
    "pow": Case(lambda lib, x, y: x**y, lambda x, y: np.exp(y * np.log(x)), "positive"),
    "maximum": Case(lambda lib, x, y: lib.maximum(x, y), lambda x, y: np.where(x > y, x, y)),
    "minimum": Case(lambda lib, x, y: lib.minimum(x, y), lambda x, y: np.where(x < y, x, y)),
    "where": Case(lambda lib, x, y: lib.where(x > 0.05, x * x, y), lambda x, y: np.where(x > 0.05, x * x, y), "apart"),
}
MATMUL_SHAPES = [
    ((3, 4), (4, 2)), ((4,), (4, 2)), ((3, 4), (4,)), ((4,), (4,)), ((2, 3, 4), (4, 2)), ((3, 4), (5, 4, 2)), ((4,), (5, 4, 2)),
    ((2, 1, 3, 4), (5, 4, 2)), ((2, 3, 4), (4,)), ((0, 4), (4, 2)), ((3, 0), (0, 2)), ((1, 1), (1, 1)),
]  # fmt: skip


def draw_values(kind: str, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """"any", at least 0.5 ("positive"), or not near 0 or a multiple of 0.05 + 0.1 k ("apart")."""
    if kind == "positive":
        return rng.random(shape) + 0.5
    if kind == "apart":
        return np.round(rng.uniform(0.6, 20.4, shape)) * rng.choice([-0.1, 0.1], shape)
    return rng.standard_normal(shape)


def leaf(array: np.ndarray) -> mt.Tensor:
    return mt.tensor(array, requires_grad=True)


def check(function: Callable, reference: Callable, arrays: list[np.ndarray]) -> None:
    """Value, and float32 in, float32 out; gradients are checked by the table of functions."""
    y = function(mt, *map(leaf, arrays))
    assert_close(y, reference(*arrays), 1e-12)
    leaves = [leaf(array.astype(np.float32)) for array in arrays]
    y = function(mt, *leaves)
    y.backward(np.ones(y.shape))
    assert [y.dtype] + [x.grad.dtype for x in leaves] == [np.float32] * (1 + len(leaves))


@pytest.mark.parametrize("name", UNARY)
@given(shape=st.lists(st.integers(0, 3), max_size=3).map(tuple), seed=seeds)
def test_unary(name: str, shape: tuple[int, ...], seed: int) -> None:
    case = UNARY[name]
    check(case.function, case.reference, [draw_values(case.values, np.random.default_rng(seed), shape)])


@pytest.mark.parametrize("name", BINARY)
@given(shapes=mutually_broadcastable_shapes(num_shapes=2, min_side=0, max_side=3, max_dims=3), seed=seeds)
def test_binary(name: str, shapes: Any, seed: int) -> None:
    """With broadcasting in both directions."""
    case, rng = BINARY[name], np.random.default_rng(seed)
    check(case.function, case.reference, [draw_values(case.values, rng, shape) for shape in shapes.input_shapes])


@pytest.mark.parametrize("shapes", MATMUL_SHAPES)
def test_matmul(shapes: tuple, backend: str) -> None:
    rng = np.random.default_rng(0)
    x, y = (rng.standard_normal(shape) for shape in shapes)
    terms = "...mk,...kn->...mn"
    expected = np.einsum(terms, x if x.ndim > 1 else x[None], y if y.ndim > 1 else y[:, None])
    expected = expected if y.ndim > 1 else expected[..., 0]
    expected = expected if x.ndim > 1 else expected[..., 0] if y.ndim == 1 else expected[..., 0, :]
    check(lambda lib, x, y: x @ y, lambda x, y: expected, [x, y])


def test_matmul_of_transposed_views_and_integers() -> None:
    rng = np.random.default_rng(0)
    x, y = leaf(rng.standard_normal((4, 3))), leaf(rng.standard_normal((2, 4)))
    assert gradgradcheck(lambda x, y: x.T @ y.T, [x, y])
    integers = mt.tensor([[1, 2], [3, 4]])
    assert (integers @ integers).tolist() == [[7, 10], [15, 22]]


@pytest.mark.parametrize(("x", "y"), [(np.ones((2, 3)), np.ones((2, 3))), (np.ones(()), np.ones(2)), (np.ones((2, 2, 3)), np.ones(2))])
def test_matmul_shapes_that_do_not_fit(x: np.ndarray, y: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"matmul: got shapes"):
        mt.tensor(x) @ mt.tensor(y)


def gradients_at(function: Callable, *values: float) -> list[float]:
    leaves = [leaf(np.array(value)) for value in values]
    function(*leaves).backward()
    return [float(x.grad) for x in leaves]


def test_gradients_at_kinks() -> None:
    """PyTorch's conventions."""
    assert gradients_at(mt.abs, 0.0) == [0.0]
    assert gradients_at(mt.maximum, 2.0, 2.0) == [0.5, 0.5]
    assert gradients_at(mt.minimum, 2.0, 2.0) == [0.5, 0.5]
    assert gradients_at(lambda x: x.clamp(0.0, 1.0), 0.0) == [1.0]
    assert gradients_at(lambda x: x.clamp(0.0, 1.0), 1.0) == [1.0]
    assert gradients_at(lambda x: x.clamp(max=1.0), 1.5) == [0.0]
    assert gradients_at(mt.sqrt, 0.0) == [np.inf]
    assert gradients_at(lambda x: x**0, 0.0) == [0.0]
    assert gradients_at(lambda x: x**2, 0.0) == [0.0]
    assert gradients_at(lambda x, y: x**y, 0.0, 0.0) == [0.0, 0.0]
    assert gradients_at(lambda x, y: x**y, 0.0, 2.0) == [0.0, 0.0]
    assert gradients_at(lambda x, y: x**y, np.inf, 0.0)[0] == 0.0
    assert gradients_at(mt.maximum, np.nan, 1.0) == [1.0, 1.0]
    assert gradients_at(mt.minimum, 1.0, np.nan) == [1.0, 1.0]
    assert gradients_at(lambda x: x - x, 3.0) == [0.0]
    assert gradients_at(lambda x: x / x, 3.0) == [0.0]


def test_what_is_not_finite_passes_without_a_warning(recwarn: pytest.WarningsRecorder) -> None:
    x = leaf(np.array([0.0, -1.0, np.nan, np.inf, 710.0]))
    for y in (1 / x, x.log(), x.sqrt(), x.exp(), x**-2.5, 2.0**x, x**x):
        y.backward(np.ones(5))
    assert np.isnan(mt.maximum(x, 0.0).numpy()).tolist() == [False, False, True, False, False]
    assert np.isnan(x.clamp(0, 1).numpy()).tolist() == [False, False, True, False, False]
    assert x.sigmoid().numpy()[[1, 3, 4]].tolist() == [1 / (1 + np.exp(1.0)), 1.0, 1.0]
    assert leaf(np.array([-800.0])).sigmoid().item() == 0.0
    assert not recwarn.list


def test_a_gradient_does_not_leak_through_where() -> None:
    """The branch that was not chosen gets 0, also where its own slope is infinite times nothing."""
    x = leaf(np.array([0.0, 4.0]))
    mt.where(x > 1, x, 2.0).sum().backward()
    assert x.grad.tolist() == [0.0, 1.0]
    with pytest.raises(TypeError, match="condition: got float64, expected booleans"):
        mt.where(x, x, x)


@pytest.mark.parametrize("number", [300, -1, np.int64(300), 2**70])
def test_integers_compare_with_numbers_beyond_their_type(number: int) -> None:
    x = mt.tensor(np.array([44, 255], np.uint8))
    assert (x == number).tolist() == [False, False]
    assert (x != number).tolist() == [True, True]
    assert (x < number).tolist() == [number > 255] * 2
    assert (number >= x).tolist() == [number > 255] * 2


def test_booleans() -> None:
    x = mt.tensor([[True, True], [False, True]])
    assert (x**2).dtype == np.int64
    assert x.tril().tolist() == [[True, False], [False, True]]
    assert x.triu().tolist() == [[True, True], [False, True]]


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match="min, max: got None for both"):
        leaf(np.ones(2)).clamp()
    with pytest.raises(TypeError, match="other of add: got str, expected a Tensor, a number or an array"):
        leaf(np.ones(2)) + "1"


@pytest.mark.full
@pytest.mark.parametrize("name", [*UNARY, *BINARY])
def test_like_pytorch(name: str) -> None:
    """Values and gradients on grids where operands meet, with infinities and NaN."""
    torch = pytest.importorskip("torch")
    case = (UNARY | BINARY)[name]
    grid = np.array([-np.inf, -2.0, -1.0, -0.0, 0.0, 0.5, 1.0, 2.0, np.inf, np.nan])
    if name == "abs":
        grid = grid[:-1]  # PyTorch's gradient at NaN is 0; ours is NaN, since NaN is never to vanish
    grids = [grid] if name in UNARY else [grid[:, None], grid[None, :]]
    ours, theirs = (derivatives(lib, case.function, grids) for lib in (mt, torch))
    for a, b in zip(ours, theirs, strict=True):
        assert_close(a, b, 1e-12)


def derivatives(lib: Any, function: Callable, arrays: list[np.ndarray]) -> list[np.ndarray]:
    xs = [lib.tensor(array, requires_grad=True) for array in arrays]
    y = function(lib, *xs)
    first = lib.autograd.grad(y.sum(), xs)
    return [np.asarray(array.detach()) for array in (y, *first)]
