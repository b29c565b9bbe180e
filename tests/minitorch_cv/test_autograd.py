"""The graph and the walk back: what other engines got wrong, what is kept and let go, what is refused."""

import gc
import threading
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import kernels
import minitorch_cv as mt
from minitorch_cv import autograd
from minitorch_cv.autograd import Function, grad, vjp


@pytest.fixture(autouse=True)
def numpy_backend() -> Iterator[None]:
    """Nothing here depends on how kernels compute, so nothing needs to be compiled."""
    with kernels.backend("numpy"):
        yield


def leaf(*values: float, dtype: Any = np.float64) -> mt.Tensor:
    return mt.tensor(np.array(values, dtype), requires_grad=True)


class Twice(Function):
    """2 x; its forward and backward can be watched, and made to fail."""

    calls: list = []  # noqa: RUF012
    fail = False

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, y: np.ndarray | None = None) -> np.ndarray:
        ctx.save_inputs(0)
        return 2 * x

    @staticmethod
    def backward(ctx: Any, gz: mt.Tensor) -> Any:
        Twice.calls.append(list(ctx.needs))
        if Twice.fail:
            raise ArithmeticError("planted")
        return (2 * gz, None)[: len(ctx.needs)]


@pytest.fixture(autouse=True)
def fresh_twice() -> None:
    Twice.calls, Twice.fail = [], False


# --- right gradients


def test_the_example_of_the_documentation() -> None:
    x, w = leaf(1, 2), leaf(3, 4)
    ((x + w) * w).sum().backward()
    assert x.grad.tolist() == [3, 4]
    assert w.grad.tolist() == [1 + 6, 2 + 8]


def test_one_tensor_used_often() -> None:
    x = leaf(3)
    (x - x + x / x + x * x * x).sum().backward()
    assert x.grad.tolist() == [27]
    h, x.grad = x * 2, None
    (h + h * h + h.sin() * 0 + (h + h).sum()).sum().backward()
    assert x.grad.tolist() == [2 * (1 + 12 + 2)]


def test_diamonds_are_walked_once() -> None:
    """With 60 diamonds in a row there are 2**60 paths."""
    x = leaf(1)
    y = x
    for _ in range(60):
        y = y * 0.5 + y * 0.5
    y.backward()
    assert x.grad.tolist() == [1]


def test_two_losses_share_an_input() -> None:
    x = leaf(1, 2)
    first, second = (x * x).sum(), (3 * x).sum()
    first.backward()
    assert x.grad.tolist() == [2, 4]
    second.backward()
    assert x.grad.tolist() == [5, 7]
    x.grad = None
    autograd.backward([(x * x).sum(), x * 3], [None, np.array([1.0, 10.0])])
    assert x.grad.tolist() == [5, 34]


def test_gradients_accumulate_in_the_same_tensor() -> None:
    x = leaf(1, 2)
    (x * x).sum().backward()
    first = x.grad
    (x * x).sum().backward()
    assert x.grad is first
    assert first.tolist() == [4, 8]


def test_every_grad_is_an_array_of_its_own() -> None:
    """Neither two leaves, nor a leaf and the gradient that was passed in, share memory; a broadcast gradient is written out."""
    x, y = leaf(1, 2), leaf(3, 4)
    gradient = np.ones(2)
    (x + y).backward(gradient)
    x.grad += 5
    assert (y.grad.tolist(), gradient.tolist()) == ([1, 1], [1, 1])
    x.grad = None
    x.sum().backward()
    x.grad[0] = 7
    assert x.grad.tolist() == [7, 1]


def test_gradients_have_the_dtype_and_memory_order_of_their_leaf() -> None:
    x = mt.tensor(np.zeros((2, 3), np.float32, order="F"), requires_grad=True)
    y = leaf(1, 2, 3)
    (x.to(np.float64) * y).sum().backward()
    assert (x.grad.dtype, y.grad.dtype) == (np.float32, np.float64)
    assert x.grad.data.flags.f_contiguous

    class Careless(Function):
        @staticmethod
        def forward(ctx: Any, x: np.ndarray) -> np.ndarray:
            return x * 2

        @staticmethod
        def backward(ctx: Any, gy: mt.Tensor) -> mt.Tensor:
            return gy.double() * 2

    assert grad(Careless.apply(x).sum(), x)[0].dtype == np.float32


