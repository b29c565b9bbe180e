"""Shapes, joining, padding: values against NumPy, views, memory order."""

from typing import Any

import numpy as np
import pytest

import minitorch_cv as mt
from minitorch_cv.testing import arranged, assert_close

X = np.arange(24.0).reshape(2, 3, 4)

CASES = {
    "reshape": (lambda x: x.reshape(4, -1), X.reshape(4, 6)),
    "reshape a tuple": (lambda x: mt.reshape(x, (6, 4)), X.reshape(6, 4)),
    "view": (lambda x: x.view(-1), X.ravel()),
    "flatten": (lambda x: x.flatten(), X.ravel()),
    "flatten the last": (lambda x: x.flatten(1), X.reshape(2, 12)),
    "flatten the first": (lambda x: x.flatten(0, 1), X.reshape(6, 4)),
    "unsqueeze": (lambda x: x.unsqueeze(1), X[:, None]),
    "unsqueeze at the end": (lambda x: x.unsqueeze(-1), X[..., None]),
    "squeeze": (lambda x: x.reshape(2, 1, 12, 1).squeeze(), X.reshape(2, 12)),
    "squeeze one": (lambda x: x.reshape(2, 1, 12, 1).squeeze(-1), X.reshape(2, 1, 12)),
    "squeeze what is longer": (lambda x: x.squeeze(0), X),
    "permute": (lambda x: x.permute(2, 0, 1), X.transpose(2, 0, 1)),
    "permute a tuple": (lambda x: x.permute((-1, 0, -2)), X.transpose(2, 0, 1)),
    "transpose": (lambda x: x.transpose(0, -1), X.swapaxes(0, 2)),
    "T": (lambda x: x.T, X.T),
    "expand": (lambda x: x.unsqueeze(1).expand(5, -1, 7, 3, -1), np.broadcast_to(X[:, None], (5, 2, 7, 3, 4))),
    "broadcast_to": (lambda x: x.broadcast_to((2, 2, 3, 4)), np.broadcast_to(X, (2, 2, 3, 4))),
    "unflatten": (lambda x: x.unflatten(-1, (2, -1)), X.reshape(2, 3, 2, 2)),
    "movedim": (lambda x: x.movedim((0, -1), (1, 0)), np.moveaxis(X, (0, -1), (1, 0))),
    "swapaxes": (lambda x: x.swapaxes(0, 1), X.swapaxes(0, 1)),
    "t": (lambda x: x[0].t(), X[0].T),
    "flip": (lambda x: x.flip(0, -1), X[::-1, :, ::-1]),
    "roll": (lambda x: x.roll((1, -5), (0, 2)), np.roll(X, (1, -5), (0, 2))),
    "roll all": (lambda x: x.roll(5), np.roll(X, 5)),
    "tile": (lambda x: x.tile(2, 1), np.tile(X, (2, 1))),
    "repeat": (lambda x: x.repeat(3, 1, 2, 1), np.tile(X, (3, 1, 2, 1))),
    "repeat_interleave": (lambda x: x.repeat_interleave(2, 1), np.repeat(X, 2, 1)),
    "repeat_interleave each": (lambda x: x.repeat_interleave(mt.tensor([1, 0, 2]), 1), np.repeat(X, [1, 0, 2], 1)),
    "diagonal": (lambda x: x.diagonal(1, 0, 2), np.diagonal(X, 1, 0, 2)),
    "diag": (lambda x: x[0, 0].diag(-1), np.diag(X[0, 0], -1)),
    "tril": (lambda x: x.tril(-1), np.tril(X, -1)),
    "triu": (lambda x: x.triu(2), np.triu(X, 2)),
    "split": (lambda x: mt.cat(x.split((1, 3), 2)[::-1], 2), np.concatenate([X[..., 1:], X[..., :1]], 2)),
    "chunk": (lambda x: mt.stack(x.chunk(2, 2)), np.stack([X[..., :2], X[..., 2:]])),
    "unbind": (lambda x: x.unbind(1)[2], X[:, 2]),
    "meshgrid": (lambda x: mt.stack(mt.meshgrid(x[0, 0], x[0, :, 0], indexing="xy")), np.stack(np.meshgrid(X[0, 0], X[0, :, 0]))),
    "contiguous": (lambda x: x.T.contiguous(), X.T),
    "clone": (lambda x: x.clone(), X),
    "cat": (lambda x: mt.cat([x, x * 2, x[:, :1]], 1), np.concatenate([X, X * 2, X[:, :1]], 1)),
    "cat at the end": (lambda x: mt.concatenate([x, x], -1), np.concatenate([X, X], 2)),
    "stack": (lambda x: mt.stack([x, x * x], 1), np.stack([X, X * X], 1)),
    "stack at the end": (lambda x: mt.stack([x, x * x], -1), np.stack([X, X * X], -1)),
}


