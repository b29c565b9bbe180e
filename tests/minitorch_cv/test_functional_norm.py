"""Batch normalisation as a differentiable function."""

from collections.abc import Callable

import numpy as np
import pytest
from drawing import leaf, smooth

import minitorch_cv as mt
from minitorch_cv import functional as F
from minitorch_cv.testing import assert_close


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_fused_is_the_same_as_three_steps(backend: str, training: bool, dtype: type) -> None:
    rng = np.random.default_rng(0)
    arrays = [smooth(rng, 4, 5, 6, 7), 0.5 + rng.random(5), smooth(rng, 5), smooth(rng, 4, 5, 6, 7)]
    gy = mt.tensor(smooth(rng, 4, 5, 6, 7).astype(dtype))
    mean, var = mt.tensor(smooth(rng, 5).astype(dtype)), mt.tensor((0.5 + rng.random(5)).astype(dtype))

    def results(function: Callable) -> list[np.ndarray]:
        x, weight, bias, residual = tensors = [leaf(array.astype(dtype)) for array in arrays]
        y = function(x, (mean.clone(), var.clone(), weight, bias, training), residual)
        y.backward(gy)
        return [y.detach(), *(t.grad for t in tensors)]

    fused = results(lambda x, rest, residual: F.batch_norm(x, *rest, relu=True, residual=residual))
    apart = results(lambda x, rest, residual: F.relu(F.batch_norm(x, *rest) + residual))
    for name, a, b in zip(("y", "gx", "gweight", "gbias", "gresidual"), fused, apart, strict=True):
        assert a.dtype == dtype
        assert_close(a, b, 1e-13 if dtype is np.float64 else 3e-6, name)


def test_running_statistics(backend: str) -> None:
    rng = np.random.default_rng(0)
    x = mt.tensor(smooth(rng, 3, 2, 4, 5) * 2 + 1)
    mean, var = mt.tensor(np.array([1.0, 2.0])), mt.tensor(np.array([3.0, 4.0]))
    F.batch_norm(x, mean, var, training=True, momentum=0.25)
    values = x.numpy().transpose(1, 0, 2, 3).reshape(2, -1)
    assert_close(mean, 0.75 * np.array([1.0, 2.0]) + 0.25 * values.mean(1), 1e-14)
    assert_close(var, 0.75 * np.array([3.0, 4.0]) + 0.25 * values.var(1, ddof=1), 1e-14)
    before = mean.numpy().copy()
    F.batch_norm(x, mean, var, training=False)
    assert np.array_equal(mean.numpy(), before)


def test_checkpoint_counts_a_batch_once() -> None:
    rng = np.random.default_rng(0)
    x, mean, var = leaf(smooth(rng, 4, 2)), mt.tensor(np.zeros(2)), mt.tensor(np.ones(2))
    y = mt.autograd.checkpoint(lambda x: F.batch_norm(x, mean, var, training=True), x)
    after = mean.numpy().copy()
    (y * y * y).sum().backward()
    assert np.array_equal(mean.numpy(), after)
    other = leaf(x.numpy())
    y = F.batch_norm(other, None, None, training=True)
    (y * y * y).sum().backward()
    assert_close(x.grad, other.grad, 1e-13)


def test_statistics_that_changed_since_the_forward_are_noticed() -> None:
    """In evaluation the gradient needs the running statistics of its own forward."""
    x, mean, var = leaf(np.eye(3)), mt.tensor(np.zeros(3)), mt.tensor(np.ones(3))
    y = F.batch_norm(x, mean, var)
    F.batch_norm(x, mean, var, training=True)
    with pytest.raises(RuntimeError, match="BatchNormEval"):
        y.sum().backward()


def test_large_mean_does_not_cancel(backend: str) -> None:
    """E[x^2] - E[x]^2 would lose every digit of the variance here."""
    x = np.random.default_rng(0).standard_normal((64, 3, 8, 8)).astype(np.float32) + np.float32(1000)
    y = F.batch_norm(mt.tensor(x), None, None, training=True).numpy()
    wide = x.astype(np.float64)
    expected = (wide - wide.mean((0, 2, 3), keepdims=True)) / np.sqrt(wide.var((0, 2, 3), keepdims=True) + 1e-5)
    assert abs(y - expected).max() < 1e-4
