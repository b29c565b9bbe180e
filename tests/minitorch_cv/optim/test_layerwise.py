"""LARS and LAMB against their papers' algorithms, written with loops over single numbers."""

import math

import numpy as np
import pytest

from minitorch_cv.optim import LAMB, LARS, SGD, AdamW
from minitorch_cv.tensor import Tensor


def norm(values: list[float]) -> float:
    return math.sqrt(math.fsum(v * v for v in values))


def run(optimizer_class: type, start: np.ndarray, grads: list[np.ndarray], **options: object) -> np.ndarray:
    p = Tensor(start.copy(), requires_grad=True)
    optimizer = optimizer_class([p], **options)
    for grad in grads:
        p.grad = Tensor(grad)
        optimizer.step()
    return p.data


@pytest.fixture
def walk() -> tuple[np.ndarray, list[np.ndarray]]:
    rng = np.random.default_rng(0)
    return rng.standard_normal((4, 5)), [rng.standard_normal((4, 5)) for _ in range(4)]


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("sign", [1, -1])
def test_lars(momentum: float, sign: int, walk: tuple[np.ndarray, list[np.ndarray]], backend: str) -> None:
    start, grads = walk
    lr, trust, decay = 0.5, 0.02, 0.1
    w, v = start.ravel().tolist(), [0.0] * 20
    for grad in grads:
        g = [sign * x for x in grad.ravel().tolist()]
        local = trust * norm(w) / (norm(g) + decay * norm(w))
        v = [momentum * a + lr * local * (b + decay * c) for a, b, c in zip(v, g, w, strict=True)]
        w = [a - b for a, b in zip(w, v, strict=True)]
    options = {"lr": lr, "momentum": momentum, "weight_decay": decay, "trust_coefficient": trust}
    found = run(LARS, start, grads, **options, maximize=sign < 0)
    np.testing.assert_allclose(found.ravel(), w, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("sign", [1, -1])
def test_lamb(sign: int, walk: tuple[np.ndarray, list[np.ndarray]], backend: str) -> None:
    start, grads = walk
    lr, beta1, beta2, eps, decay = 0.1, 0.8, 0.9, 1e-3, 0.2
    x, m, v = start.ravel().tolist(), [0.0] * 20, [0.0] * 20
    for t, grad in enumerate(grads, 1):
        g = [sign * e for e in grad.ravel().tolist()]
        m = [beta1 * a + (1 - beta1) * b for a, b in zip(m, g, strict=True)]
        v = [beta2 * a + (1 - beta2) * b * b for a, b in zip(v, g, strict=True)]
        r = [a / (1 - beta1**t) / (math.sqrt(b / (1 - beta2**t)) + eps) for a, b in zip(m, v, strict=True)]
        u = [a + decay * b for a, b in zip(r, x, strict=True)]
        x = [a - lr * norm(x) / norm(u) * b for a, b in zip(x, u, strict=True)]
    found = run(LAMB, start, grads, lr=lr, betas=(beta1, beta2), eps=eps, weight_decay=decay, maximize=sign < 0)
    np.testing.assert_allclose(found.ravel(), x, rtol=1e-12, atol=1e-13)


def test_arrays_of_one_dimension_are_left_out() -> None:
    rng = np.random.default_rng(1)
    start, grads = rng.standard_normal(6), [rng.standard_normal(6) for _ in range(3)]
    lars = run(LARS, start, grads, lr=0.1, weight_decay=0.5)
    np.testing.assert_allclose(lars, run(SGD, start, grads, lr=0.1, momentum=0.9), rtol=1e-13)
    lamb = run(LAMB, start, grads, lr=0.1, weight_decay=0.5)
    np.testing.assert_allclose(lamb, run(AdamW, start, grads, lr=0.1, eps=1e-6, weight_decay=0), rtol=1e-12)
    assert not np.allclose(run(LARS, start, grads, lr=0.1, exclude_1d=False), lars)
    assert not np.allclose(run(LAMB, start, grads, lr=0.1, weight_decay=0.5, exclude_1d=False), lamb)


def test_a_parameter_of_zeros_still_moves() -> None:
    zeros, grads = np.zeros((2, 2)), [np.ones((2, 2))]
    np.testing.assert_allclose(run(LARS, zeros, grads, lr=0.5, momentum=0), -0.5)
    np.testing.assert_allclose(run(LAMB, zeros, grads, lr=0.5), -0.5, rtol=1e-5)
    ones = np.ones((2, 2))
    np.testing.assert_array_equal(run(LAMB, ones, [0 * ones], lr=0.5), ones)  # an update of zeros has no norm to divide by
    np.testing.assert_array_equal(run(LARS, ones, [0 * ones]), ones)


def test_the_step_does_not_depend_on_the_scale_of_the_gradient(walk: tuple[np.ndarray, list[np.ndarray]]) -> None:
    start, grads = walk
    for optimizer_class, options in ((LARS, {}), (LAMB, {"eps": 0.0})):
        once, scaled = (run(optimizer_class, start, [factor * grad for grad in grads], lr=0.1, **options) for factor in (1, 1000))
        np.testing.assert_allclose(once, scaled, rtol=1e-12)
