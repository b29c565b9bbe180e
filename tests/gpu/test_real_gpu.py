"""What only a real GPU can answer: `make test-gpu`."""

import gpu
import numpy as np
import pytest

import minitorch_cv as mt
import minitorch_cv.functional as F
import models
from minitorch_cv import optim

pytestmark = [
    pytest.mark.skipif(gpu.GPU != "real", reason="needs a real GPU: make test-gpu"),
    pytest.mark.skipif(gpu.GPU == "real" and gpu.REASON is not None, reason=str(gpu.REASON)),
]


@pytest.fixture(autouse=True)
def _seed() -> None:
    mt.manual_seed(0)


def test_memory_does_not_grow() -> None:
    """What the pool holds after 1,000 steps is what it held after ten."""
    import cupy

    model = models.create("lenet5").to("cuda")
    optimizer = optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    rng = np.random.default_rng(0)
    images = mt.tensor(rng.standard_normal((32, 1, 32, 32), np.float32), device="cuda")
    labels = mt.tensor(np.arange(32) % 10, device="cuda")
    pool, held = cupy.get_default_memory_pool(), []
    for step in range(1000):
        optimizer.zero_grad()
        F.cross_entropy(model(images), labels).backward()
        optimizer.step()
        if step in (9, 999):
            held.append((pool.used_bytes(), pool.total_bytes()))
    assert held[1][0] <= held[0][0]
    assert held[1][1] <= held[0][1]


@pytest.mark.parametrize("precision", ["float32", "tf32", "float16", "bfloat16"])
def test_a_small_problem_is_learned(precision: str) -> None:
    """Forty steps on one batch of scikit-learn's digits, in every precision."""
    from sklearn.datasets import load_digits

    from minitorch_cv.optim.lr_scheduler import LambdaLR
    from minitorch_cv.training.precision import Precision
    from minitorch_cv.training.step import TrainStep

    digits = load_digits()
    images = np.kron(digits.images[:64], np.ones((4, 4))).astype(np.float32)[:, None] / 16
    model = models.create("lenet5").to("cuda")
    optimizer = optim.Adam(model.parameters(), lr=2e-3)
    train_step = TrainStep(model, optimizer, LambdaLR(optimizer, lambda step: 1.0), precision=Precision(precision))
    x, y = gpu.to_gpu(images), gpu.to_gpu(digits.target[:64].astype(np.int64))
    losses = [train_step(x, y, 0, step)[0] for step in range(40)]
    assert losses[-1] < 0.25 * losses[0]