@pytest.mark.parametrize("name", CASES)
def test_values(name: str) -> None:
    function, expected = CASES[name]
    y = function(mt.tensor(X))
    assert y.shape == expected.shape
    np.testing.assert_array_equal(y.numpy(), expected)
    x = mt.tensor(X.astype(np.float32), requires_grad=True)
    function(x).sum().backward()
    assert (function(x).dtype, x.grad.dtype) == (np.float32, np.float32)


def test_views_share_memory_and_copies_do_not() -> None:
    x = mt.zeros(2, 3)
    for view in (x.reshape(3, 2), x.T, x.unsqueeze(0), x.expand(4, 2, 3), x.detach(), x[1:], x[..., None], x[0, 0]):
        assert np.shares_memory(view.data, x.data)
    for copy in (x.clone(), x.T.contiguous(), x.T.reshape(-1), x[[0, 1]], x[x == 0], mt.cat([x])):
        assert not np.shares_memory(copy.data, x.data)


def test_images_stay_channels_last() -> None:
    """Joining and padding keep the memory order, so that kernels need not copy."""
    x = mt.from_numpy(arranged(np.zeros((2, 3, 4, 5), np.float32), "channels-last"))
    for y in (mt.pad(x, (1, 1, 0, -1)), mt.cat([x, x], 1), x + 1, x.clone(), mt.zeros_like(x), mt.where(x > 0, x, 0.0), -x):
        assert y.data.transpose(0, 2, 3, 1).flags.c_contiguous
    x.requires_grad_()
    shortcut = mt.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 1, 1))
    (gx,) = mt.autograd.grad(shortcut, x, mt.zeros_like(shortcut))
    assert gx.data.transpose(0, 2, 3, 1).flags.c_contiguous
    (x * 2).flatten().sum().backward()
    assert x.grad.data.transpose(0, 2, 3, 1).flags.c_contiguous


def test_flatten_is_in_c_order_whatever_the_memory() -> None:
    x = np.arange(24.0).reshape(1, 2, 3, 4)
    np.testing.assert_array_equal(mt.from_numpy(arranged(x, "channels-last")).flatten(1).numpy(), x.reshape(1, 24))


def test_single_numbers_and_empty_tensors() -> None:
    number = mt.tensor(2.0)
    assert number.flatten().shape == (1,)
    assert number.reshape(1, 1).squeeze().shape == ()
    assert number.expand(3).tolist() == [2.0, 2.0, 2.0]
    assert mt.zeros(0, 3).reshape(3, 0).shape == (3, 0)
    assert mt.cat([mt.zeros(0, 3), mt.ones(1, 3)]).tolist() == [[1.0, 1.0, 1.0]]
    assert mt.cat([mt.ones(1), mt.ones(1)]).dtype == np.float32


@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        (lambda x: x.reshape(5, 5), ValueError, r"shape: got \(5, 5\) for 24 elements"),
        (lambda x: x.reshape(2.5), TypeError, "expected integers"),
        (lambda x: x.permute(0, 1), ValueError, "expected each of the 3 dimensions once"),
        (lambda x: x.permute(0, 1, 1), ValueError, "expected each of the 3 dimensions once"),
        (lambda x: x.transpose(0, 3), IndexError, "dim1: got 3, expected -3 to 2"),
        (lambda x: x.expand(3, 3, 4), ValueError, r"to which shape \(2, 3, 4\) cannot be broadcast"),
        (lambda x: x.expand(4), ValueError, "cannot be broadcast"),
        (lambda x: x.flatten(2, 1), ValueError, "start_dim: got 2, which comes after end_dim 1"),
        (lambda x: mt.cat([]), ValueError, "tensors: got none"),
        (lambda x: mt.cat([x, x[:, :2]]), ValueError, "tensors: number 1 has shape"),
        (lambda x: mt.cat([x, x.float()]), TypeError, "tensors: number 1 has dtype float32, expected float64"),
        (lambda x: mt.stack([x, x[0]]), ValueError, "tensors: number 1 has shape"),
    ],
)
def test_arguments_that_make_no_sense(function: Any, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        function(mt.tensor(X))


def test_sum_to_shape_undoes_broadcasting() -> None:
    x = mt.tensor(X)
    for shape in ((2, 3, 4), (3, 4), (1, 4), (2, 1, 4), (1,), ()):
        assert_close(x.sum_to_shape(shape), _sum_like(X, shape), 0.0)


def _sum_like(x: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    result = np.zeros(shape)
    view = np.lib.stride_tricks.as_strided(
        result, x.shape, [0] * (x.ndim - len(shape)) + [0 if n == 1 else s for n, s in zip(shape, result.strides, strict=True)]
    )
    for place in np.ndindex(x.shape):
        view[place] += x[place]
    return result
