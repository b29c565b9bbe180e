"""Checkpointing: the same gradients as without, less memory, everything that happens once happens once."""

import gc
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import kernels
import minitorch_cv as mt
from minitorch_cv import nn
from minitorch_cv.autograd import Function, checkpoint, grad, gradcheck, gradgradcheck, is_recomputing
from minitorch_cv.testing import assert_close


@pytest.fixture(autouse=True)
def numpy_backend() -> Iterator[None]:
    """Nothing here depends on how kernels compute, so nothing needs to be compiled."""
    with kernels.backend("numpy"):
        yield


def leaf(*shape: int) -> mt.Tensor:
    return mt.tensor(np.random.default_rng(len(shape)).standard_normal(shape), requires_grad=True)


def test_gradients_of_inputs_and_of_what_the_function_refers_to() -> None:
    """First and second order; several inputs and outputs, one of which needs no gradient."""
    w, constant = leaf(3, 3), mt.ones(2, 3, dtype=np.float64)

    def stretch(x: mt.Tensor, y: mt.Tensor) -> tuple[mt.Tensor, mt.Tensor]:
        h = ((x @ w).tanh() * y + constant).exp()
        return h / h.sum(), (h * x).sigmoid()

    def plain(x: mt.Tensor, y: mt.Tensor, run: Any) -> mt.Tensor:
        a, b = run(stretch, x, y)
        return a @ w + b * y

    x, y = leaf(2, 3), leaf(2, 1)
    results = []
    for run in (checkpoint, lambda function, *inputs: function(*inputs)):
        for t in (x, y, w):
            t.grad = None
        plain(x, y, run).sum().backward()
        results.append([t.grad.numpy().copy() for t in (x, y, w)])
    for ours, expected in zip(*results, strict=True):
        np.testing.assert_array_equal(ours, expected)
    assert gradcheck(lambda x, y: plain(x, y, checkpoint), [x, y])
    assert gradgradcheck(lambda x, y: plain(x, y, checkpoint), [x, y])
    assert grad(plain(x.detach(), y.detach(), checkpoint).sum(), w)[0].shape == (3, 3)  # only what the function refers to


def test_between_forward_and_backward_only_the_inputs_are_kept() -> None:
    kept: list[weakref.ref] = []

    def stretch(x: mt.Tensor) -> mt.Tensor:
        for _ in range(4):
            x = x.exp()
            kept.append(weakref.ref(x.data))
        return x.sum()

    y = checkpoint(stretch, leaf(5) * 0.1)
    assert [array() for array in kept] == [None] * 4
    y.backward()
    assert len(kept) == 8
    assert [array() for array in kept] == [None] * 8


def test_a_checkpoint_leaves_no_node() -> None:
    nodes: weakref.WeakSet = weakref.WeakSet()
    gc.collect()
    gc.disable()
    try:
        for i in range(10):
            x = leaf(3)
            y = checkpoint(lambda x: (x * x).tanh(), x * 2).sum()
            nodes.add(y.grad_fn.edges[0][0])
            if i % 2:
                y.backward()
            del x, y
        assert len(nodes) == 0
    finally:
        gc.enable()


def test_the_second_run_draws_the_same_numbers_and_disturbs_no_others() -> None:
    def gradients(run: Any) -> tuple:
        mt.manual_seed(3)
        x = mt.ones(1000, requires_grad=True)
        y = run(lambda x: mt.functional.dropout(x * 2, 0.5), x)
        after = mt.rand(3).tolist()
        y.sum().backward()
        return y.tolist(), x.grad.tolist(), after, mt.rand(3).tolist()

    assert gradients(checkpoint) == gradients(lambda function, x: function(x))


