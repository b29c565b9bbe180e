"""Prefetching changes no value, and may point anywhere."""

import numpy as np

from kernels.jit import jit
from kernels.prefetch import prefetch


@jit
def ask_for(x, start, count):
    prefetch(x, start, count)


def test_any_part_may_be_asked_for() -> None:
    x = np.arange(100.0)
    for start, count in ((0, 100), (90, 50), (-1000, 10), (10**12, 1000), (5, 0), (5, -3)):
        ask_for(x, start, count)
    np.testing.assert_array_equal(x, np.arange(100.0))