def test_gradients_that_are_not_contiguous() -> None:
    x = leaf(*range(6))
    y = (x.reshape(2, 3).T * 2)[:, ::-1].reshape(-1)
    y.backward(np.arange(12.0)[::2])
    expected = np.zeros((2, 3))
    expected.T[:, ::-1] = 2 * np.arange(0.0, 12, 2).reshape(3, 2)
    np.testing.assert_array_equal(x.grad.numpy(), expected.ravel())


@pytest.mark.parametrize("depth", [2_000, 20_000])
def test_deep_graphs(depth: int) -> None:
    """No recursion, neither walking nor when the graph goes."""
    x = leaf(1)
    y = x
    for _ in range(depth):
        y = y + 1
    y.backward()
    assert x.grad.tolist() == [1]
    y = x
    for _ in range(depth):
        y = y * 1
    del y


def test_backward_of_a_leaf() -> None:
    x = leaf(2)
    x.backward()
    assert x.grad.tolist() == [1]
    assert grad(x, x)[0].tolist() == [1]


# --- grad


def test_grad_of_leaves_and_of_intermediate_results() -> None:
    x, w = leaf(1, 2), leaf(3, 4)
    h = x * w
    y = (h * h).sum()
    gh, gx, gw = grad(y, (h, x, w), retain_graph=True)
    assert (gh.tolist(), gx.tolist(), gw.tolist()) == ([6, 16], [18, 64], [6, 32])
    assert x.grad is None
    assert grad([y, h], h, [None, np.array([100.0, 100.0])])[0].tolist() == [106, 116]


def test_grad_runs_only_what_lies_between() -> None:
    x, w = leaf(1), leaf(2)
    h = Twice.apply(x)
    y = Twice.apply(h, w) * w
    grad(y, h)
    assert Twice.calls == [[True, False]]


def test_only_needed_gradients_are_asked_for() -> None:
    x, w, constant = leaf(1), leaf(2), mt.ones(1, dtype=np.float64)
    Twice.apply(x, constant).backward()
    assert Twice.calls[-1] == [True, False]
    y = x * w
    assert y.grad_fn.needs == [True, True]
    assert (y.detach() * w).grad_fn.needs == [False, True]
    gw = grad(y, w)
    assert gw[0].tolist() == [1]


def test_grad_of_what_was_not_used() -> None:
    x, y = leaf(1), leaf(2)
    with pytest.raises(RuntimeError, match="inputs: the outputs do not depend on number 1"):
        grad(x * 2, (x, y))
    assert [g and g.tolist() for g in grad(x * 2, (x, y), allow_unused=True)] == [[2], None]
    with pytest.raises(RuntimeError, match="inputs: number 0 does not require a gradient"):
        grad(x * 2, mt.ones(1))


def test_a_graph_that_was_used_up_elsewhere_does_not_disturb() -> None:
    x, w = leaf(1), leaf(2)
    h = x * 3
    (h * h).backward()
    assert grad((h * w).sum(), w)[0].tolist() == [3]
    assert grad((h * w).sum(), h)[0].tolist() == [2]
    with pytest.raises(RuntimeError, match="this graph was walked before, and Mul has let go"):
        (h * w).backward()


# --- higher orders


def test_gradients_of_gradients_to_the_fifth_order() -> None:
    x = leaf(2)
    y = x**5
    for expected in (80, 160, 240, 240, 120):
        (y,) = grad(y, x, create_graph=True)
        assert y.tolist() == [expected]
    assert not grad(leaf(2) ** 2, leaf(2), allow_unused=True)[0]


def test_backward_with_create_graph() -> None:
    x = leaf(3)
    (x * x * x).backward(create_graph=True)
    assert x.grad.tolist() == [27]
    (gx,) = grad(x.grad, x)
    assert gx.tolist() == [18]
    (x * x * x).backward(create_graph=True)
    assert x.grad.tolist() == [54]


