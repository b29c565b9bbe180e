"""The stand-in for CuPy is as strict as CuPy, and shows what a GPU does silently."""

import copy
import gc
import pickle

import ml_dtypes
import numpy as np
import pytest

from minitorch_cv.testing.emulation import cupy_stand_in as cupy
from minitorch_cv.testing.emulation.cupy_stand_in.cuda import runtime

x_host = np.arange(6, dtype=np.float32).reshape(2, 3)


@pytest.fixture
def x():
    return cupy.asarray(x_host)


def equal(device, host) -> None:
    assert isinstance(device, cupy.ndarray)
    assert device.dtype == host.dtype
    np.testing.assert_array_equal(device.get(), host)


# --- what CuPy refuses ---
REFUSED = {
    "a NumPy array on the right": lambda x: x + np.ones(3),
    "a NumPy array on the left": lambda x: np.ones(3) + x,
    "a NumPy array of no dimensions": lambda x: x * np.ones(()),
    "a NumPy array in a list": lambda x: cupy.concatenate([x, np.ones((1, 3), np.float32)]),
    "a NumPy array through NumPy's function": lambda x: np.concatenate([x, np.ones((1, 3), np.float32)]),
    "a NumPy array to write to": lambda x: np.add(x, x, out=np.empty((2, 3), np.float32)),
    "an array to write to in place": lambda x: x.__iadd__(np.ones(3, np.float32)),
    "a matrix product with a NumPy array": lambda x: x @ np.ones((3, 2), np.float32),
    "to become a NumPy array": lambda x: np.asarray(x),
    "a ufunc's where": lambda x: np.add(x, x, where=True),
    "a ufunc's order": lambda x: np.add(x, x, order="C"),
    "a sum's initial value": lambda x: np.sum(x, initial=1.0),
    "a sum's where": lambda x: x.sum(where=x > 0),
    "concatenate's arguments by NumPy's names": lambda x: cupy.concatenate(arrays=[x]),
    "clip's bounds by NumPy's names": lambda x: np.clip(x, min=0.0, max=1.0),
    "a function that CuPy lacks": lambda x: np.nanpercentile(x, 5),
    "casting by astype": lambda x: x.astype(np.float64, casting="safe"),
    "to count with an array": lambda x: range(cupy.asarray(3)),
    "a list": lambda x: x * [1.0, 2.0, 3.0],
    "a string": lambda x: x + "a",
    "to cast in place": lambda x: cupy.arange(3).__iadd__(0.5),
    "a hash": hash,
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_type_error(x, what: str) -> None:
    with pytest.raises(TypeError):
        REFUSED[what](x)


@pytest.mark.parametrize(
    "refused",
    [
        lambda x: np.maximum.reduce(x),
        lambda x: np.maximum.accumulate(x),
        lambda x: np.multiply.at(x, 0, 1.0),
        lambda x: cupy.array(x, subok=True),
    ],
)
def test_not_implemented(x, refused) -> None:
    with pytest.raises(NotImplementedError):
        refused(x)


def test_values_that_are_refused(x) -> None:
    for wrong in (
        lambda: np.add(x, x, out=cupy.empty((3, 2), np.float32)),
        lambda: np.frexp(x, out=(x, x)),
        lambda: bool(x),
        lambda: x.item(),
        lambda: x.__setitem__(slice(None), x_host),
        lambda: x.fill(np.ones(3)),
        lambda: cupy.array("a"),
        lambda: cupy.array(x, dtype=np.float64, copy=False),
        lambda: x.set(x_host[:1]),
    ):
        with pytest.raises(ValueError):  # noqa: PT011 - each says it in its own words
            wrong()


@pytest.mark.parametrize("name", ["ctypes", "setflags", "resize", "__index__", "__contains__", "tostring", "newbyteorder"])
def test_attributes_that_cupy_lacks(x, name: str) -> None:
    assert hasattr(x_host, name) or name in ("__index__", "tostring", "newbyteorder")
    assert not hasattr(x, name)


def test_flags_are_the_three_of_cupy(x) -> None:
    assert x.flags.c_contiguous
    assert x.T.flags.f_contiguous
    assert not x.T.flags.owndata
    assert not hasattr(x.flags, "behaved")
    assert not hasattr(x.flags, "writeable")


def test_names_that_cupy_lacks() -> None:
    assert not hasattr(cupy, "nanpercentile")
    assert not hasattr(cupy, "ascontiguous")
    assert cupy.__version__.startswith("14.")


# --- what it computes ---
def test_operators_and_functions(x) -> None:
    equal(1 - x / 3, 1 - x_host / np.float32(3))
    equal(np.exp(x), np.exp(x_host))
    equal(x @ x.T, x_host @ x_host.T)
    equal(x > 2, x_host > 2)
    equal(np.concatenate([x, x], axis=1), np.concatenate([x_host, x_host], axis=1))
    equal(np.where(x > 2, x, 0), np.where(x_host > 2, x_host, np.float32(0)))
    equal(np.clip(x, 1, 3), np.clip(x_host, 1, 3))
    equal(np.take(x, cupy.asarray([2, 0]), axis=1), x_host[:, [2, 0]])
    equal(np.einsum("ij,kj->ik", x, x), np.einsum("ij,kj->ik", x_host, x_host))
    equal(np.linalg.norm(x), np.linalg.norm(x_host))
    x -= 1
    equal(x, x_host - 1)
    equal(divmod(cupy.arange(5), 2)[1], np.arange(5) % 2)


def test_reductions_and_elements_are_arrays_without_dimensions(x) -> None:
    for value in (x.sum(), x[0, 1], np.max(x), x.mean(), np.argmax(x), np.array_equal(x, x), np.count_nonzero(x)):
        assert isinstance(value, cupy.ndarray)
        assert value.shape == ()
    assert np.ndim(x) == 2
    assert np.shape(x) == (2, 3)


def test_python_numbers_adapt_and_numpy_numbers_do_not(x) -> None:
    half = x.astype(np.float16)
    assert (half + 1.5).dtype == np.float16
    assert (half + np.float32(1.5)).dtype == np.float32
    assert (cupy.arange(3, dtype=np.int8) + 1).dtype == np.int8
    assert (cupy.arange(3, dtype=np.int32) + 1.5).dtype == np.float64


def test_types_where_cupy_leaves_bfloat16(x) -> None:
    brain = x.astype(ml_dtypes.bfloat16)
    assert (brain * 2).dtype == ml_dtypes.bfloat16
    assert (brain * ml_dtypes.bfloat16(0.5)).dtype == ml_dtypes.bfloat16
    assert (brain * 0.5).dtype == np.float32  # as np.result_type(0.5, bfloat16) is not bfloat16
    assert np.exp(brain).dtype == ml_dtypes.bfloat16
    assert brain.sum().dtype == ml_dtypes.bfloat16
    assert np.where(brain > 2, brain, brain).dtype == np.float32
    assert brain.clip(0.0, 1.0).dtype == np.float32


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_sums_and_products_of_low_precision_accumulate_in_float32(dtype) -> None:
    ones = cupy.ones(5000, dtype)  # 4096 + 1 is 4096 in float16, 256 + 1 is 256 in bfloat16
    expected = float(np.float32(5000).astype(dtype))
    assert float(ones.sum()) == expected
    assert (ones.reshape(1, -1) @ ones.reshape(-1, 1)).item() == expected
    assert float(np.einsum("i,i->", ones, ones)) == expected
    assert float(ones.mean()) == 1.0


def test_ufuncs_give_c_order_whatever_comes(x) -> None:
    turned = x.T
    assert (turned + 1).flags.c_contiguous
    assert turned.astype(np.float64).flags.f_contiguous
    assert turned.copy().flags.c_contiguous
    assert np.empty_like(turned).flags.f_contiguous
    assert not (turned + 1).flags.f_contiguous


def test_views_share_memory_and_results_do_not(x) -> None:
    for view in (x[:1], x.T, x.reshape(3, 2), x.ravel(), x[0, 0], np.transpose(x), np.broadcast_to(x, (4, 2, 3)), x[::-1, 1:]):
        assert view.base is x
    x[0] = 7
    equal(x.reshape(-1)[:3], np.full(3, 7, np.float32))
    part = x[1]
    part += 1
    equal(x[1], x_host[1] + 1)
    for new in (x + 0, x[[0]], x.copy(), x.T.reshape(-1), x.flatten()):
        assert new.base is None
        assert new.data.ptr % 512 == 0
    assert x[1].data.ptr - x.data.ptr == x.strides[0]


def test_reading_and_writing_by_index(x) -> None:
    rows, mask = cupy.asarray([1, 0, 1]), x > 2
    equal(x[rows], x_host[[1, 0, 1]])
    equal(x[mask], x_host[x_host > 2])
    equal(x[np.array([1])], x_host[[1]])  # copied to the device, as CuPy does
    x[mask] = 0
    x[rows[:1], cupy.asarray([0])] = 9.0
    expected = np.where(x_host > 2, np.float32(0), x_host)
    expected[1, 0] = 9
    equal(x, expected)
    np.add.at(x, (cupy.asarray([0, 0]), cupy.asarray([1, 1])), 1.0)
    expected[0, 1] += 2
    equal(x, expected)


def test_creation_and_like(x) -> None:
    equal(np.zeros(3, like=x), np.zeros(3))
    equal(np.asarray([1.0, 2.0], like=x), np.asarray([1.0, 2.0]))
    equal(cupy.arange(1, 7, 2), np.arange(1, 7, 2))
    equal(cupy.full((2,), x[1, 2]), np.full(2, np.float32(5)))
    equal(cupy.array([x[0], x[1]]), x_host)
    equal(cupy.linspace(0, 1, 5), np.linspace(0, 1, 5))
    assert cupy.asarray(x) is x
    assert cupy.ascontiguousarray(x) is x
    assert cupy.get_array_module(x) is cupy
    assert cupy.get_array_module(x_host) is np
    assert cupy.zeros((2, 0)).sum().get() == 0


def test_copies_by_the_standard_library(x) -> None:
    equal(copy.deepcopy(x), x_host)
    equal(pickle.loads(pickle.dumps(x)), x_host)
    other = cupy.from_dlpack(x)
    other[...] = 1
    equal(x, np.ones((2, 3), np.float32))
    assert x.__dlpack_device__() == (2, 0)
    interface = x.T.__cuda_array_interface__
    assert interface["data"][0] == x.data.ptr
    assert interface["strides"] == (4, 12)
    with pytest.raises(TypeError, match="device type 1"):
        cupy.from_dlpack(x_host)


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
    import minitorch_cv.testing.emulation.cupy_stand_in.cupyx as cupyx

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


def test_arrays_from_an_address(x) -> None:
    class Other:
        __cuda_array_interface__ = x.T.__cuda_array_interface__

    view = cupy.asarray(Other())
    equal(view, x_host.T)
    view[0] = 8
    equal(x[:, 0], np.full(2, 8, np.float32))


def test_views_over_strides(x) -> None:
    windows = cupy.lib.stride_tricks.sliding_window_view(x, 2, axis=1)
    equal(windows, np.lib.stride_tricks.sliding_window_view(x_host, 2, axis=1))
    assert windows.base is x
    diagonal = cupy.lib.stride_tricks.as_strided(x, (2,), (16,))
    equal(diagonal, x_host.diagonal())
