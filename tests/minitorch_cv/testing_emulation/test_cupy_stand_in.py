"""The stand-in for CuPy computes what CuPy computes and refuses what CuPy refuses."""

import copy
import pickle

import ml_dtypes
import numpy as np
import pytest

from minitorch_cv.testing.emulation import cupy_stand_in as cupy

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
    "to add by an index that is a tuple, through NumPy": lambda x: np.add.at(x, (cupy.asarray([0]), cupy.asarray([0])), 1.0),
    "to add to int64 by an index": lambda x: np.add.at(cupy.zeros(3, np.int64), cupy.asarray([0]), 1),
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
    cupy.add.at(x, (cupy.asarray([0, 0]), cupy.asarray([1, 1])), 1.0)
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
