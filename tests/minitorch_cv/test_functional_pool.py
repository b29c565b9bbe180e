"""Pooling as differentiable functions."""

from typing import Any

import numpy as np
import pytest
from checks import assert_close
from drawing import apart, leaf, memory_orders, pair, seeds, smooth
from hypothesis import given
from hypothesis import strategies as st

import minitorch_cv as mt
from minitorch_cv import functional as F
from minitorch_cv.autograd import gradcheck, gradgradcheck


@st.composite
def windows(draw: st.DrawFn, dilated: bool) -> dict[str, Any]:
    """The shape and options of a pooling in which at least one window fits."""
    kernel, dilation = draw(pair(1, 3)), draw(pair(1, 2)) if dilated else (1, 1)
    padding = tuple(draw(st.integers(0, (d * (k - 1) + 1) // 2)) for k, d in zip(kernel, dilation, strict=True))
    size = tuple(max(1, d * (k - 1) + 1 - 2 * p) + draw(st.integers(0, 4)) for k, p, d in zip(kernel, padding, dilation, strict=True))
    options = {"kernel_size": kernel, "stride": draw(st.none() | pair(1, 3)), "padding": padding, "ceil_mode": draw(st.booleans())}
    if dilated:
        options["dilation"] = dilation
    return {"shape": (draw(st.integers(1, 2)), draw(st.integers(1, 3)), *size), "options": options}


@given(case=windows(dilated=True), order=memory_orders, seed=seeds)
def test_max_pool2d_gradients(backend: str, case: dict, order: str, seed: int) -> None:
    x = leaf(apart(np.random.default_rng(seed), *case["shape"]), order)
    # A window that lies in the padding entirely has the value -inf and no gradient: multiplying by zero would make it NaN.
    empty = np.isinf(F.max_pool2d(x, **case["options"]).numpy())

    def pooled(x: mt.Tensor) -> mt.Tensor:
        y = F.max_pool2d(x, **case["options"])
        return y[mt.tensor(~empty)] if empty.any() else y

    assert gradcheck(pooled, [x])
    assert gradgradcheck(pooled, [x])


@given(
    case=windows(dilated=False), include=st.booleans(), divisor=st.sampled_from([None, 3, -2]), order=memory_orders, seed=seeds
)  # fmt: skip
def test_avg_pool2d_gradients(backend: str, case: dict, include: bool, divisor: int | None, order: str, seed: int) -> None:
    x = leaf(smooth(np.random.default_rng(seed), *case["shape"]), order)
    options = case["options"] | {"count_include_pad": include, "divisor_override": divisor}
    assert gradcheck(lambda x: F.avg_pool2d(x, **options), [x])
    assert gradgradcheck(lambda x: F.avg_pool2d(x, **options), [x])


@given(shape=st.tuples(*[st.integers(1, 4)] * 4), order=memory_orders, seed=seeds)
def test_global_average_gradients(backend: str, shape: tuple[int, ...], order: str, seed: int) -> None:
    x = leaf(smooth(np.random.default_rng(seed), *shape), order)
    assert_close(F.adaptive_avg_pool2d(x, 1), x.numpy().mean((2, 3), keepdims=True), 1e-14)
    assert gradcheck(lambda x: F.adaptive_avg_pool2d(x, (1, 1)), [x])
    assert gradgradcheck(lambda x: F.adaptive_avg_pool2d(x, 1), [x])


def test_indices_are_places_and_have_no_gradient(backend: str) -> None:
    x = leaf(apart(np.random.default_rng(0), 2, 3, 6, 7))
    y, indices = F.max_pool2d(x, 2, return_indices=True)
    assert indices.dtype == np.int64
    assert not indices.requires_grad
    planes = x.numpy().reshape(2, 3, -1)
    assert np.array_equal(np.take_along_axis(planes, indices.numpy().reshape(2, 3, -1), axis=2).reshape(y.shape), y.numpy())
    y.sum().backward()
    won = np.zeros_like(planes)
    np.put_along_axis(won, indices.numpy().reshape(2, 3, -1), 1, axis=2)
    assert np.array_equal(x.grad.numpy(), won.reshape(x.shape))


def test_overlapping_windows_accumulate(backend: str) -> None:
    x = np.zeros((1, 1, 3, 3))
    x[0, 0, 1, 1] = 1
    x = leaf(x)
    F.max_pool2d(x, 2, stride=1).sum().backward()
    assert x.grad.numpy()[0, 0].tolist() == [[0, 0, 0], [0, 4, 0], [0, 0, 0]]


def test_one_image_without_a_batch() -> None:
    x = mt.tensor(apart(np.random.default_rng(0), 2, 4, 5))
    y, indices = F.max_pool2d(x, 2, return_indices=True)
    assert y.shape == indices.shape == F.avg_pool2d(x, 2).shape == (2, 2, 2)
    assert F.adaptive_avg_pool2d(x, 1).shape == (2, 1, 1)


def test_empty_batch(backend: str) -> None:
    for function in (lambda x: F.max_pool2d(x, 2), lambda x: F.avg_pool2d(x, 2)):
        x = leaf(np.zeros((0, 2, 4, 4)))
        y = function(x)
        assert y.shape == (0, 2, 2, 2)
        y.sum().backward()
        assert x.grad.shape == x.shape


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kernel_size": 3, "padding": 2}, "padding: got .* at most half of the window"),
        ({"kernel_size": 0}, "kernel_size: got 0"),
        ({"kernel_size": 2, "stride": 0}, "stride: got 0"),
        ({"kernel_size": 2, "padding": -1}, "padding: got -1"),
        ({"kernel_size": 9}, "kernel_size: got .* larger than the padded image"),
    ],
)
@pytest.mark.parametrize("function", [F.max_pool2d, F.avg_pool2d])
def test_errors(function: Any, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        function(mt.tensor(np.ones((1, 2, 5, 5))), **options)
    with pytest.raises(ValueError, match="input: got shape"):
        function(mt.tensor(np.ones((5, 5))), 2)
    with pytest.raises(TypeError, match="input: got dtype int64"):
        function(mt.tensor(np.ones((1, 2, 5, 5), np.int64)), 2)


def test_other_errors() -> None:
    x = mt.tensor(np.ones((1, 2, 5, 5)))
    with pytest.raises(ValueError, match="divisor_override: got 0"):
        F.avg_pool2d(x, 2, divisor_override=0)
    with pytest.raises(ValueError, match=r"output_size: got \(2, 2\)"):
        F.adaptive_avg_pool2d(x, (2, 2))
