"""Convolution and transposed convolution as differentiable functions."""

from typing import Any

import numpy as np
import pytest
from drawing import leaf, memory_orders, pair, seeds, smooth
from hypothesis import given
from hypothesis import strategies as st

import minitorch_cv as mt
from minitorch_cv import functional as F
from minitorch_cv.autograd import grad, gradcheck, gradgradcheck
from minitorch_cv.testing import assert_close


@st.composite
def convolutions(draw: st.DrawFn) -> dict[str, Any]:
    """The shapes and options of a convolution in which at least one window fits."""
    groups = draw(st.integers(1, 3))
    depthwise = draw(st.booleans())
    channels, out_channels = (1, 1) if depthwise else (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    kernel, stride, padding, dilation = draw(pair(1, 3)), draw(pair(1, 3)), draw(pair(0, 2)), draw(pair(1, 2))
    size = tuple(
        max(1, d * (k - 1) + 1 - 2 * p) + draw(st.integers(0, 3)) for k, p, d in zip(kernel, padding, dilation, strict=True)
    )
    return {
        "x": (draw(st.integers(1, 3)), channels * groups, *size),
        "weight": (out_channels * groups, channels, *kernel),
        "options": {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups},
    }


@given(case=convolutions(), bias=st.booleans(), order=memory_orders, seed=seeds)
def test_conv2d_gradients(backend: str, case: dict, bias: bool, order: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    inputs = [leaf(smooth(rng, *case["x"]), order), leaf(smooth(rng, *case["weight"]), order)]
    if bias:
        inputs.append(leaf(smooth(rng, case["weight"][0])))
    assert gradcheck(lambda *t: F.conv2d(*t, **case["options"]), inputs)
    assert gradgradcheck(lambda *t: F.conv2d(*t, **case["options"]), inputs)


@given(data=st.data(), case=convolutions(), bias=st.booleans(), order=memory_orders, seed=seeds)
def test_conv_transpose2d_gradients(backend: str, data: st.DataObject, case: dict, bias: bool, order: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    options, shape = case["options"], case["weight"]
    # Small enough that something of the result is left.
    options["padding"] = tuple(min(p, d * (k - 1) // 2) for p, d, k in zip(options["padding"], options["dilation"], shape[2:], strict=True))
    output_padding = tuple(data.draw(st.integers(0, max(s, d) - 1)) for s, d in zip(options["stride"], options["dilation"], strict=True))
    x = leaf(smooth(rng, case["x"][0], shape[0], *data.draw(pair(1, 3))), order)
    inputs = [x, leaf(smooth(rng, *shape), order)]
    if bias:
        inputs.append(leaf(smooth(rng, case["x"][1])))
    assert gradcheck(lambda *t: F.conv_transpose2d(*t, output_padding=output_padding, **options), inputs)
    assert gradgradcheck(lambda *t: F.conv_transpose2d(*t, output_padding=output_padding, **options), inputs)


@given(case=convolutions(), seed=seeds)
def test_transposed_convolution_is_the_adjoint(case: dict, seed: int) -> None:
    """<conv(x), y> = <x, conv_transpose(y)>, whatever x and y are, if the output padding restores the size of x."""
    rng = np.random.default_rng(seed)
    options = case["options"]
    x, weight = mt.tensor(smooth(rng, *case["x"])), mt.tensor(smooth(rng, *case["weight"]))
    cx = F.conv2d(x, weight, **options)
    y = mt.tensor(smooth(rng, *cx.shape))
    lost = tuple(
        (n + 2 * p - d * (k - 1) - 1) % s
        for n, k, s, p, d in zip(x.shape[2:], weight.shape[2:], options["stride"], options["padding"], options["dilation"], strict=True)
    )
    ty = F.conv_transpose2d(y, weight, output_padding=lost, **options)
    assert ty.shape == x.shape
    assert_close((cx.numpy() * y.numpy()).sum(), (x.numpy() * ty.numpy()).sum(), 1e-12)


@pytest.mark.parametrize(
    ("stride", "padding", "output_padding", "dilation"),
    [((2, 3), (1, 0), (1, 2), (1, 1)), ((1, 1), (0, 1), (1, 2), (2, 3)), ((2, 1), (2, 1), (2, 0), (3, 1))],
)
def test_transposed_convolution_pixel_by_pixel(stride: tuple, padding: tuple, output_padding: tuple, dilation: tuple) -> None:
    """Every pixel of the input paints the kernel, times its value, into the output; output_padding of a stride or more included."""
    rng = np.random.default_rng(4)
    x, weight, bias = smooth(rng, 2, 3, 4, 3), smooth(rng, 3, 2, 2, 3), smooth(rng, 2)
    lengths = zip(x.shape[2:], weight.shape[2:], stride, padding, dilation, output_padding, strict=True)
    size = [(n - 1) * s - 2 * p + d * (k - 1) + extra + 1 for n, k, s, p, d, extra in lengths]
    expected = np.zeros((2, 2, *size)) + bias.reshape(-1, 1, 1)
    for h, w, i, j in np.ndindex(*x.shape[2:], *weight.shape[2:]):
        u, v = h * stride[0] + i * dilation[0] - padding[0], w * stride[1] + j * dilation[1] - padding[1]
        if 0 <= u < size[0] and 0 <= v < size[1]:
            expected[:, :, u, v] += x[:, :, h, w] @ weight[:, :, i, j]
    tensors = [mt.tensor(array) for array in (x, weight, bias)]
    assert_close(F.conv_transpose2d(*tensors, stride, padding, output_padding, dilation=dilation), expected, 1e-13)


@pytest.mark.parametrize("kernel", [(3, 3), (2, 4), (4, 1)])
@pytest.mark.parametrize("dilation", [1, 2, (1, 3)])
def test_same_padding_keeps_the_size_and_puts_the_odd_pixel_last(kernel: tuple[int, int], dilation: Any) -> None:
    rng = np.random.default_rng(0)
    x, weight = mt.tensor(smooth(rng, 2, 2, 7, 8)), mt.tensor(smooth(rng, 3, 2, *kernel))
    y = F.conv2d(x, weight, padding="same", dilation=dilation)
    assert y.shape == (2, 3, 7, 8)
    dh, dw = dilation if isinstance(dilation, tuple) else (dilation, dilation)
    total = dh * (kernel[0] - 1), dw * (kernel[1] - 1)
    padded = np.pad(x.numpy(), [(0, 0), (0, 0), *((t // 2, t - t // 2) for t in total)])
    assert_close(y, F.conv2d(mt.tensor(padded), weight, dilation=dilation), 1e-14)
    assert gradcheck(lambda x: F.conv2d(x, weight, padding="same", dilation=dilation), [leaf(x.numpy())])


def test_valid_padding_is_none() -> None:
    x, weight = mt.tensor(np.ones((1, 1, 5, 5))), mt.tensor(np.ones((1, 1, 2, 2)))
    assert F.conv2d(x, weight, padding="valid", stride=2).shape == (1, 1, 2, 2)


def test_one_image_without_a_batch() -> None:
    rng = np.random.default_rng(1)
    x, weight, bias = mt.tensor(smooth(rng, 2, 5, 6)), mt.tensor(smooth(rng, 4, 2, 3, 3)), mt.tensor(smooth(rng, 4))
    y = F.conv2d(x, weight, bias)
    assert y.shape == (4, 3, 4)
    assert_close(y, F.conv2d(x.unsqueeze(0), weight, bias).numpy()[0], 0)
    assert F.conv_transpose2d(y, weight, stride=2).shape == (2, 7, 9)


@pytest.mark.parametrize("frozen", ["x", "weight", "bias"])
def test_only_needed_gradients_are_computed(frozen: str) -> None:
    rng = np.random.default_rng(2)
    tensors = {"x": smooth(rng, 2, 2, 4, 4), "weight": smooth(rng, 3, 2, 3, 3), "bias": smooth(rng, 3)}
    everything = {name: leaf(array) for name, array in tensors.items()}
    F.conv2d(*everything.values()).sum().backward()
    some = {name: mt.tensor(array, requires_grad=name != frozen) for name, array in tensors.items()}
    y = F.conv2d(*some.values())
    y.sum().backward()
    for name, tensor in some.items():
        if name == frozen:
            assert tensor.grad is None
        else:
            assert_close(tensor.grad, everything[name].grad, 1e-13, name)


def test_empty_batch(backend: str) -> None:
    x, weight, bias = leaf(np.zeros((0, 2, 5, 5))), leaf(np.ones((3, 2, 3, 3))), leaf(np.ones(3))
    y = F.conv2d(x, weight, bias)
    assert y.shape == (0, 3, 3, 3)
    y.sum().backward()
    assert x.grad.shape == x.shape
    assert not weight.grad.numpy().any()
    assert not bias.grad.numpy().any()


def test_third_order() -> None:
    """The gradient of a gradient is a function like any other."""
    rng = np.random.default_rng(3)

    def slope(x: mt.Tensor, weight: mt.Tensor) -> mt.Tensor:
        y = F.conv2d(x, weight)
        (gx,) = grad((y * y * y).sum(), [x], create_graph=True)
        return gx

    assert gradgradcheck(slope, [leaf(smooth(rng, 1, 2, 4, 4)), leaf(smooth(rng, 2, 2, 2, 2))])


class TestErrors:
    x = mt.tensor(np.ones((1, 4, 5, 5)))
    weight = mt.tensor(np.ones((6, 4, 3, 3)))

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"input": mt.tensor(np.ones((5, 5)))}, r"input: got shape \(5, 5\), expected images"),
            ({"input": mt.tensor(np.ones((1, 3, 5, 5)))}, "weight: got shape .* for an input of 3 channels"),
            ({"weight": mt.tensor(np.ones((6, 4, 3)))}, "weight: got shape"),
            ({"bias": mt.tensor(np.ones(5))}, r"bias: got shape \(5,\), expected \(6,\)"),
            ({"groups": 3}, "groups: got 3"),
            ({"groups": 0}, "groups: got 0"),
            ({"stride": 0}, "stride: got 0"),
            ({"padding": -1}, "padding: got -1"),
            ({"padding": "full"}, "padding: got 'full'"),
            ({"padding": "same", "stride": 2}, "padding: got 'same', which needs stride 1"),
            ({"padding": "same", "weight": mt.tensor(np.ones((6, 4, 3)))}, "weight: got shape"),
            ({"dilation": (1, 2, 3)}, r"dilation: got \(1, 2, 3\)"),
            ({"dilation": 3}, "kernel_size: got .* larger than the padded image"),
        ],
    )
    def test_values(self, change: dict, message: str) -> None:
        with pytest.raises(ValueError, match=message):
            F.conv2d(**{"input": self.x, "weight": self.weight} | change)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"input": np.ones((1, 4, 5, 5))}, "input: got ndarray, expected a Tensor"),
            ({"input": mt.tensor(np.ones((1, 4, 5, 5), np.int64))}, "input: got dtype int64"),
            ({"weight": None}, "weight: got NoneType, expected a Tensor"),
            ({"weight": mt.tensor(np.ones((6, 4, 3, 3), np.float32))}, "weight: got float32, expected float64"),
            ({"bias": mt.tensor(np.ones(6, np.float32))}, "bias: got float32, expected float64"),
        ],
    )
    def test_types(self, change: dict, message: str) -> None:
        with pytest.raises(TypeError, match=message):
            F.conv2d(**{"input": self.x, "weight": self.weight} | change)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"output_padding": 2, "stride": 2}, "output_padding: got"),
            ({"input": mt.tensor(np.ones((1, 4, 5, 5)))}, "input: got shape .* expected 6 channels"),
            ({"bias": mt.tensor(np.ones(6))}, r"bias: got shape \(6,\), expected \(4,\)"),
            ({"padding": 5}, "padding: got .* leaves nothing"),
            ({"groups": 4}, "groups: got 4"),
            ({"bias": mt.tensor(np.ones(4, np.float32))}, "bias: got float32, expected float64"),
        ],
    )
    def test_transposed(self, change: dict, message: str) -> None:
        with pytest.raises((ValueError, TypeError), match=message):
            F.conv_transpose2d(**{"input": mt.tensor(np.ones((1, 6, 5, 5))), "weight": self.weight} | change)
