"""Optimisers, clipping and averages on a GPU: the steps of the CPU, nothing waits, states move between devices, recorded graphs."""

import copy
import inspect
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from gpu import GPU, REASON, gpu_here, to_gpu, to_host

import kernels
import minitorch_cv as mt
from minitorch_cv import optim
from minitorch_cv.tensor import Tensor
from minitorch_cv.testing import assert_close

pytestmark = pytest.mark.skipif(REASON is not None, reason=str(REASON))
emulated = pytest.mark.skipif(GPU == "real", reason="CuPy does not count what it copies, the stand-in does")

CLASSES = {name: thing for name, thing in vars(optim).items() if inspect.isclass(thing) and issubclass(thing, optim.Optimizer)}
OPTIONS: dict[str, list[dict[str, Any]]] = {
    "ASGD": [{"lr": 0.05, "t0": 1}],
    "Adadelta": [{"lr": 0.5, "weight_decay": 0.1}],
    "Adagrad": [{"lr": 0.05, "lr_decay": 0.1, "initial_accumulator_value": 0.1}],
    "Adam": [{"lr": 0.01}, {"lr": 0.01, "amsgrad": True, "weight_decay": 0.1, "maximize": True}],
    "AdamW": [{"lr": 0.01, "weight_decay": 0.1}],
    "Adamax": [{"lr": 0.01}],
    "LAMB": [{"lr": 0.01, "weight_decay": 0.1}],
    "LARS": [{"lr": 0.5, "weight_decay": 0.1, "trust_coefficient": 0.1}],
    "NAdam": [{"lr": 0.01, "weight_decay": 0.1, "decoupled_weight_decay": True}],
    "RAdam": [{"lr": 0.01}],
    "RMSprop": [{"lr": 0.01}, {"lr": 0.01, "centered": True, "momentum": 0.9}],
    "Rprop": [{"lr": 0.01}],
    "SGD": [{"lr": 0.05}, {"lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}],
}
every = pytest.mark.parametrize(("name", "options"), [(name, options) for name, given in OPTIONS.items() for options in given])
STEPS = 4


@pytest.fixture(autouse=True)
def _gpu() -> Iterator[None]:
    with gpu_here():
        yield


class Bowl:
    """Parameters p, and a loss sum of c (p - t)^2 / 2 whose gradient is c (p - t); on one device or another."""

    def __init__(self, device: str) -> None:
        rng = np.random.default_rng(3)
        move = to_gpu if device == "cuda" else copy.deepcopy
        arrays = [[np.array(rng.uniform(0.5, 1.5, shape), np.float32) for shape in ((4, 3, 2, 2), (7,), (67, 71))] for _ in range(3)]
        arrays[0][0] = np.asarray(arrays[0][0].transpose(0, 2, 3, 1), order="C").transpose(0, 3, 1, 2)  # channels-last
        start, self.targets, self.curvatures = move(arrays)
        self.params = [Tensor(array, requires_grad=True) for array in start]

    def backward(self) -> None:
        for p, t, c in zip(self.params, self.targets, self.curvatures, strict=True):
            p.grad = Tensor(c * (p.data - t))

    def values(self) -> list[np.ndarray]:
        return [to_host(p.data).copy() for p in self.params]


def train(bowl: Bowl, optimizer: optim.Optimizer, steps: int = STEPS) -> None:
    for _ in range(steps):
        bowl.backward()
        optimizer.step()


def check(actual: list[np.ndarray], expected: list[np.ndarray]) -> None:
    for a, e in zip(actual, expected, strict=True):
        assert_close(a, e, 1e-6)


def test_every_optimizer_is_here() -> None:
    assert set(OPTIONS) | {"Optimizer"} == set(CLASSES)


@every
def test_the_steps_of_the_cpu(name: str, options: dict[str, Any]) -> None:
    bowls = [Bowl("cuda"), Bowl("cpu")]
    start = bowls[1].values()
    optimizers = [CLASSES[name](bowl.params, **options) for bowl in bowls]
    for bowl, optimizer in zip(bowls, optimizers, strict=True):
        train(bowl, optimizer)
    check(bowls[0].values(), bowls[1].values())
    assert all(abs(a - b).max() > 1e-3 for a, b in zip(start, bowls[1].values(), strict=True))
    for p, q in zip(bowls[0].params, bowls[1].params, strict=True):
        there, here = (optimizer.state.get(x, {}) for optimizer, x in zip(optimizers, (p, q), strict=True))
        assert there.keys() == here.keys()
        for key, value in here.items():
            assert_close(to_host(there[key]), value, 1e-5, key)


@emulated
@every
def test_nothing_waits(name: str, options: dict[str, Any]) -> None:
    from minitorch_cv.testing.emulation.cupy_stand_in.streams import transfers

    bowl = Bowl("cuda")
    optimizer = CLASSES[name](bowl.params, **options)
    train(bowl, optimizer, 2)
    transfers.reset()
    train(bowl, optimizer)
    assert (transfers.to_host, transfers.synchronizations) == (0, 0)


@every
def test_states_move_between_devices(name: str, options: dict[str, Any]) -> None:
    """Two steps on the CPU and two on the GPU, or the other way round, are four on one of them."""
    whole = Bowl("cpu")
    train(whole, CLASSES[name](whole.params, **options))
    for first, second in (("cpu", "cuda"), ("cuda", "cpu")):
        bowl, later = Bowl(first), Bowl(second)
        optimizer, continued = (CLASSES[name](b.params, **options) for b in (bowl, later))
        train(bowl, optimizer, 2)
        continued.load_state_dict(optimizer.state_dict())
        for p, q in zip(bowl.params, later.params, strict=True):
            q.data[...] = (to_gpu if second == "cuda" else np.asarray)(to_host(p.data))
        train(later, continued, 2)
        check(later.values(), whole.values())


@every
def test_recorded_steps(name: str, options: dict[str, Any]) -> None:
    """Gradients and step in a graph, at a learning rate that changes, against the same without a graph."""
    import cupy

    def rates(optimizer: optim.Optimizer) -> Iterator[None]:
        for t in range(STEPS):
            optimizer.param_groups[0]["lr"] = options["lr"] / (1 + t)
            yield

    expected = Bowl("cpu")
    optimizer = CLASSES[name](expected.params, **options)
    for _ in rates(optimizer):
        train(expected, optimizer, 1)

    bowl = Bowl("cuda")
    optimizer = CLASSES[name](bowl.params, **options)
    stream, pool, recorded = cupy.cuda.Stream(non_blocking=True), cupy.cuda.MemoryPool(), kernels.RecordedSteps()
    graph: Any = None
    cupy.cuda.get_current_stream().synchronize()
    with stream:
        for t, _ in enumerate(rates(optimizer)):
            if t == 0:
                train(bowl, optimizer, 1)  # makes the state
                continue
            if t == 1:
                with recorded, cupy.cuda.using_allocator(pool.malloc):
                    stream.begin_capture()
                    train(bowl, optimizer, 1)
                    graph = stream.end_capture()
            else:
                recorded.again(optimizer.step)
            graph.launch(stream)
        stream.synchronize()
    check(bowl.values(), expected.values())


@pytest.mark.parametrize("name", ["Adam", "Adagrad", "LAMB"])
def test_the_first_step_is_not_recorded(name: str) -> None:
    import cupy

    bowl = Bowl("cuda")
    optimizer = CLASSES[name](bowl.params)
    stream = cupy.cuda.Stream(non_blocking=True)
    with stream:
        stream.begin_capture()
        try:
            with kernels.RecordedSteps(), pytest.raises(RuntimeError, match="expected one before the recording"):
                train(bowl, optimizer, 1)
        finally:
            stream.end_capture()


def test_a_step_that_is_skipped_changes_nothing() -> None:
    bowl = Bowl("cuda")
    optimizer = optim.AdamW(bowl.params, lr=0.1)
    train(bowl, optimizer, 1)
    before = bowl.values(), optimizer.state_dict()["state"]
    bowl.backward()
    gradients = [p.grad.data for p in bowl.params]
    gradients[0][0, 0, 0, 0] = math.nan
    optimizer.step(skip=kernels.unscale(gradients, 0.5))
    for p, value, number in zip(bowl.params, before[0], range(3), strict=True):
        assert np.array_equal(to_host(p.data), value)
        for name in ("exp_avg", "exp_avg_sq"):
            assert np.array_equal(to_host(optimizer.state[p][name]), to_host(before[1][number][name]))
    assert optimizer.skip is None
    optimizer.step()
    assert np.isnan(to_host(bowl.params[0].data)).any()


@pytest.mark.parametrize("norm_type", [2.0, 1.0, 3.0, math.inf])
@pytest.mark.parametrize("max_norm", [0.5, 1e6])
def test_clipping_norms(norm_type: float, max_norm: float) -> None:
    bowls = [Bowl("cuda"), Bowl("cpu")]
    norms = []
    for bowl in bowls:
        bowl.backward()
        norms.append(optim.clip_grad_norm_(bowl.params, max_norm, norm_type))
    assert float(norms[0]) == pytest.approx(norms[1], rel=1e-6)
    check([to_host(p.grad.data) for p in bowls[0].params], [p.grad.data for p in bowls[1].params])


def test_clipping_of_what_is_not_finite() -> None:
    bowl = Bowl("cuda")
    bowl.backward()
    bowl.params[1].grad.data[0] = math.nan
    with pytest.raises(RuntimeError, match="cannot be clipped"):
        optim.clip_grad_norm_(bowl.params, 1.0, error_if_nonfinite=True)
    assert math.isnan(float(optim.clip_grad_norm_(bowl.params, 1.0)))
    assert all(np.isnan(to_host(p.grad.data)).all() for p in bowl.params)


def test_clipping_values() -> None:
    bowl = Bowl("cuda")
    bowl.backward()
    expected = [np.clip(to_host(p.grad.data), -0.1, 0.1) for p in bowl.params]
    optim.clip_grad_value_(bowl.params, 0.1)
    for p, e in zip(bowl.params, expected, strict=True):
        assert np.array_equal(to_host(p.grad.data), e)


@emulated
def test_clipping_waits_for_nothing() -> None:
    from minitorch_cv.testing.emulation.cupy_stand_in.streams import transfers

    bowl = Bowl("cuda")
    bowl.backward()
    transfers.reset()
    for norm_type in (2.0, 3.0, math.inf):
        optim.clip_grad_norm_(bowl.params, 1.0, norm_type)
    optim.clip_grad_value_(bowl.params, 0.1)
    assert (transfers.to_host, transfers.synchronizations) == (0, 0)


def test_zeros_in_place_of_gradients() -> None:
    bowl = Bowl("cuda")
    bowl.backward()
    optimizer = optim.SGD(bowl.params)
    optimizer.zero_grad(set_to_none=False)
    assert all(p.grad.device == "cuda" and not to_host(p.grad.data).any() for p in bowl.params)


def test_the_second_gpu() -> None:
    """Parameters on a GPU that is not the one that computes by default: states are beside them."""
    import cupy

    if cupy.cuda.runtime.getDeviceCount() < 2:
        pytest.skip("there is one GPU")
    with cupy.cuda.Device(1):
        bowl = Bowl("cuda")
    optimizer = optim.Adam(bowl.params, lr=0.1)
    for _ in range(2):
        with cupy.cuda.Device(1):
            bowl.backward()
        optimizer.step()
        optim.clip_grad_norm_(bowl.params, 1.0)
    optimizer.load_state_dict(optimizer.state_dict())
    assert all(array.device.id == 1 for p in bowl.params for array in (optimizer.state[p]["exp_avg"], p.data))
    expected = Bowl("cpu")
    train(expected, optim.Adam(expected.params, lr=0.1), 2)
    check(bowl.values(), expected.values())


def test_averages() -> None:
    """Of weights and buffers, a few updates, exchanged and saved: as on the CPU."""
    averages, states = [], []
    for device in ("cuda", "cpu"):
        model = mt.nn.Sequential(mt.nn.Linear(3, 4), mt.nn.BatchNorm1d(4))
        rng = np.random.default_rng(0)
        load(model, lambda array, rng=rng: rng.standard_normal(array.shape))
        model = model.to(device)
        ema = optim.EMA(model, 0.9, warmup=True)
        for _ in range(3):
            load(model, lambda array, rng=rng: rng.standard_normal(array.shape))
            ema.update()
        with ema.swapped():
            averages.append([to_host(t.data) for t in model.state_dict(keep_vars=True).values()])
        states.append((ema, ema.state_dict()))
    check(averages[0], averages[1])
    states[0][0].load_state_dict(states[1][1])
    assert all(kernels.gpu.is_gpu(average) for average in states[0][0].averages.values())


def load(model: mt.nn.Module, values: Callable[[np.ndarray], np.ndarray]) -> None:
    """Write into all floating-point arrays of the model, in place."""
    for tensor in model.state_dict(keep_vars=True).values():
        if tensor.dtype.kind == "f":
            drawn = values(to_host(tensor.data)).astype(tensor.dtype)
            tensor.data[...] = to_gpu(drawn) if tensor.device == "cuda" else drawn
