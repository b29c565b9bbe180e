"""Second-order gradients against an installed PyTorch, on drawn configurations: d/dx of |d loss / d (x, w, b)|^2."""

from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest

import minitorch_cv as mt
from minitorch_cv.testing import assert_close

pytestmark = pytest.mark.full


def second_order(library: ModuleType, function: Callable, arrays: list[np.ndarray]) -> list[np.ndarray]:
    """The gradients of the squared norm of the gradients of sum(y^3)."""
    tensors = [library.tensor(array, requires_grad=True) for array in arrays]
    y = function(library.nn.functional if library.__name__ == "torch" else library.functional, library, *tensors)
    first = library.autograd.grad((y * y * y).sum(), tensors, create_graph=True)
    total = sum(((g * g).sum() for g in first[1:]), (first[0] * first[0]).sum())
    return [np.asarray(g) for g in library.autograd.grad(total, tensors)]


def compare(function: Callable, arrays: list[np.ndarray]) -> None:
    torch = pytest.importorskip("torch")
    for i, (ours, theirs) in enumerate(zip(second_order(mt, function, arrays), second_order(torch, function, arrays), strict=True)):
        assert_close(ours, theirs, 1e-9, f"second-order gradient of input {i}")


@pytest.mark.parametrize("seed", range(15))
def test_conv2d(seed: int, backend: str) -> None:
    rng = np.random.default_rng(seed)
    groups, kernel = int(rng.integers(1, 4)), rng.integers(1, 4, 2)
    c, oc = groups * int(rng.integers(1, 4)), groups * int(rng.integers(1, 4))
    options = {name: tuple(map(int, rng.integers(low, 3, 2))) for name, low in (("stride", 1), ("padding", 0), ("dilation", 1))}
    arrays = [rng.standard_normal((2, c, *rng.integers(6, 9, 2))), rng.standard_normal((oc, c // groups, *kernel)), rng.standard_normal(oc)]
    compare(lambda F, _, *t: F.conv2d(*t, groups=groups, **options), arrays)
    transposed = [rng.standard_normal((2, oc, *rng.integers(5, 7, 2))), arrays[1], rng.standard_normal(c)]
    compare(lambda F, _, *t: F.conv_transpose2d(*t, groups=groups, **options), transposed)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", [(5, 3), (4, 2, 3), (2, 3, 4, 3)])
def test_batch_norm(shape: tuple[int, ...], training: bool, backend: str) -> None:
    rng = np.random.default_rng(0)
    C = shape[1]
    statistics = [rng.standard_normal(C), 0.5 + rng.random(C)]

    def plain(F: ModuleType, library: ModuleType, *t: mt.Tensor) -> mt.Tensor:
        return F.batch_norm(t[0], *map(library.tensor, statistics), t[1], t[2], training)

    def fused(F: ModuleType, library: ModuleType, *t: mt.Tensor) -> mt.Tensor:
        if library is mt:
            return F.batch_norm(t[0], *map(library.tensor, statistics), t[1], t[2], training, relu=True, residual=t[3])
        return F.relu(plain(F, library, *t) + t[3])

    arrays = [rng.standard_normal(shape), rng.standard_normal(C), rng.standard_normal(C), rng.standard_normal(shape)]
    compare(plain, arrays[:3])
    compare(fused, arrays)


@pytest.mark.parametrize("ceil_mode", [True, False])
def test_pooling(ceil_mode: bool, backend: str) -> None:
    x = np.random.default_rng(0).standard_normal((2, 3, 8, 7))
    compare(lambda F, _, x: F.max_pool2d(x, 3, 2, 1, ceil_mode=ceil_mode), [x])
    compare(lambda F, _, x: F.avg_pool2d(x, 3, 2, 1, ceil_mode=ceil_mode, count_include_pad=False), [x])
    compare(lambda F, _, x: F.adaptive_avg_pool2d(x, 1), [x])


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_cross_entropy(reduction: str, smoothing: float, backend: str) -> None:
    rng = np.random.default_rng(0)
    x, weight = rng.standard_normal((3, 4, 2, 2)), 0.5 + rng.random(4)
    target, shares = rng.integers(0, 4, (3, 2, 2)), rng.random((3, 4, 2, 2))
    target[0, 0, 0] = -100
    options = {"reduction": reduction, "label_smoothing": smoothing}
    compare(lambda F, lib, x: F.cross_entropy(x, lib.tensor(target), lib.tensor(weight), **options), [x])
    compare(lambda F, lib, x, q: F.cross_entropy(x, q, lib.tensor(weight), **options), [x, shares])


def test_activations(backend: str) -> None:
    x = np.random.default_rng(0).standard_normal((3, 4, 2))
    for name, options in (("relu", {}), ("tanh", {}), ("softmax", {"dim": 1}), ("log_softmax", {"dim": 0})):
        compare(lambda F, _, x, name=name, options=options: getattr(F, name)(x * x, **options), [x])


def test_linear(backend: str) -> None:
    rng = np.random.default_rng(0)
    compare(lambda F, _, *t: F.linear(*t), [rng.standard_normal(shape) for shape in ((2, 3, 4), (5, 4), (5,))])


def test_gradient_of_no_losses(backend: str) -> None:
    torch = pytest.importorskip("torch")
    results = []
    for library, F in ((mt, mt.functional), (torch, torch.nn.functional)):
        x = library.tensor(np.ones((2, 3)), requires_grad=True)
        loss = F.cross_entropy(x, library.tensor(np.array([-100, -100])))
        loss.backward()
        results.append((loss.item(), np.asarray(x.grad)))
    assert np.isnan(results[0][0])
    assert np.isnan(results[1][0])
    assert_close(results[0][1], results[1][1], 0)


def test_batch_norm_of_an_empty_batch(backend: str) -> None:
    torch = pytest.importorskip("torch")
    x = np.zeros((0, 3, 2, 2))
    ours, theirs = (
        F.batch_norm(library.tensor(x), library.tensor(np.zeros(3)), library.tensor(np.ones(3)), training=True)
        for library, F in ((mt, mt.functional), (torch, torch.nn.functional))
    )
    assert ours.shape == tuple(theirs.shape)
