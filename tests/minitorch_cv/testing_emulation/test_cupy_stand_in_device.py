"""The stand-in for CuPy shows what a GPU does silently: with memory, with late copies, with graphs; and counts what is slow."""

import gc
import weakref

import numpy as np
import pytest

from minitorch_cv.testing.emulation import cupy_stand_in as cupy
from minitorch_cv.testing.emulation.cupy_stand_in import cupyx
from minitorch_cv.testing.emulation.cupy_stand_in.cuda import runtime

x_host = np.arange(6, dtype=np.float32).reshape(2, 3)


@pytest.fixture
def x():
    return cupy.asarray(x_host)


def equal(device, host) -> None:
    assert isinstance(device, cupy.ndarray)
    assert device.dtype == host.dtype
    np.testing.assert_array_equal(device.get(), host)


# --- memory ---
def test_memory_that_nobody_wrote_is_poison() -> None:
    assert np.isnan(cupy.empty(5, np.float32).get()).all()
    assert (cupy.empty(5, np.int32).get() == -1).all()


@pytest.mark.parametrize(("offset", "side"), [(-1, "before"), (-512, "before"), (24, "after"), (24 + 64, "after")])
def test_writing_beside_an_array_is_found(x, offset: int, side: str) -> None:
    cupy.check_guards(x)
    beside = x._memory.block.view(offset, (1,), np.dtype(np.uint8), None)
    beside[0] = 0
    with pytest.raises(cupy.GuardError, match=f"{side} an array of 24 bytes"):
        cupy.check_guards(x[1:])
    with pytest.raises(cupy.GuardError, match=side):
        cupy.check_all_guards()
    beside[0] = 0xFF
    cupy.check_all_guards()


def test_the_pool_counts_bytes() -> None:
    pool = cupy.cuda.MemoryPool()
    with cupy.cuda.using_allocator(pool.malloc):
        first, second = cupy.empty(100, np.float32), cupy.empty(1000, np.uint8)
        assert pool.used_bytes() == 512 + 1024
    del first
    gc.collect()
    assert (pool.used_bytes(), pool.total_bytes()) == (1024, 1536)
    pool.free_all_blocks()
    assert pool.total_bytes() == 1024
    before = cupy.get_default_memory_pool().used_bytes()
    third = cupy.empty(1)
    assert cupy.get_default_memory_pool().used_bytes() == before + 512
    assert second.nbytes + third.nbytes == 1008


# --- devices ---
def test_arrays_of_another_device(x) -> None:
    assert runtime.getDeviceCount() == 2
    with cupy.cuda.Device(1):
        y = cupy.asarray(x_host)
        assert y.device.id == 1
        with pytest.raises(ValueError, match="Peer access is unavailable"):
            y + x
        moved = cupy.asarray(x)
        assert moved.device.id == 1
        equal(moved + y, x_host * 2)
        with pytest.raises(NotImplementedError, match="non-contiguous"):
            x[:, :2].copy(order="K")
    with pytest.raises(ValueError, match="different from the current device"):
        y.sum()
    equal(y.T, x_host.T)  # views and copies to the host need no kernel
    with pytest.raises(cupy.cuda.runtime.CUDARuntimeError, match="cudaErrorInvalidDevice"), cupy.cuda.Device(2):
        pass


def test_a_machine_without_devices() -> None:
    cupy.set_device_count(0)
    try:
        assert not cupy.cuda.is_available()
        with pytest.raises(runtime.CUDARuntimeError, match="cudaErrorNoDevice"):
            runtime.getDeviceCount()
    finally:
        cupy.set_device_count(2)


# --- transfers ---
def test_transfers_are_counted(x) -> None:
    cupy.transfers.reset()
    y = (x * 2).sum()
    assert (cupy.transfers.to_host, cupy.transfers.to_device) == (0, 0)
    float(y), x.get(), x.tolist(), bool(y > 0), x[x > 2]
    assert cupy.transfers.to_host == 5
    cupy.asarray(x_host)
    assert cupy.transfers.to_device == 1
    cupy.cuda.Stream.null.synchronize()
    assert cupy.transfers.synchronizations == 1


def pinned(values: np.ndarray) -> np.ndarray:
    memory = cupyx.empty_pinned(values.shape, values.dtype)
    memory[...] = values
    return memory


def test_a_copy_that_nobody_waits_for_comes_late() -> None:
    source, stream = pinned(x_host), cupy.cuda.Stream(non_blocking=True)
    x = cupy.zeros((2, 3), np.float32)
    with cupy.late_copies():
        x.set(source, stream)
        assert np.isnan((x + 1).get()).all()
        source[0, 0] = 5  # too early: the copy reads it later
        event = stream.record()
        assert not event.done
        cupy.cuda.get_current_stream().wait_event(event)
    expected = x_host.copy()
    expected[0, 0] = 5
    equal(x, expected)


def test_late_copies_come_before_later_work_of_their_stream_and_no_other() -> None:
    stream = cupy.cuda.Stream(non_blocking=True)
    x, y = cupy.zeros(3), cupy.zeros(3)
    with cupy.late_copies():
        x.set(np.ones(3), stream)
        event = stream.record()
        y.set(np.ones(3), stream)
        event.synchronize()
        assert np.isnan(y.get()).all()
        equal(x, np.ones(3))
        with stream:
            equal(y + 1, np.full(3, 2.0))
        out = np.zeros(3)
        x.get(stream, out=out, blocking=False)
        assert np.isnan(out).all()
        stream.synchronize()
    np.testing.assert_array_equal(out, np.ones(3))


