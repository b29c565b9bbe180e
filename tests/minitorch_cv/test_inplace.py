"""Changes in place: values, history, and refusal wherever a gradient would be wrong."""

from collections.abc import Callable

import numpy as np
import pytest

import minitorch_cv as mt


def leaf(*values: float) -> mt.Tensor:
    return mt.tensor(np.array(values, np.float64), requires_grad=True)


def test_values() -> None:
    x = mt.tensor([1.0, 2.0])
    memory = x.data
    x += 1
    x *= np.float64(2)
    x -= mt.tensor([1.0, 0.0])
    x /= 3
    x **= 2
    assert x.tolist() == [1.0, 4.0]
    assert x.add_(1, alpha=2).sub_(mt.tensor([1.0, 1.0]), alpha=0.5).mul_(2).tolist() == [5.0, 11.0]
    assert x.copy_(mt.tensor([7])).tolist() == [7.0, 7.0]
    assert x.fill_(3).tolist() == [3.0, 3.0]
    assert x.zero_().tolist() == [0.0, 0.0]
    x[1] = 5
    x[x == 0] = mt.tensor([4], dtype="float64")
    assert x.tolist() == [4.0, 5.0]
    assert x.data is memory
    assert x.dtype == np.float32


def test_what_does_not_fit() -> None:
    x = mt.zeros(2)
    with pytest.raises(ValueError, match=r"add_: the result has shape \(3, 2\)"):
        x.add_(mt.zeros(3, 2))
    with pytest.raises(TypeError, match="mul_: the result is float32 and does not fit into the tensor, of int64"):
        mt.tensor([1]).mul_(1.5)
    with pytest.raises(ValueError, match=r"the tensor is read-only"):
        mt.zeros(1).expand(3).zero_()


def test_a_recorded_change_has_a_gradient() -> None:
    x, y = leaf(1, 2, 3), leaf(10, 20, 30)
    z = x * 1
    z += y
    z *= 2
    z[0] = 0
    z[1:] = y[:2] * z[1:].sum()  # z[1:] is read before it is written
    z.sum().backward()
    # z = (0, y0 s, y1 s) with s = 2 (x1 + y1 + x2 + y2)
    s = 2 * (2 + 20 + 3 + 30)
    assert x.grad.tolist() == [0, 60, 60]
    assert y.grad.tolist() == [s, 60 + s, 60]


def test_filling_an_empty_tensor_with_results() -> None:
    x = leaf(2, 3)
    table = mt.zeros(3, 2, dtype=np.float64)
    for i in range(3):
        table[i] = x ** (i + 1)
    table.sum().backward()
    assert x.grad.tolist() == [1 + 4 + 12, 1 + 6 + 27]


def test_a_constant_written_over_a_result_has_no_gradient() -> None:
    x = leaf(1, 2)
    for change in (lambda y: y.fill_(3), lambda y: y.zero_(), lambda y: y.copy_(mt.zeros(2)), lambda y: y.__setitem__(slice(None), 1)):
        y = x * 2
        change(y)
        x.grad = None
        y.sum().backward()
        assert x.grad.tolist() == [0, 0]


CHANGES: list[Callable[[mt.Tensor], object]] = [
    lambda x: x.add_(1), lambda x: x.mul_(2), lambda x: x.zero_(), lambda x: x.fill_(1), lambda x: x.copy_(mt.zeros(2)),
    lambda x: x.__setitem__(0, 1), lambda x: x.__iadd__(1), lambda x: x.reshape(2, 1).zero_(), lambda x: x[0].add_(1),
    lambda x: x.T[1:].mul_(2),
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_a_leaf_can_be_changed_only_without_recording(change: Callable) -> None:
    x = leaf(3, 4)
    with pytest.raises(RuntimeError, match="is a leaf that requires a gradient, or a view of one"):
        change(x)
    assert x.tolist() == [3, 4]
    with mt.no_grad():
        change(x)
    assert x.tolist() != [3, 4]
    assert x.is_leaf
    (x * x).sum().backward()
    assert x.grad.tolist() == (2 * x.data).tolist()


@pytest.mark.parametrize("change", CHANGES)
def test_a_saved_tensor_that_was_changed_is_refused(change: Callable) -> None:
    """Input or output, changed itself, or through a view or a detached tensor."""
    x = leaf(1, 2)
    for function, name in ((lambda h: h * h, "Mul"), (lambda h: h**3, "Power"), (lambda h: 1 / h, "Div")):
        for disturb in (change, lambda h: change(h.detach())):
            h = x * 1
            y = function(h)
            disturb(h)
            with pytest.raises(RuntimeError, match=rf"{name}: a tensor of shape \(2,\) that its gradient needs was changed in place"):
                y.sum().backward()
    h = x.exp()
    y = h + 1
    change(h)
    with pytest.raises(RuntimeError, match="Exp: a tensor of shape"):
        y.sum().backward()


def test_a_change_of_what_is_not_needed_is_allowed() -> None:
    x = leaf(1, 2)
    h = x * 1
    y = h + 1
    z = h * 3  # needs only the 3
    h.zero_()
    (y + z).sum().backward()
    assert x.grad.tolist() == [4, 4]


def test_parameters_changed_between_forward_and_backward() -> None:
    """As an optimiser does, through functions or, with `mark_changed`, through the array."""
    w, x = leaf(1, 2), leaf(3, 4)
    y = (w * x).sum()
    with mt.no_grad():
        w -= 1
    with pytest.raises(RuntimeError, match="Mul: a tensor of shape"):
        y.backward()
    y = (w * x).sum()
    w.data[...] = 0
    w.mark_changed()
    with pytest.raises(RuntimeError, match="Mul: a tensor of shape"):
        y.backward()


def test_a_history_that_is_no_longer_true_is_refused() -> None:
    """A change through a view is recorded in that view's history alone: who then uses the base, or another view, must hear of it."""
    x, v = leaf(1, 2), leaf(5)
    y = x * 1
    other = y[1:]
    view = y[:1]
    view[...] = v
    assert y.tolist() == [5, 2]
    assert (view * 2).tolist() == [10]
    for stale in (y, other):
        with pytest.raises(RuntimeError, match="whose memory was changed in place through another one"):
            stale * 2
    assert y.detach().tolist() == [5, 2]
    assert (y.detach().requires_grad_() * 2).tolist() == [10, 4]
    table = mt.zeros(2, 2, dtype=np.float64)
    table[0][1:] = v
    with pytest.raises(RuntimeError, match=r"write x\[i, j\] = value, not x\[i\]\[j\] = value"):
        table * 2
    y = x * 1
    view = y[:1]
    y[...] = v
    with pytest.raises(RuntimeError, match="whose memory was changed in place through another one"):
        view * 2
    assert (y[:1] * 2).tolist() == [10]  # a view made after the change is true


def test_without_recording_views_may_be_written() -> None:
    x = mt.zeros(2, 2)
    x[0][1] = 5
    x.reshape(4)[2] = 7
    assert x.tolist() == [[0, 5], [7, 0]]
    assert (x * 2).tolist() == [[0, 10], [14, 0]]
