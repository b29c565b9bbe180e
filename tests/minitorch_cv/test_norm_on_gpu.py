"""Normalisations and losses of 16-bit images beside float32 parameters, on a GPU, real or emulated, against float64 on the CPU."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from gpu import REASON, gpu_here

import minitorch_cv as mt
from minitorch_cv import functional as F
from minitorch_cv import nn
from minitorch_cv.testing import assert_close

pytestmark = pytest.mark.skipif(REASON is not None, reason=str(REASON))

# Half a step of the types, relative to the largest number; a gradient is a difference of such numbers.
TOLERANCE = {"float16": 2e-3, "bfloat16": 1.6e-2}
SHAPE = (4, 8, 5, 3)


@pytest.fixture(scope="module", autouse=True)
def gpu() -> Iterator[None]:
    with gpu_here():
        yield


FUNCTIONS = {
    "batch_norm": lambda x, w, b: F.batch_norm(x, None, None, w, b, True, relu=True, residual=x),
    "batch_norm in evaluation": lambda x, w, b: F.batch_norm(x, w.detach(), b.detach().abs() + 1, w, b, relu=True),
    "layer_norm": lambda x, w, b: F.layer_norm(x.permute(0, 2, 3, 1), 8, w, b),
    "rms_norm": lambda x, w, b: F.rms_norm(x.permute(0, 2, 3, 1), 8, w) + 0 * b.sum().to(x.dtype),
    "group_norm": lambda x, w, b: F.group_norm(x, 2, w, b),
    "instance_norm": lambda x, w, b: F.instance_norm(x, None, None, w, b),
    "global_response_norm": lambda x, w, b: F.global_response_norm(x, w, b),
}


def gradients(function: Callable, arrays: tuple, device: str, dtype: str, wide: str) -> list[mt.Tensor]:
    """y, and the gradients of x, weight and bias where that of y is a third number of the same size."""
    x, gy = (mt.tensor(array, device=device).to(dtype) for array in (arrays[0], arrays[1]))
    x.requires_grad = True
    weight, bias = (mt.tensor(array, device=device).to(wide).requires_grad_() for array in arrays[2:])
    y = function(x, weight, bias)
    assert y.dtype == x.dtype
    y.backward(gy.permute(0, 2, 3, 1) if y.shape != x.shape else gy)
    assert (x.grad.dtype, weight.grad.dtype, bias.grad.dtype) == (x.dtype, weight.dtype, bias.dtype)
    return [y.detach(), x.grad, weight.grad, bias.grad]


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_16_bits_beside_float32(name: str, dtype: str) -> None:
    rng = np.random.default_rng(0)
    images = mt.tensor(rng.standard_normal((2, *SHAPE))).to(dtype).to("float64").numpy()  # what 16 bits can say
    arrays = (*images, *rng.standard_normal((2, 8)))
    expected = gradients(FUNCTIONS[name], arrays, "cpu", "float64", "float64")
    for i, (a, e) in enumerate(zip(gradients(FUNCTIONS[name], arrays, "cuda", dtype, "float32"), expected, strict=True)):
        assert_close(a.cpu().to("float64"), e, TOLERANCE[dtype], f"result {i}")


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_a_network_of_16_bits_keeps_running_statistics(dtype: str) -> None:
    """Also where the layer itself was converted, and has 16-bit parameters."""
    x = mt.tensor(2 + np.random.default_rng(0).standard_normal(SHAPE), device="cuda").to(dtype)
    for layer in (nn.BatchNorm2d(8).to("cuda"), nn.BatchNorm2d(8).to("cuda").to(dtype)):
        y = layer(x)
        assert y.dtype == x.dtype
        expected = 0.1 * x.to("float64").cpu().numpy().mean((0, 2, 3))
        assert_close(layer.running_mean.cpu().to("float64"), expected, TOLERANCE[dtype])
        assert layer.eval()(x).dtype == x.dtype


@pytest.mark.parametrize("dtype", ["float32", *TOLERANCE])
@pytest.mark.parametrize("weighted", [False, True])
def test_cross_entropy_of_16_bits(dtype: str, weighted: bool) -> None:
    rng = np.random.default_rng(0)
    scores = mt.tensor(3 * rng.standard_normal((6, 5))).to(dtype)
    target, weight = np.array([0, 4, -100, 2, 2, 1]), mt.tensor(rng.random(5)).to(dtype) if weighted else None
    results = []
    for device, kind in (("cpu", "float64"), ("cuda", dtype)):
        x = scores.to(device).to(kind)
        x.requires_grad = True
        w = None if weight is None else weight.to(device).to(kind)
        loss = F.cross_entropy(x, mt.tensor(target, device=device), w, label_smoothing=0.1)
        loss.backward()
        assert x.grad.dtype == x.dtype
        results.append((loss, x.grad))
    assert results[1][0].dtype == scores.dtype
    assert_close(results[1][0].detach().cpu().to("float64"), results[0][0].detach(), TOLERANCE.get(dtype, 1e-6))
    assert_close(results[1][1].cpu().to("float64"), results[0][1], TOLERANCE.get(dtype, 1e-6))


@pytest.mark.parametrize("loss", [F.cross_entropy, F.nll_loss])
def test_a_class_that_is_none_makes_nan(loss: Callable) -> None:
    losses = loss(mt.zeros(3, 4, device="cuda"), mt.tensor([1, 4, -1], device="cuda"), reduction="none")
    assert np.isnan(losses.cpu().numpy()).tolist() == [False, True, True]
    assert np.isnan(loss(mt.zeros(3, 4, device="cuda"), mt.tensor([1, 4, -1], device="cuda")).item())