def test_gradients_are_not_recorded_unless_asked_for() -> None:
    x = leaf(3)
    (x * x).backward()
    assert not x.grad.requires_grad
    assert not grad(x * x, x)[0].requires_grad


def test_gradient_penalty() -> None:
    """As in training: the loss contains the norm of a gradient."""
    x, w = leaf(1, 2), leaf(3, -1)
    (gx,) = grad((w * w * x * x).sum(), x, create_graph=True)  # 2 w^2 x
    (gx * gx).sum().backward()  # 4 w^4 x^2
    assert w.grad.tolist() == [16 * 27 * 1, 16 * -1 * 4]


def test_vjp_keeps_inputs_apart() -> None:
    """With y = x * x as a second input, the gradient of x does not also flow through y; and all of it can be differentiated."""
    x = leaf(3)
    y = x * x
    gx, gy, none = vjp(lambda a, b, c: a * b, (x, y, None), Twice.apply(leaf(1)))
    assert (gx.tolist(), gy.tolist(), none) == ([18], [6], None)
    (gx,) = vjp(lambda a, b: a * b, (x, y), mt.ones(1, dtype=np.float64))[:1]
    assert grad(gx, x)[0].tolist() == [6]  # gx = y = x * x
    assert [g.tolist() for g in vjp(lambda a, b: a * b * b, (x, x), mt.ones(1, dtype=np.float64))] == [[9], [18]]
    with mt.no_grad():
        gx, _ = vjp(lambda a, b: a * b, (x, y), mt.ones(1, dtype=np.float64))
    assert not gx.requires_grad
    assert vjp(lambda a, b: (a * 1, b * 2), (x, mt.ones(1, dtype=np.float64)), (leaf(1), leaf(1)))[1] is None


# --- what is kept, and until when


def test_a_second_walk_is_refused_and_changes_nothing() -> None:
    x = leaf(1, 2)
    y = (x * x).sum()
    y.backward()
    with pytest.raises(RuntimeError, match="this graph was walked before, and Sum has let go of what it saved; pass retain_graph=True"):
        y.backward()
    assert x.grad.tolist() == [2, 4]
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.tolist() == [6, 12]


def test_100_forward_passes_leave_no_node() -> None:
    """With the garbage collector off: the graph has no circles, in whatever way it ends."""
    nodes: weakref.WeakSet = weakref.WeakSet()

    def forward() -> tuple[mt.Tensor, mt.Tensor]:
        x, w = leaf(1, 2), leaf(3, 4)
        h = mt.softmax((x * w).exp().tanh().sigmoid(), 0)  # all of them save their output
        h = mt.cat([h, h.reshape(2)]) + h.max() + h.sum().sqrt()
        h[0] = x[1]
        h += 1
        y = h / h.sum()
        for z in (h, y):
            nodes.add(z.grad_fn)
        return x, y.sum()

    gc.collect()
    gc.disable()
    try:
        for i in range(100):
            x, y = forward()
            if i % 3 == 0:
                y.backward()
            elif i % 3 == 1:
                (gx,) = grad(y, x, create_graph=True)
                nodes.add(gx.grad_fn)
                grad(gx.sum(), x)
                del gx
            del x, y
        assert len(nodes) == 0
    finally:
        gc.enable()


def test_saved_arrays_go_as_they_are_used() -> None:
    """When a backward runs, what the functions after it saved is gone already."""
    alive: list[list[bool]] = []
    arrays: list[weakref.ref] = []

    class Watch(Function):
        @staticmethod
        def forward(ctx: Any, x: np.ndarray) -> np.ndarray:
            y = x + 1
            arrays.append(weakref.ref(y))
            return y

        @staticmethod
        def backward(ctx: Any, gy: mt.Tensor) -> mt.Tensor:
            alive.append([array() is not None for array in arrays])
            return gy

    y = leaf(1, 2)
    for _ in range(3):
        y = Watch.apply(y).square()
    y = y.sum()
    y.backward()
    assert alive == [[True, True, False], [True, False, False], [False, False, False]]
    assert [array() for array in arrays] == [None] * 3


