"""Arrays of more than 2^31 elements: a block of every launch finds a place which 32 bits cannot name.

Only that block is run: the last one, or, where the grid goes round and round, one that comes to the last image again. And only the
memory that it touches exists: the operating system makes pages when they are first used.
"""

from collections.abc import Callable, Iterator
from typing import Any

import gpu
import numpy as np
import pytest

import kernels
from minitorch_cv.testing.emulation import only_blocks

pytestmark = [
    pytest.mark.full,
    pytest.mark.skipif(gpu.GPU == "real", reason="on a GPU, all blocks run and all memory exists"),
    pytest.mark.skipif(gpu.REASON is not None, reason=str(gpu.REASON)),
]

C, H, W = 16, 64, 64
N = 2**31 // (C * H * W) + 1  # images

rng = np.random.default_rng(0)
WEIGHT, NARROW = rng.standard_normal((16, C, 3, 3)) / 12, rng.standard_normal((C, 1, 3, 3)) / 3
PER_CHANNEL = rng.random((4, C)).astype(np.float32) + 0.5

CASES: dict[str, Callable[[Any, Callable], Any]] = {
    "relu": lambda x, there: kernels.relu(x),
    "gelu": lambda x, there: kernels.smooth("gelu", x),
    "add": lambda x, there: kernels.add(x, x),
    "batch norm": lambda x, there: kernels.batch_norm_eval(x, *[there(row) for row in PER_CHANNEL]),
    "max pooling": lambda x, there: kernels.max_pool2d(x, 3, 1, 1)[0],
    "average pooling": lambda x, there: kernels.avg_pool2d(x, 3, 1, 1),
    "convolution": lambda x, there: kernels.conv2d(x, there(WEIGHT.astype(x.dtype)), padding=1),
    "convolution, gradient": lambda x, there: kernels.conv2d_input(x, there(WEIGHT.astype(x.dtype)), (H, W), padding=1),
    "depthwise": lambda x, there: kernels.conv2d(x, there(NARROW.astype(x.dtype)), padding=1, groups=C),
    "groups": lambda x, there: kernels.conv2d(x, there(WEIGHT[:, :4].astype(x.dtype)), padding=1, groups=4),
    "pixel shuffle": lambda x, there: kernels.pixel_shuffle(x, 2),
    "softmax": lambda x, there: kernels.softmax(x.transpose(0, 2, 3, 1).reshape(-1, C)),
}




@pytest.fixture(autouse=True)
def _gpu() -> Iterator[None]:
    with gpu.gpu_here():
        yield


ROUND_AND_ROUND = {"relu": 0, "gelu": 0, "add": 0, "pixel shuffle": 128}  # the number of the block that comes to the last image


@pytest.mark.parametrize("name", CASES)
def test_a_place_beyond_32_bits(name: str) -> None:
    """In float16, 4 GiB for each array; the last eight numbers, or the first eight of the last image, against what comes of it alone."""
    import cupy

    function = CASES[name]
    last = np.random.default_rng(1).standard_normal((1, H, W, C)).astype(np.float16)
    large = cupy.empty((N, H, W, C), np.float16)
    large._host[-1:] = last
    first = name in ROUND_AND_ROUND
    with only_blocks(ROUND_AND_ROUND.get(name, -1), 1):
        made = function(large.transpose(0, 3, 1, 2), gpu.to_gpu)
    with kernels.backend("numpy"):
        expected = function(last.astype(np.float64).transpose(0, 3, 1, 2), lambda array: array.astype(np.float64))
    assert made.size > 2**31
    looked_at = slice(8) if first else slice(-8, None)
    found, wanted = in_memory_order(made._host)[looked_at], in_memory_order(expected)[looked_at]
    assert np.abs(found - wanted).max() <= 2e-3 * np.abs(expected).max()
    assert np.abs(wanted).max() > 0


def in_memory_order(array: np.ndarray) -> np.ndarray:
    last = array[-1]
    return (last.transpose(1, 2, 0) if last.ndim == 3 else last).reshape(-1)
