"""Tables on the GPU are copied once."""

from collections.abc import Iterator

import numpy as np
import pytest
from gpu import REASON, gpu_here

from kernels.gpu.constants import constant

pytestmark = pytest.mark.skipif(REASON is not None, reason=str(REASON))


@pytest.fixture(autouse=True)
def _gpu() -> Iterator[None]:
    with gpu_here():
        yield


def test_one_copy_of_each_array() -> None:
    table = np.arange(5)
    copy = constant(table)
    assert constant(table) is copy
    other = constant(table.copy())  # equal, but perhaps not for ever
    assert other is not copy
    assert copy.get().tolist() == other.get().tolist() == [0, 1, 2, 3, 4]


def test_one_copy_of_each_function_of_it() -> None:
    table = np.arange(3.0)
    small, reversed_ = constant(table, np.float32), constant(table, np.flip)
    assert small.dtype == np.float32
    assert reversed_.get().tolist() == [2, 1, 0]
    assert constant(table, np.float32) is small
    assert constant(table, np.flip) is reversed_