def test_running_statistics_move_once() -> None:
    x = mt.tensor(np.random.default_rng(0).standard_normal((4, 2, 3, 3), np.float32))
    checkpointed, plain = nn.BatchNorm2d(2), nn.BatchNorm2d(2)
    (checkpoint(checkpointed, x) ** 2).sum().backward()
    (plain(x) ** 2).sum().backward()
    for (name, a), (_, b) in zip(checkpointed.state_dict().items(), plain.state_dict().items(), strict=True):
        np.testing.assert_array_equal(a, b, err_msg=name)
    assert_close(checkpointed.weight.grad, plain.weight.grad, 1e-6)


def test_is_recomputing() -> None:
    seen = []

    def stretch(x: mt.Tensor) -> mt.Tensor:
        seen.append((is_recomputing(), mt.is_grad_enabled()))
        return x * x

    y = checkpoint(stretch, leaf(2)).sum()
    y.backward()
    assert seen == [(False, True), (True, True)]
    assert not is_recomputing()
    with mt.no_grad():
        checkpoint(stretch, leaf(2))
    assert len(seen) == 3


def test_checkpoints_inside_checkpoints() -> None:
    w = leaf(3, 3)
    x = leaf(2, 3)

    def inner(x: mt.Tensor) -> mt.Tensor:
        return (x @ w).tanh()

    def outer(x: mt.Tensor) -> mt.Tensor:
        return checkpoint(inner, x.exp()) * x + checkpoint(inner, x)

    assert gradgradcheck(lambda x: checkpoint(outer, x), [x])
    expected = grad(((x.exp() @ w).tanh() * x + (x @ w).tanh()).sum(), (x, w))
    for ours, wanted in zip(grad(checkpoint(outer, x).sum(), (x, w)), expected, strict=True):
        assert_close(ours, wanted, 1e-14)


def test_retained_graphs_run_the_function_once_more_and_not_twice() -> None:
    calls = []

    def stretch(x: mt.Tensor) -> mt.Tensor:
        calls.append(1)
        return (x * x).exp()

    x = leaf(2)
    y = checkpoint(stretch, x).sum()
    first = grad(y, x, retain_graph=True)
    assert grad(y, x)[0].tolist() == first[0].tolist()
    assert len(calls) == 2


def test_a_result_may_be_dropped() -> None:
    x = leaf(2)
    checkpoint(lambda x: (x * 2, (x * 3).exp()), x)[0].sum().backward()
    assert x.grad.tolist() == [2, 2]


def test_changed_tensors_are_refused() -> None:
    x, w = leaf(2), leaf(2)
    h = x * 1
    y = checkpoint(lambda h: h * w, h).sum()
    with mt.no_grad():
        w += 1
    with pytest.raises(RuntimeError, match=r"Mul: a tensor of shape \(2,\) that its gradient needs was changed in place"):
        y.backward()
    y = checkpoint(lambda h: h + w, h).sum()
    h.add_(1)
    with pytest.raises(RuntimeError, match=r"checkpoint: an input of shape \(2,\) was changed in place"):
        y.backward()


def test_a_function_that_does_something_else_the_second_time() -> None:
    x = leaf(2)
    with pytest.raises(RuntimeError, match="checkpoint: call 1 was Exp the first time, and Sin the second"):
        checkpoint(lambda x: x.sin() if is_recomputing() else x.exp(), x).sum().backward()
    with pytest.raises(RuntimeError, match="checkpoint: 2 functions were called the first time, and 1 the second"):
        checkpoint(lambda x: x.exp() if is_recomputing() else x.exp().sin(), x).sum().backward()
    x.sum().backward()
    assert not is_recomputing()


def test_functions_may_keep_attributes_and_options() -> None:
    class Scale(Function):
        @staticmethod
        def forward(ctx: Any, x: np.ndarray, *, by: float) -> np.ndarray:
            ctx.factor = np.full(x.shape, by)
            return x * ctx.factor

        @staticmethod
        def backward(ctx: Any, gy: mt.Tensor) -> mt.Tensor:
            return gy * ctx.factor * ctx.options["by"]

    x = leaf(2)
    checkpoint(lambda x: Scale.apply(x, by=3.0), x).sum().backward()
    assert x.grad.tolist() == [9, 9]
