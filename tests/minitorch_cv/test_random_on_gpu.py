"""Random numbers on a GPU are those of the CPU, in recorded steps too."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from gpu import REASON, gpu_here, to_gpu

import minitorch_cv as mt
from minitorch_cv import functional as F
from minitorch_cv import random

pytestmark = pytest.mark.skipif(REASON is not None, reason=str(REASON))
SHAPE = (2, 3, 5, 7)


@pytest.fixture(autouse=True)
def _gpu() -> Iterator[None]:
    before = random.get_state()
    with gpu_here():
        yield
    random.set_state(before)


def drawn(like: Any) -> list[np.ndarray]:
    """Some draws at several places."""
    random.manual_seed(2**64 - 5)
    found = [random.uniform("dropout", SHAPE, like), random.uniform("other", (9,), like, np.float64)]
    random.at(3, 4)
    found += [random.uniform("dropout", (), like), random.uniform("dropout", SHAPE, like)]
    return [x if isinstance(x, (np.ndarray, float, np.floating)) else x.get() for x in found]


def test_a_gpu_draws_the_numbers_of_the_cpu() -> None:
    host = np.zeros(1, np.float32)
    for there, here in zip(drawn(to_gpu(host)), drawn(host), strict=True):
        np.testing.assert_array_equal(there, here)


@pytest.mark.parametrize(
    "drop",
    [
        lambda x: F.dropout(x, 0.4),
        lambda x: F.dropout2d(x, 0.5),
        lambda x: F.alpha_dropout(x, 0.3, training=True),
        lambda x: F.stochastic_depth(x, 0.5, "row"),
        lambda x: F.rrelu(x, training=True),
    ],
)
def test_dropout_drops_the_same_elements(drop) -> None:
    results = []
    x = np.random.default_rng(0).standard_normal(SHAPE).astype(np.float32)
    for device in ("cpu", "cuda"):
        random.manual_seed(11)
        results.append(drop(mt.tensor(x).to(device)).cpu().numpy())
    np.testing.assert_allclose(results[1], results[0], rtol=1e-6, atol=1e-7)
    assert not np.array_equal(results[0], x)


def test_a_recorded_step_draws_other_numbers_at_each_replay() -> None:
    import cupy

    like = to_gpu(np.zeros(1, np.float32))
    random.manual_seed(3)
    random.uniform("dropout", SHAPE, like)  # without recording
    stream, pool = cupy.cuda.Stream(non_blocking=True), cupy.cuda.MemoryPool()
    with stream, cupy.cuda.using_allocator(pool.malloc):
        random.at(0, 1)
        stream.begin_capture()
        first, second = random.uniform("dropout", SHAPE, like), random.uniform("dropout", SHAPE, like)
        graph = stream.end_capture()
        for step in (1, 2, 7):
            random.at(5, step)
            random.tell_gpu()
            graph.launch()
            stream.synchronize()
            random.at(5, step)
            expected = [random.uniform("dropout", SHAPE, np.zeros(1, np.float32)) for _ in range(2)]
            np.testing.assert_array_equal(first.get(), expected[0])
            np.testing.assert_array_equal(second.get(), expected[1])


def test_a_recording_needs_one_step_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import cupy

    monkeypatch.setattr(random, "_gpu_places", {})
    like = to_gpu(np.zeros(1, np.float32))
    stream = cupy.cuda.Stream(non_blocking=True)
    with stream:
        stream.begin_capture()
        with pytest.raises(RuntimeError, match="expected one step without recording"):
            random.uniform("dropout", SHAPE, like)
        stream.end_capture()
