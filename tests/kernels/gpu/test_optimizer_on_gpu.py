"""Optimisers on a GPU: nothing waits, tables are sent once, steps in a recorded graph are told new numbers."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from gpu import GPU, REASON, gpu_here, to_gpu, to_host

import kernels
from minitorch_cv.testing import assert_close

pytestmark = pytest.mark.skipif(REASON is not None, reason=str(REASON))
emulated = pytest.mark.skipif(GPU == "real", reason="CuPy does not count what it copies, the stand-in does")

SHAPES = [(3, 2, 4, 2), (5,), (), (0, 3), (67, 71)]


@pytest.fixture(autouse=True)
def _gpu() -> Iterator[None]:
    with gpu_here():
        yield


def arrays(seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [np.array(rng.standard_normal(shape), np.float32) for shape in SHAPES]


def check(actual: Any, expected: list[np.ndarray]) -> None:
    for a, e in zip(to_host(actual), expected, strict=True):
        assert_close(a, e, 2e-6)


@emulated
def test_nothing_is_sent_twice_and_nothing_waits() -> None:
    from minitorch_cv.testing.emulation.cupy_stand_in.streams import transfers

    p, g, v = (to_gpu(arrays(seed)) for seed in range(3))

    def step() -> None:
        skip = kernels.unscale(g, 0.5)
        kernels.scale(g, kernels.sum_of_squares(g))
        kernels.sgd_step(p, g, v, 0.1, 0.9, skip=skip)
        kernels.rule_step("lars", p, g, {}, [{"lr": 0.1, "momentum": 0.0}] * len(p), factors=kernels.array_norms(p), skip=skip)

    transfers.reset()
    step()
    assert transfers.to_device > 0
    transfers.reset()
    step()
    assert (transfers.to_device, transfers.to_host, transfers.synchronizations) == (0, 0, 0)
    kernels.sgd_step(p, g, v, 0.2, 0.9)
    assert (transfers.to_device, transfers.to_host, transfers.synchronizations) == (1, 0, 0)  # its numbers
    assert kernels.all_finite(g)
    assert transfers.to_host == 1


def test_arrays_that_begin_anywhere() -> None:
    """Views of one array: not every one begins at a multiple of 16 bytes."""
    p, g = np.arange(40, dtype=np.float32), np.linspace(-1, 1, 40, dtype=np.float32)
    cuts = [slice(0, 7), slice(7, 19), slice(19, 40)]
    there, grads = to_gpu(p), to_gpu(g)
    kernels.sgd_step([there[cut] for cut in cuts], [grads[cut] for cut in cuts], None, 0.5)
    check([there], [p - 0.5 * g])


def test_any_order_of_memory() -> None:
    """Parameters and buffers with gaps, or in other orders than their gradients: all are updated in place, and nothing between them."""
    rng = np.random.default_rng(0)
    whole = rng.standard_normal((3, 6, 8)).astype(np.float32)
    g, v = (rng.standard_normal(shape).astype(np.float32) for shape in ((3, 4, 6), (6, 4, 3)))
    there, buffer = to_gpu(whole), to_gpu(v)
    p = there[:, :, ::2].transpose(0, 2, 1)
    kernels.sgd_step([p], [to_gpu(g)], [buffer.transpose(2, 1, 0)], 0.5, 0.9)
    velocity = 0.9 * v.transpose(2, 1, 0) + g
    whole[:, :, ::2] -= 0.5 * velocity.transpose(0, 2, 1)
    check([there, buffer], [whole, velocity.transpose(2, 1, 0)])
    kernels.scale([p], 2.0)
    whole[:, :, ::2] *= 2
    check([there], [whole])


@emulated
def test_nothing_is_written_beside_an_array() -> None:
    """The kernels know arrays by address alone, so launches cannot look after their guards."""
    from minitorch_cv.testing.emulation.cupy_stand_in.memory import check_all_guards

    p, g, v = (to_gpu(arrays(seed)) for seed in range(3))
    kernels.sgd_step(p, g, v, 0.1, 0.9)
    kernels.unscale(p, 0.5)
    check_all_guards()
    kernels.sgd_step([p[4][:, 5:]], [g[4][:, 5:]], None, 0.1)
    check_all_guards()


def test_skipped_where_a_gradient_is_not_finite() -> None:
    for wrong in (np.nan, np.inf, -np.inf):
        before, grads = arrays(0), arrays(1)
        grads[4][66, 70] = wrong
        p, g, m, v = to_gpu(before), to_gpu(grads), to_gpu(arrays(2)), to_gpu([np.asarray(abs(a)) for a in arrays(3)])
        skip = kernels.non_finite_count(g)
        assert int(skip) == 1
        kernels.sgd_step(p, g, skip=skip)
        kernels.adam_step(p, g, m, v, None, [1] * len(p), skip=skip)
        kernels.rule_step("asgd", p, g, {"ax": m}, [{"lr": 1.0, "mu": 0.5}] * len(p), skip=skip)
        for a, e in zip(to_host([*p, *m]), [*before, *arrays(2)], strict=True):
            assert np.array_equal(a, e)


@pytest.mark.parametrize("rule", ["sgd", "adam", "lars"])
def test_recorded_steps_go_on_as_others_do(rule: str) -> None:
    """Four steps of a changing learning rate: one recorded and three replayed, against four that are not recorded."""
    import cupy

    def step(lists: list[list[Any]], t: int) -> None:
        p, g, m, v = lists
        if rule == "sgd":
            kernels.sgd_step(p, g, m, lr=0.1 / t, momentum=0.9, dampening=0.2, fresh=[True] * len(p) if t == 1 else None)
        elif rule == "adam":
            kernels.adam_step(p, g, m, v, None, [t] * len(p), lr=0.1 / t)
        else:
            told = [{"lr": 0.1 / t, "momentum": 0.5}] * len(p)
            kernels.rule_step("lars", p, g, {"momentum_buffer": m}, told, factors=kernels.array_norms(p))

    expected = [arrays(seed) for seed in range(4)]
    expected[3] = [np.asarray(abs(array)) for array in expected[3]]
    lists = to_gpu(expected)
    stream = cupy.cuda.Stream(non_blocking=True)
    cupy.cuda.get_current_stream().synchronize()
    recorded = kernels.RecordedSteps()
    pool = cupy.cuda.MemoryPool()  # what is recorded goes on using its memory: nobody else may get that
    with stream:
        with recorded, cupy.cuda.using_allocator(pool.malloc):
            stream.begin_capture()
            step(lists, 1)
            graph = stream.end_capture()
        for t in range(1, 5):
            if t > 1:
                recorded.again(lambda t=t: step(lists, t))
            graph.launch(stream)
        stream.synchronize()
    with kernels.backend("numpy"):
        for t in range(1, 5):
            step(expected, t)
    for actual, wanted in zip(lists, expected, strict=True):
        check(actual, wanted)


def test_recording_without_somebody_who_writes_the_numbers_is_refused() -> None:
    import cupy

    p, g = to_gpu(arrays(0)), to_gpu(arrays(1))
    stream = cupy.cuda.Stream(non_blocking=True)
    with stream:
        stream.begin_capture()
        try:
            with pytest.raises(RuntimeError, match="expected that inside of `with RecordedSteps"):
                kernels.sgd_step(p, g)
        finally:
            stream.end_capture()


def test_a_replay_makes_the_updates_that_were_recorded() -> None:
    import cupy

    p, g = to_gpu(arrays(0)), to_gpu(arrays(1))
    stream, recorded = cupy.cuda.Stream(non_blocking=True), kernels.RecordedSteps()
    with stream:
        with recorded:
            stream.begin_capture()
            kernels.sgd_step(p, g)
            stream.end_capture()
        with pytest.raises(RuntimeError, match="made 0 updates, expected the 1"):
            recorded.again(lambda: None)
        with pytest.raises(RuntimeError, match="number 1 is sgd of 2 parameters, expected sgd of 5"):
            recorded.again(lambda: kernels.sgd_step(p[:2], g[:2]))
        with pytest.raises(RuntimeError, match="number 2 is sgd of 5 parameters, expected no more"):
            recorded.again(lambda: [kernels.sgd_step(p, g), kernels.sgd_step(p, g)])
        recorded.again(lambda: kernels.sgd_step(p, g))


def test_a_replay_with_a_momentum_that_the_recording_had_not() -> None:
    """The recorded launch knows no momentum buffers: an error, not a step without."""
    import cupy

    p, g, v = (to_gpu(np.ones(5, np.float32)) for _ in range(3))
    steps, stream = kernels.RecordedSteps(), cupy.cuda.Stream(non_blocking=True)
    with stream:
        kernels.sgd_step([p], [g], lr=0.1)
        with steps, cupy.cuda.using_allocator(cupy.cuda.MemoryPool().malloc):
            stream.begin_capture()
            kernels.sgd_step([p], [g], lr=0.1)
            stream.end_capture()
        with pytest.raises(RuntimeError, match="step: sgd keeps other state than in the recording"):
            steps.again(lambda: kernels.sgd_step([p], [g], [v], lr=0.1, momentum=0.9))


def test_state_that_stayed_behind_is_named() -> None:
    p, g = to_gpu(arrays(0)), to_gpu(arrays(1))
    with pytest.raises(TypeError, match="arrays: got some on a GPU and some in the computer's memory"):
        kernels.sgd_step(p, g, arrays(2), momentum=0.9)


@pytest.mark.parametrize("skip", [np.zeros((), np.float32), np.zeros(1, np.int64)])
def test_skip_is_one_whole_number(skip: np.ndarray) -> None:
    with pytest.raises(ValueError, match="skip: got"):
        kernels.sgd_step(arrays(0), arrays(1), skip=skip)


def test_skip_and_factors_on_the_cpu() -> None:
    p, g = arrays(0), arrays(1)
    for backend in kernels.BACKENDS:
        with kernels.backend(backend):
            kernels.sgd_step(p, g, skip=np.ones((), np.int64))
            assert all(np.array_equal(a, b) for a, b in zip(p, arrays(0), strict=True))
            new = [array.copy() for array in p]
            told = [{"lr": 0.5, "momentum": 0.0}] * len(p)
            kernels.rule_step("lars", new, g, {}, told, factors=np.arange(5.0), skip=np.zeros((), np.int64))
            check(new, [a - 0.5 * i * b for i, (a, b) in enumerate(zip(p, g, strict=True))])
    with pytest.raises(ValueError, match="factors: got some for asgd"):
        kernels.rule_step("asgd", p, g, {"ax": p}, [{"lr": 0.5, "mu": 0.0}] * len(p), factors=np.arange(5.0))