def test_attributes_go_too() -> None:
    """A function may keep arrays of its own (places of maxima, statistics) as attributes of ctx."""

    class Mask(Function):
        @staticmethod
        def forward(ctx: Any, x: np.ndarray) -> np.ndarray:
            ctx.mask = x > 0
            arrays.append(weakref.ref(ctx.mask))
            return x * ctx.mask

        @staticmethod
        def backward(ctx: Any, gy: mt.Tensor) -> mt.Tensor:
            return gy * ctx.mask

    arrays: list[weakref.ref] = []
    y = Mask.apply(leaf(1, -2)).sum()
    assert arrays[0]() is not None
    y.backward()
    assert arrays[0]() is None


def test_intermediate_results_that_no_gradient_needs_are_not_kept() -> None:
    x = leaf(1, 2)
    h = x * 2
    array = weakref.ref(h.data)
    y = (h + 1).sum()
    del h
    assert array() is None
    y.backward()


def test_nothing_is_kept_without_recording() -> None:
    x = leaf(1, 2)
    with mt.no_grad():
        y = (x * x).exp()
        with mt.enable_grad():
            z = x * x
    assert (y.requires_grad, y.grad_fn, z.requires_grad) == (False, None, True)


# --- mistakes


def test_an_exception_in_a_backward_leaves_everything_usable() -> None:
    x, w = leaf(1), leaf(2)
    Twice.fail = True
    y = Twice.apply(x * w) * w
    with pytest.raises(ArithmeticError, match="planted") as caught:
        y.backward()
    assert caught.value.__notes__ == ["This happened in the backward of Twice."]
    assert (x.grad, w.grad, mt.is_grad_enabled()) == (None, None, True)
    Twice.fail = False
    y = Twice.apply(x * w) * w
    y.backward()
    assert (x.grad.tolist(), w.grad.tolist()) == ([8], [8])


def test_a_gradient_that_was_used_and_then_accumulated_into() -> None:
    x, w = leaf(1, 2), leaf(3, 4)
    (x * x).sum().backward()
    y = (x.grad * w).sum()
    (x * x).sum().backward()  # writes into x.grad
    with pytest.raises(RuntimeError, match=r"Mul: a tensor of shape \(2,\) that its gradient needs was changed in place"):
        y.backward()


def test_a_change_between_first_and_second_order() -> None:
    x = leaf(1, 2)
    (gx,) = grad((x * x * x).sum(), x, create_graph=True)
    with mt.no_grad():
        x += 1
    with pytest.raises(RuntimeError, match="was changed in place after its use"):
        grad(gx.sum(), x)
    factor, gy = mt.ones(2, dtype=np.float64), leaf(1, 1)
    (gx,) = grad(x * factor, x, gy, create_graph=True)
    factor.mul_(2)
    with pytest.raises(RuntimeError, match="was changed in place after its use"):
        grad(gx.sum(), gy)


def test_backward_needs_a_history_and_a_fitting_gradient() -> None:
    x = leaf(1, 2)
    with pytest.raises(RuntimeError, match="backward: output 0 has no history"):
        mt.ones(1).backward()
    with pytest.raises(RuntimeError, match=r"gradient: needed for output 0, of shape \(2,\)"):
        (x * 2).backward()
    with pytest.raises(ValueError, match=r"gradient: got shape \(3,\) for output 0, of shape \(2,\)"):
        (x * 2).backward(mt.ones(3))
    with pytest.raises(ValueError, match="gradient: got 1 of them, expected one for each of 2 outputs"):
        autograd.backward([x.sum(), x.sum()], [None])
    (x * 2).backward(mt.ones(2))  # float32, converted
    assert x.grad.dtype == np.float64


def test_backwards_that_break_the_rules() -> None:
    def backward_returning(result: Any) -> None:
        methods = {"forward": staticmethod(lambda ctx, x: x * 2), "backward": staticmethod(lambda ctx, gy: result)}
        function = type("Broken", (Function,), methods)
        function.apply(leaf(1, 2)).sum().backward()

    with pytest.raises(RuntimeError, match=r"backward of Broken: the gradient of input 0 has shape \(2, 1\), expected \(2,\)"):
        backward_returning(mt.ones(2, 1))
    with pytest.raises(RuntimeError, match="backward of Broken: returned 2 gradients for 1 inputs"):
        backward_returning((None, None))
    with pytest.raises(TypeError, match="backward of Broken: the gradient of input 0 is ndarray, expected a Tensor or None"):
        backward_returning(np.ones(2))


