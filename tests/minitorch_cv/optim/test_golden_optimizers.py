"""Optimisers and schedules against trajectories that PyTorch computed (tests/golden/optimizers.*)."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minitorch_cv import nn, optim
from minitorch_cv.optim import lr_scheduler
from minitorch_cv.tensor import Tensor
from minitorch_cv.testing import assert_close

GOLDEN = Path(__file__).parents[2] / "golden"
CASES = json.loads((GOLDEN / "optimizers.json").read_text())
UPDATES = 20

Arrays = dict[str, np.ndarray]


@pytest.fixture(scope="module")
def arrays() -> Arrays:
    with np.load(GOLDEN / "optimizers.npz") as file:
        return dict(file)


def objective(p: np.ndarray, q: np.ndarray, arrays: Arrays) -> tuple[float, np.ndarray, np.ndarray]:
    """f = p'Ap/2 - b'p + sum(c q^2)/2 + sum(p[:4] * q[:4])/10 and its gradients, p of length 6 and q of 2x3."""
    a, b, c = (arrays[name].astype(p.dtype) for name in "Abc")
    flat = q.reshape(-1)
    value = 0.5 * p @ a @ p - b @ p + 0.5 * (c * q * q).sum() + 0.1 * (p[:4] * flat[:4]).sum()
    gp, gq = a @ p - b, (c * q).reshape(-1)
    gp[:4] += p.dtype.type(0.1) * flat[:4]
    gq[:4] += p.dtype.type(0.1) * p[:4]
    return float(value), gp, gq.reshape(q.shape)


def run(case: dict[str, Any], arrays: Arrays, dtype: type) -> Arrays:
    """The trajectory of one case: p and q after each update, the loss before it, the norm before clipping, averages of p."""
    p, q = (Tensor(arrays[name].astype(dtype), requires_grad=True) for name in ("p0", "q0"))
    params: list[Any] = [p, q]
    if "groups" in case:
        tensors = {"p": p, "q": q}
        params = [{"params": [tensors[group["param"]]], **{k: v for k, v in group.items() if k != "param"}} for group in case["groups"]]
    optimizer = getattr(optim, case["class"])(params, **case["options"])
    schedule = lr_scheduler.MultiStepLR(optimizer, case.get("milestones", []), case.get("gamma", 1.0))
    holder = nn.Module()
    holder.p = nn.Parameter(p)  # the same array
    ema = optim.EMA(holder, decay=0.9)
    found: dict[str, list] = {"p": [], "q": [], "loss": [], "norm_before_clip": [], "ema_p": []}
    for _ in range(UPDATES):
        loss, gp, gq = objective(p.data, q.data, arrays)
        p.grad, q.grad = Tensor(gp), Tensor(gq)
        if "clip_grad_norm" in case:
            found["norm_before_clip"].append(optim.clip_grad_norm_([p, q], case["clip_grad_norm"]))
        optimizer.step()
        schedule.step()
        if "clip_grad_norm" in case:
            ema.update()
            found["ema_p"].append(ema.averages["p"].copy())
        for name, value in (("p", p.data.copy()), ("q", q.data.copy()), ("loss", loss)):
            found[name].append(value)
    return {name: np.array(values) for name, values in found.items() if values}


@pytest.mark.parametrize("case", CASES["optimizers"], ids=lambda case: case["name"])
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-10), (np.float32, 2e-5)])
def test_optimizers(case: dict[str, Any], dtype: type, tolerance: float, arrays: Arrays, backend: str) -> None:
    for name, values in run(case, arrays, dtype).items():
        assert_close(values, arrays[f"{case['name']}.{name}"], tolerance, name)
        assert name not in "pq" or values.dtype == dtype


def test_every_number_is_compared(arrays: Arrays) -> None:
    inputs = {"A", "b", "c", "p0", "q0"}
    assert set(arrays) - inputs == {f"{case['name']}.{name}" for case in CASES["optimizers"] for name in run(case, arrays, np.float64)}


def make_schedule(case: dict[str, Any], optimizer: optim.Optimizer) -> Any:
    if case["name"] == "lambda_warmup5_cosine":
        return lr_scheduler.LambdaLR(optimizer, lambda t: (t + 1) / 5 if t < 5 else 0.5 * (1 + math.cos(math.pi * (t - 5) / 45)))
    if case["name"] == "sequential_warmup_cosine":
        parts = [
            lr_scheduler.LinearLR(optimizer, start_factor=0.01, total_iters=5),
            lr_scheduler.CosineAnnealingLR(optimizer, T_max=45),
        ]
        return lr_scheduler.SequentialLR(optimizer, parts, milestones=[5])
    if case["name"] == "multiplicative":
        return lr_scheduler.MultiplicativeLR(optimizer, lambda t: 0.9 if t % 2 else 1.0)
    return getattr(lr_scheduler, case["class"])(optimizer, **case["options"])


def advance(case: dict[str, Any], schedule: Any, t: int) -> None:
    schedule.step(*([case["metric"][t]] if "metric" in case else []))


@pytest.mark.parametrize("case", CASES["schedules"], ids=lambda case: case["name"])
def test_schedules(case: dict[str, Any]) -> None:
    optimizer = optim.SGD([Tensor(np.zeros(1))], lr=case["base_lr"])
    schedule = make_schedule(case, optimizer)
    (group,) = optimizer.param_groups
    found, momenta = [], []
    for t in range(50):
        found.append(group["lr"])
        momenta.append(group["momentum"])
        advance(case, schedule, t)
    assert_close(found, case["lr"], 1e-15)
    np.testing.assert_allclose(found, case["lr"], rtol=2e-12, atol=1e-17)
    if "momentum" in case:
        assert_close(momenta, case["momentum"], 1e-15)


@pytest.mark.parametrize("case", CASES["schedules"], ids=lambda case: case["name"])
@pytest.mark.parametrize("stop", [0, 1, 7, 31])
def test_a_resumed_schedule_is_the_same_to_the_bit(case: dict[str, Any], stop: int) -> None:
    def fresh() -> tuple[optim.Optimizer, Any]:
        optimizer = optim.SGD([Tensor(np.zeros(1))], lr=case["base_lr"])
        return optimizer, make_schedule(case, optimizer)

    optimizer, schedule = fresh()
    expected = []
    for t in range(50):
        if t == stop:
            saved = json.loads(json.dumps([optimizer.state_dict(), schedule.state_dict()]))
        expected.append((optimizer.param_groups[0]["lr"], optimizer.param_groups[0]["momentum"]))
        advance(case, schedule, t)
    resumed, schedule = fresh()
    resumed.load_state_dict(saved[0])
    schedule.load_state_dict(saved[1])
    for t in range(stop, 50):
        assert (resumed.param_groups[0]["lr"], resumed.param_groups[0]["momentum"]) == expected[t]
        advance(case, schedule, t)
