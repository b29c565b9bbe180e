"""Memory shared with other libraries: NumPy, PyTorch, and CuPy's stand-in."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import minitorch_cv as mt
from minitorch_cv.testing.emulation import emulated_gpu, missing


@pytest.fixture
def cupy() -> Iterator[Any]:
    if missing():
        pytest.skip(missing())
    with emulated_gpu():
        import cupy

        yield cupy


def test_numpy_shares_memory_both_ways() -> None:
    array = np.arange(6, dtype=np.float32).reshape(2, 3).T
    x = mt.from_dlpack(array)
    assert (x.shape, x.dtype, x.strides) == (array.shape, array.dtype, array.strides)
    x[0, 0] = 7
    assert array[0, 0] == 7
    back = np.from_dlpack(x)
    assert np.shares_memory(back, array)
    assert x.__dlpack_device__() == (1, 0)


def test_pytorch_shares_memory_both_ways() -> None:
    torch = pytest.importorskip("torch")
    theirs = torch.arange(6.0).reshape(2, 3).t()
    ours = mt.from_dlpack(theirs)
    ours[1, 1] = -1
    assert theirs[1, 1] == -1
    theirs[2, 0] = 9
    assert ours[2, 0].item() == 9
    images = mt.randn(2, 3, 4, 5)
    shared = torch.from_dlpack(images)
    assert shared.shape == images.shape
    shared[0, 1, 2, 3] = 5
    assert images[0, 1, 2, 3].item() == 5
    with pytest.raises(BufferError, match="require"):
        mt.from_dlpack(torch.ones(2, requires_grad=True))


def test_a_tensor_shares_with_a_tensor_without_its_history() -> None:
    x = mt.ones(2, requires_grad=True)
    y = mt.from_dlpack(x)
    assert y.data is x.data
    assert not y.requires_grad


def test_what_cannot_be_shared_is_refused_in_a_sentence() -> None:
    with pytest.raises(BufferError, match=r"requires a gradient, which others cannot see; export its detach\(\)"):
        np.from_dlpack(mt.ones(2, requires_grad=True))
    with pytest.raises(BufferError, match="has no memory to share"):
        np.from_dlpack(mt.ones(2, device="meta"))
    with pytest.raises(BufferError, match="read-only"):
        mt.ones(1).broadcast_to(3).__dlpack__()
    with pytest.raises(TypeError, match="x: got list, expected an array or a tensor with __dlpack__"):
        mt.from_dlpack([1, 2])
    assert not hasattr(mt.ones(2), "__cuda_array_interface__")


def test_memory_of_another_kind_is_refused() -> None:
    class OnVulkan:
        def __dlpack__(self) -> None: ...

        def __dlpack_device__(self) -> tuple[int, int]:
            return 7, 0

    with pytest.raises(ValueError, match="x: got memory of kind 7"):
        mt.from_dlpack(OnVulkan())


def test_bfloat16_on_the_cpu_is_refused() -> None:
    pytest.importorskip("ml_dtypes")
    with pytest.raises(BufferError, match="NumPy cannot export bfloat16"):
        mt.ones(2).bfloat16().__dlpack__()


def test_cupy_shares_memory_both_ways(cupy: Any) -> None:
    array = cupy.arange(6, dtype=np.float32).reshape(2, 3)
    for x in (mt.from_dlpack(array), mt.Tensor(array)):
        assert x.device == "cuda:0"
        x[0, 0] += 1
    assert array.get()[0, 0] == 2
    y = mt.zeros(2, 3, device="cuda")
    cupy.from_dlpack(y)[...] = 4
    assert y.tolist() == [[4.0] * 3] * 2
    assert y.__dlpack_device__() == (2, 0)
    assert mt.tensor(array).data is not array


def test_the_interface_of_arrays_on_a_gpu(cupy: Any) -> None:
    x = mt.zeros(2, 3, device="cuda")
    interface = x.__cuda_array_interface__
    assert interface["shape"] == (2, 3)
    assert interface["data"] == x.data.__cuda_array_interface__["data"]
    with pytest.raises(RuntimeError, match=r"requires a gradient, which others cannot see; export its detach\(\)"):
        _ = x.requires_grad_().__cuda_array_interface__
    with pytest.raises(BufferError, match="requires a gradient"):
        x.__dlpack__()
    del cupy