# --- the protocol of Function


class Split(Function):
    """The positive part, the negative part, and where x is positive."""

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, *, scale: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        ctx.positive = x > 0
        ctx.mark_non_differentiable(2)
        return scale * np.where(ctx.positive, x, 0), scale * np.where(ctx.positive, 0, x), ctx.positive.astype(x.dtype)

    @staticmethod
    def backward(ctx: Any, gp: mt.Tensor, gn: mt.Tensor, gi: None) -> mt.Tensor:
        assert gi is None
        return mt.where(ctx.positive, gp, gn) * ctx.options["scale"]


def test_several_outputs() -> None:
    x = leaf(1, -2)
    positive, negative, where = Split.apply(x, scale=3.0)
    assert (positive.requires_grad, negative.requires_grad, where.requires_grad) == (True, True, False)
    positive.sum().backward()  # the gradient of `negative` does not arrive: zeros
    assert x.grad.tolist() == [3, 0]
    x.grad = None
    positive, negative, where = Split.apply(x, scale=3.0)
    (positive * where + negative * negative).sum().backward()
    assert x.grad.tolist() == [3, 2 * -6 * 3]


def test_inputs_may_be_missing_or_plain_numbers() -> None:
    class Affine(Function):
        @staticmethod
        def forward(ctx: Any, x: np.ndarray, scale: np.ndarray, shift: np.ndarray | None) -> np.ndarray:
            assert isinstance(scale, np.ndarray)
            ctx.save_inputs(1, 2, None)
            return x * scale if shift is None else x * scale + shift

        @staticmethod
        def backward(ctx: Any, gy: mt.Tensor) -> tuple:
            scale, shift, nothing = ctx.saved_inputs
            assert shift is None
            assert nothing is None
            return gy * scale, None, None

    x = leaf(1, 2)
    Affine.apply(x, 3.0, None).sum().backward()
    assert x.grad.tolist() == [3, 3]


def test_integer_outputs_have_no_gradient() -> None:
    class Rounded(Function):
        @staticmethod
        def forward(ctx: Any, x: np.ndarray) -> np.ndarray:
            return x.astype(np.int64)

    assert not Rounded.apply(leaf(1.5)).requires_grad


# --- modes


def test_modes_end_with_their_block_also_by_an_exception() -> None:
    with pytest.raises(KeyError), mt.no_grad():
        raise KeyError
    assert mt.is_grad_enabled()

    @mt.no_grad()
    def function(x: mt.Tensor) -> bool:
        return (x * 2).requires_grad or mt.is_grad_enabled()

    assert not function(leaf(1))
    assert mt.is_grad_enabled()


def test_modes_belong_to_their_thread() -> None:
    seen = []
    with mt.no_grad():
        thread = threading.Thread(target=lambda: seen.append(mt.is_grad_enabled()))
        thread.start()
        thread.join()
    assert seen == [True]


@pytest.mark.parametrize(("result", "kind"), [(None, "NoneType"), (mt.ones(2), "Tensor"), ((np.ones(2), 3.0), "float")])
def test_forward_returns_arrays(result: Any, kind: str) -> None:
    class Careless(Function):
        @staticmethod
        def forward(ctx: Any, x: np.ndarray) -> Any:
            return result

    with pytest.raises(TypeError, match=f"forward of Careless: output . is {kind}, expected an array"):
        Careless.apply(mt.ones(2))


def test_a_function_without_backward() -> None:
    class Halfway(Function):
        @staticmethod
        def forward(ctx: Any, x: np.ndarray) -> np.ndarray:
            return x * 2

    with pytest.raises(NotImplementedError, match="Halfway does not define backward"):
        Halfway.apply(mt.ones(2, requires_grad=True)).sum().backward()
