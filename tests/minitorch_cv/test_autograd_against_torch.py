"""Random programs, run by minitorch_cv and by an installed PyTorch: values, gradients, and gradients of gradients agree.

A program is a list of lines: each applies one of the functions below to results of earlier lines, which are used once, often, or never.
"""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import kernels
import minitorch_cv as mt
from minitorch_cv.testing import assert_close

pytestmark = pytest.mark.full

SHAPE = (3, 4)
# From tensors of SHAPE to one of SHAPE (or one that broadcasts to it); all are smooth, and none grows fast.
LINES: list[Callable[..., Any]] = [
    lambda lib, x, y: x + y,
    lambda lib, x, y: x - y * 0.5,
    lambda lib, x, y: x * y,
    lambda lib, x, y: x / (y * y + 1),
    lambda lib, x, y: (x * x + 1) ** 0.3,
    lambda lib, x, y: (x * x + 1) ** (y / 3),
    lambda lib, x, y: lib.sin(x) + lib.cos(y),
    lambda lib, x, y: lib.exp(-x * x),
    lambda lib, x, y: lib.log(x * x + 1),
    lambda lib, x, y: lib.sqrt(x * x + 1),
    lambda lib, x, y: lib.sigmoid(x),
    lambda lib, x, y: lib.tanh(x - y),
    lambda lib, x, y: lib.softmax(x, 1) * y,
    lambda lib, x, y: lib.log_softmax(x, 0),
    lambda lib, x, y: lib.maximum(x, y),
    lambda lib, x, y: lib.minimum(x, lib.abs(y)),
    lambda lib, x, y: lib.where(x > y, x, y * 2),
    lambda lib, x, y: x.clamp(-0.5, 0.5),
    lambda lib, x, y: (x @ y.T) @ y / 12,
    lambda lib, x, y: x.sum(1, keepdim=True) * y,
    lambda lib, x, y: x.mean(0) + y,
    lambda lib, x, y: x - x.var(1, keepdim=True) * x.std(),
    lambda lib, x, y: x.amax(0) * y.max(1, keepdim=True)[0],
    lambda lib, x, y: x.prod(1, keepdim=True) + x.logsumexp(0),
    lambda lib, x, y: x.reshape(4, 3).T,
    lambda lib, x, y: lib.cat([x[:, 2:], y[:, :2]], 1),
    lambda lib, x, y: lib.stack([x[0], y[2], x[1]]),
    lambda lib, x, y: x[[2, 0, 2]] * y[:, [1, 1, 0, 3]],
    lambda lib, x, y: x[1:2].expand(3, 4) - x[:, 3:],
    lambda lib, x, y: (lib.nn if lib is not mt else lib).functional.pad(x, (1, -1, -1, 1)),
    lambda lib, x, y: x.permute(1, 0).flatten().unsqueeze(0).reshape(4, 3).transpose(0, 1),
    lambda lib, x, y: written(x, y),
    lambda lib, x, y: x.detach() * y,
]


def written(x: Any, y: Any) -> Any:
    """Changes in place, recorded."""
    z = x * 1
    z[1] = y[0]
    z += y * 0.5
    z[:, 2:] = z[:, :2] * 1
    return z


def run(lib: ModuleType, seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    inputs = [lib.tensor(rng.standard_normal(SHAPE), requires_grad=True) for _ in range(3)]
    results = list(inputs)
    for _ in range(rng.integers(3, 12)):
        line = LINES[rng.integers(len(LINES))]
        x, y = (results[max(i, 0)] for i in rng.integers(len(results) - 4, len(results), 2))
        z = line(lib, x, y)
        results.append(z if z.shape == SHAPE else z.broadcast_to(SHAPE))
    loss = sum((z * float(rng.standard_normal())).sum() for z in results[3:] if rng.random() < 0.5) + results[-1].mean()
    first = lib.autograd.grad(loss, inputs, create_graph=True, allow_unused=True)
    found = [g for g in first if g is not None]
    second: tuple = (None,) * len(inputs)
    if any(g.requires_grad for g in found):
        squares = sum((g * g).sum() for g in found if g.requires_grad)
        second = lib.autograd.grad(squares, inputs, allow_unused=True)
    return [np.zeros(SHAPE) if t is None else np.asarray(t.detach() + 0.0) for t in (loss, *first, *second)]


@pytest.mark.parametrize("seed", range(150))
def test_random_programs(seed: int) -> None:
    torch = pytest.importorskip("torch")
    with kernels.backend("numpy"):
        ours = run(mt, seed)
    theirs = run(torch, seed)
    for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        assert_close(a, b, 1e-9, ("loss", *["gradient"] * 3, *["second"] * 3)[i])
