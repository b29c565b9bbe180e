"""Memory layout: views where possible, copies where needed, and back again."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels import layout
from minitorch_cv.testing import ORDERS, arranged

shapes = st.lists(st.integers(0, 4), min_size=2, max_size=5).map(tuple)


@given(shape=st.lists(st.integers(0, 4), max_size=5).map(tuple), order=st.sampled_from(ORDERS))
def test_flat_and_back(shape: tuple, order: str) -> None:
    x = arranged(np.random.default_rng(0).standard_normal(shape), order)
    values, axes = layout.flat(x)
    assert values.flags.carray
    np.testing.assert_array_equal(layout.unflat(values, x.shape, axes), x)
    other = np.random.default_rng(1).standard_normal(shape)
    np.testing.assert_array_equal(layout.unflat(layout.flat_like(other, axes), x.shape, axes), other)


@given(shape=shapes, order=st.sampled_from(ORDERS))
def test_channel_rows_and_back(shape: tuple, order: str) -> None:
    x = arranged(np.random.default_rng(0).standard_normal(shape), order)
    rows = layout.channel_rows(x)
    assert rows.flags.carray
    assert rows.shape[1] == shape[1]
    np.testing.assert_array_equal(layout.from_channel_rows(rows, shape), x)


@pytest.mark.parametrize("order", ["contiguous", "channels-last"])
def test_what_lies_without_gaps_is_not_copied(order: str) -> None:
    x = arranged(np.ones((2, 3, 4, 5)), order)
    assert np.shares_memory(layout.flat(x)[0], x)
    assert np.shares_memory(layout.to_nhwc(x), x) == (order == "channels-last")
    assert np.shares_memory(layout.channel_rows(x), x) == (order == "channels-last")
    assert np.shares_memory(layout.to_nchw(layout.to_nhwc(x)), x) == (order == "channels-last")


def test_what_numba_would_compile_again_for_is_copied() -> None:
    unaligned = np.zeros(33, np.uint8)[1:].view(np.float64)
    for array in (arranged(np.ones((3, 4)), "read-only"), unaligned, np.ones((3, 4)).T):
        copy = layout.contiguous(array)
        assert copy.flags.carray
        assert not np.shares_memory(copy, array)
    assert layout.contiguous(copy) is copy
