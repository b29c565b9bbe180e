"""Pooled memory: nothing is handed out twice, everything comes back."""

import gc
import threading

import numpy as np
import pytest

from kernels import memory


@pytest.fixture(autouse=True)
def _empty_pool() -> None:
    memory.release()


SHAPE = (64, 1024)


def test_a_block_is_reused_when_its_last_view_is_gone() -> None:
    gc.disable()
    try:
        first = memory.empty(SHAPE, np.float32)
        address, view = first.ctypes.data, first[3:].T
        del first
        assert memory.empty(SHAPE, np.float32).ctypes.data != address
        del view
        assert memory.idle_bytes() >= 4 * 64 * 1024
        memory.release()
        assert memory.idle_bytes() == 0
        third = memory.empty(SHAPE, np.float32)
        address = third.ctypes.data
        del third
        assert memory.empty((20, 1024), np.float64).ctypes.data == address, "a smaller array fits into it"
    finally:
        gc.enable()


def test_a_much_larger_block_is_not_wasted_on_a_small_array() -> None:
    large = memory.empty((1 << 22,), np.uint8)
    address = large.ctypes.data
    del large
    assert memory.empty((1 << 16,), np.uint8).ctypes.data != address


@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (5,), (1 << 16,)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, bool])
def test_shape_dtype_and_alignment(shape: tuple[int, ...], dtype: type) -> None:
    array = memory.empty(shape, dtype)
    assert array.shape == shape
    assert array.dtype == dtype
    assert array.flags.c_contiguous
    assert array.flags.writeable
    if array.nbytes >= memory.SMALLEST:
        assert array.ctypes.data % memory.ALIGNMENT == 0
    zeros = memory.zeros(shape, dtype)
    assert not zeros.any()


def test_threads_never_share_a_block() -> None:
    """Each thread writes its own number into arrays it holds, and must find it there."""
    wrong: list[int] = []

    def work(number: int) -> None:
        for _ in range(200):
            held = [memory.empty((4096 + number * 64,), np.int64) for _ in range(3)]
            for array in held:
                array.fill(number)
            if any((array != number).any() for array in held):
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