# --- graphs ---
def captured(work, pool=None):
    """(the graph of `work`, its result)."""
    stream = cupy.cuda.Stream(non_blocking=True)
    with cupy.cuda.using_allocator((pool or cupy.get_default_memory_pool()).malloc), stream:
        stream.begin_capture()
        try:
            result = work()
        except BaseException:
            stream.graph = None
            raise
        return stream.end_capture(), result


def test_recorded_work_is_done_when_the_graph_is_launched(x) -> None:
    out = cupy.zeros((2, 3), np.float32)

    def work():
        np.multiply(x, 2, out=out)
        out[0] = 1
        y = np.concatenate([out, x])
        x.__iadd__(1)
        return y.sum(axis=0), y[1:]

    pool = cupy.cuda.MemoryPool()
    graph, (sums, part) = captured(work, pool)
    equal(out, np.zeros((2, 3), np.float32))
    equal(x, x_host)
    assert np.isnan(sums.get()).all()
    for step in range(3):
        graph.launch()
        now = x_host + step
        both = np.concatenate([np.stack([np.ones(3, np.float32), now[1] * 2]), now])
        equal(sums, both.sum(axis=0))
        equal(part, both[1:])
    equal(x, x_host + 3)


@pytest.mark.parametrize(
    "forbidden",
    [
        lambda x: x.get(),
        lambda x: float(x[0, 0]),
        lambda x: x[x > 1],
        lambda x: np.nonzero(x),
        lambda x: cupy.asarray(x_host),
        lambda x: cupy.cuda.get_current_stream().synchronize(),
        lambda x: cupy.cuda.Device().synchronize(),
        lambda x: print(x),
        lambda x: np.concatenate([x] * 9),
    ],
)
def test_what_waits_for_the_device_cannot_be_recorded(x, forbidden) -> None:
    with pytest.raises(runtime.CUDARuntimeError, match="not permitted when stream is capturing"):
        captured(lambda: forbidden(x))


@pytest.mark.parametrize("product", [lambda x: x @ x.T, lambda x: np.dot(x, x.T), lambda x: np.einsum("ij,kj->ik", x, x)])
def test_cublas_cannot_be_recorded(x, product) -> None:
    with pytest.raises(NotImplementedError, match="cuBLAS API during stream capture"):
        captured(lambda: product(x))


def test_a_forbidden_operation_makes_the_capture_invalid(x) -> None:
    stream = cupy.cuda.Stream(non_blocking=True)
    with stream:
        stream.begin_capture()
        with pytest.raises(runtime.CUDARuntimeError):
            x.get()
        with pytest.raises(runtime.CUDARuntimeError, match="cudaErrorStreamCaptureInvalidated"):
            stream.end_capture()
    with pytest.raises(runtime.CUDARuntimeError):
        cupy.cuda.Stream.null.begin_capture()


def test_a_graph_does_not_run_on_memory_that_it_lost() -> None:
    kept, pool = cupy.ones(3), cupy.cuda.MemoryPool()
    graph, _ = captured(lambda: kept.__iadd__(kept * 2))  # the product went back to the default pool
    gc.collect()
    with pytest.raises(runtime.CUDARuntimeError, match="others may have got"):
        graph.launch()
    graph, _ = captured(lambda: kept.__iadd__(kept * 2), pool)
    gc.collect()
    graph.launch()
    equal(kept, np.full(3, 3.0))
    with cupy.cuda.using_allocator(pool.malloc):
        cupy.empty(3)
    with pytest.raises(runtime.CUDARuntimeError, match="others may have got"):
        graph.launch()


def test_memory_that_a_graph_may_know_by_address_lives_as_long_as_the_graph() -> None:
    """No recorded call names the array: a kernel may find it in a table of addresses."""
    pool = cupy.cuda.MemoryPool()
    graph, memory = captured(lambda: weakref.ref(cupy.empty(3)._memory.block), pool)
    gc.collect()
    assert memory().freed
    graph.launch()
    graph, lost = captured(lambda: weakref.ref(cupy.empty(3)._memory.block))  # of the default pool
    gc.collect()
    with pytest.raises(runtime.CUDARuntimeError, match="others may have got"):
        graph.launch()
    del graph
    gc.collect()
    assert memory() is lost() is None


def test_the_default_stream_does_not_work_beside_a_capture_that_waits_for_it(x) -> None:
    stream = cupy.cuda.Stream()
    stream.begin_capture()
    with pytest.raises(runtime.CUDARuntimeError, match="default stream"):
        x + 1
    stream.graph = None
    equal(x + 1, x_host + 1)


def test_only_pinned_memory_is_copied_in_a_graph() -> None:
    source, x = pinned(x_host), cupy.zeros((2, 3), np.float32)
    with pytest.raises(runtime.CUDARuntimeError, match="not pinned"):
        captured(lambda: x.set(x_host))
    graph, _ = captured(lambda: x.set(source))
    source += 1
    graph.launch()
    equal(x, x_host + 1)


def test_streams_belong_to_a_device(x) -> None:
    stream = cupy.cuda.Stream()
    with stream, cupy.cuda.Device(1):
        assert cupy.cuda.get_current_stream() == cupy.cuda.Stream.null
        with pytest.raises(RuntimeError, match="the stream is on device 0"), stream:
            pass
        with pytest.raises(runtime.CUDARuntimeError, match="in a stream of device 0"):
            cupy.zeros(3).set(np.ones(3), stream)
        x.set(x_host, stream)  # to an array there it may copy from anywhere
    assert cupy.cuda.get_current_stream() == cupy.cuda.Stream.null
