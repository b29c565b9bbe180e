"""The tool that executes CUDA kernels on the CPU catches what is wrong with them.

Each test takes a kernel that is right, shows that it passes, plants one fault, and shows that it no longer does.
"""

from collections.abc import Iterator

import numpy as np
import pytest
from gpu import to_gpu

from kernels.gpu.launch import SHARED, source_text
from minitorch_cv.testing import emulation
from minitorch_cv.testing.emulation import CpuModule, CudaFault, emulated_gpu, fenced_memory, only_blocks, order

pytestmark = pytest.mark.skipif(emulation.missing() is not None, reason=str(emulation.missing()))

THREADS = 64

# y[i] = x[i - 1] + x[i] + x[i + 1], through shared memory with a pixel more on either side; x is zero outside.
BLUR = """
KERNEL blur(const float* x, float* y, Index N)
{
    __shared__ float tile[64 + 2];
    Index i = (Index)blockIdx.x * 64 + threadIdx.x;
    tile[threadIdx.x + 1] = i < N ? x[i] : 0;
    if (threadIdx.x == 0) tile[0] = i > 0 ? x[i - 1] : 0;
    if (threadIdx.x == 63) tile[64 + 1] = i + 1 < N ? x[i + 1] : 0;
    __syncthreads();
    if (i < N) y[i] = tile[threadIdx.x] + tile[threadIdx.x + 1] + tile[threadIdx.x + 2];
}
"""

# The sum of a block of 64 numbers, by halves.
SUM = """
KERNEL sum_of_block(const float* x, float* y)
{
    __shared__ float sums[64];
    sums[threadIdx.x] = x[threadIdx.x];
    __syncthreads();
    for (int half = 32; half > 0; half /= 2) {
        if (threadIdx.x < half) sums[threadIdx.x] += sums[threadIdx.x + half];
        __syncthreads();
    }
    if (threadIdx.x == 0) y[0] = sums[0];
}
"""

# Every second pixel of a plane: x (H, W) -> y (H / 2, W / 2).
HALVE = """
KERNEL halve(const float* x, float* y, Index OH, Index OW, Index W)
{
    FOR_EACH(i, OH * OW) {
        Index oh = i / OW, ow = i % OW;
        y[i] = x[2 * oh * W + 2 * ow];
    }
}
"""

# Where number (n, c) of an array of N by C lies.
OFFSET = """
KERNEL offset_of(Index* y, Index C)
{
    Index n = blockIdx.x, c = C - 1;
    y[threadIdx.x] = n * C + c;
}
"""

WARP_SUM = """
KERNEL sum_of_warp(const float* x, float* y)
{
    float value = x[threadIdx.x];
    for (int distance = 16; distance > 0; distance /= 2) value += __shfl_down_sync(0xffffffffu, value, distance);
    if (threadIdx.x == 0) y[0] = value;
}
"""

PACKS = """
KERNEL copy_packs(const float* x, float* y)
{
    *(Pack<4>*)(y + 4 * threadIdx.x) = *(const Pack<4>*)(x + 4 * threadIdx.x);
}
"""


@pytest.fixture(autouse=True)
def _gpu() -> Iterator[None]:
    with emulated_gpu():
        yield


def module(source: str) -> CpuModule:
    types = source_text(SHARED / "types.cuh", "float32")
    return CpuModule(code=f'{types}\n#line 1 "planted.cu"\n{source}')


def planted(source: str, right: str, wrong: str) -> str:
    """The source with a fault in the place of something that is there exactly once."""
    assert source.count(right) == 1
    return source.replace(right, wrong)


def blurred(source: str, N: int = 150, orders: tuple[tuple[int, int], ...] = ((0, 0), (1, 1), (2, 2))) -> bool:
    """Whether the kernel computes the blur, whatever the order of threads and blocks."""
    x = np.random.default_rng(0).standard_normal(N).astype(np.float32)
    padded = np.pad(x, 1)
    expected = padded[:-2] + padded[1:-1] + padded[2:]
    kernel = module(source).get_function("blur")
    for threads, blocks in orders:
        result = to_gpu(np.full(N, np.nan, np.float32))
        with order(threads, blocks):
            kernel((-(-N // THREADS),), (THREADS,), (to_gpu(x), result, N))
        if not np.allclose(result.get(), expected, atol=1e-6):
            return False
    return True


def summed(source: str, name: str, threads: int) -> bool:
    x = np.arange(threads, dtype=np.float32)
    kernel = module(source).get_function(name)
    for way in (0, 1, 2, 3):
        result = to_gpu(np.zeros(1, np.float32))
        with order(way):
            kernel((1,), (threads,), (to_gpu(x), result))
        if result.get()[0] != x.sum():
            return False
    return True


def test_a_missing_barrier() -> None:
    assert blurred(BLUR)
    assert not blurred(planted(BLUR, "    __syncthreads();\n", ""))
    assert summed(SUM, "sum_of_block", 64)
    assert not summed(planted(SUM, "        __syncthreads();\n", ""), "sum_of_block", 64)


def test_a_pack_at_an_odd_address() -> None:
    """A GPU stops there; the CPU itself would not mind."""
    x, kernel = np.arange(64, dtype=np.float32), module(PACKS).get_function("copy_packs")
    result = to_gpu(np.zeros_like(x))
    kernel((1,), (16,), (to_gpu(x), result))
    assert np.array_equal(result.get(), x)
    with pytest.raises(CudaFault, match=r"copy_packs: .*an address that is no multiple of what its type wants"):
        kernel((1,), (16,), (to_gpu(x, skipped=1), result))


def test_a_barrier_that_some_threads_miss() -> None:
    wrong = planted(BLUR, "    __syncthreads();\n", "    if (i < N) __syncthreads();\n")
    with pytest.raises(CudaFault, match="blur: not every thread of the block reached every __syncthreads"):
        blurred(wrong)
    wrong = planted(SUM, "        __syncthreads();\n", "        if (threadIdx.x < half) __syncthreads();\n")
    with pytest.raises(CudaFault, match=r"sum_of_block: .*__syncthreads"):
        summed(wrong, "sum_of_block", 64)


def test_an_unguarded_tail() -> None:
    """150 numbers in blocks of 64: the last block writes 42 numbers too many."""
    with pytest.raises(CudaFault, match="blur: something wrote after an array of 600 bytes"):
        blurred(planted(BLUR, "if (i < N) y[i]", "y[i]"))


def test_a_read_beyond_the_end() -> None:
    """What lies there is NaN, and shows."""
    assert not blurred(planted(BLUR, "i + 1 < N ? x[i + 1] : 0", "x[i + 1]"), N=128)


def test_a_read_beyond_the_end_of_fenced_memory() -> None:
    """Even where what was read is not used."""
    with fenced_memory():
        assert blurred(BLUR, N=128)
        with pytest.raises(CudaFault, match=r"blur: memory at 0x[0-9a-f]* does not belong to any array"):
            blurred(planted(BLUR, "i + 1 < N ? x[i + 1] : 0", "x[i + 1] * 0"), N=128)


def test_a_halo_that_is_off_by_one() -> None:
    with pytest.raises(CudaFault, match=r"blur: planted.cu:10: index outside of an array \(block 0, 0, 0, thread 63, 0, 0\)"):
        blurred(planted(BLUR, "tile[threadIdx.x + 2]", "tile[threadIdx.x + 3]"))
    assert not blurred(planted(BLUR, "if (threadIdx.x == 63)", "if (threadIdx.x == 62)"))  # a pixel that nobody fetched is NaN


def test_a_wrong_stride() -> None:
    def right(source: str) -> bool:
        x = np.arange(35, dtype=np.float32).reshape(5, 7)
        result = to_gpu(np.zeros((2, 3), np.float32))
        module(source).get_function("halve")((1,), (32,), (to_gpu(x), result, 2, 3, 7))
        return np.array_equal(result.get(), x[:4:2, :6:2])

    assert right(HALVE)
    assert not right(planted(HALVE, "2 * oh * W", "2 * oh * (W - 1)"))


def test_an_offset_that_does_not_fit_into_32_bits() -> None:
    """In the last of 65536 blocks, n * C is 2^31 and more."""

    def last_offset(source: str) -> int:
        result = to_gpu(np.zeros(1, np.int64))
        with only_blocks(-1, 1):
            module(source).get_function("offset_of")((65536,), (1,), (result, 40000))
        return int(result.get()[0])

    assert last_offset(OFFSET) == 65536 * 40000 - 1
    wrong = planted(planted(OFFSET, "Index n = blockIdx.x", "int n = blockIdx.x"), "n * C + c", "n * (int)C + (int)c")
    with pytest.raises(CudaFault, match=r"offset_of: .*a product of signed integers overflows"):
        last_offset(wrong)


def test_a_shuffle_without_all_its_lanes() -> None:
    assert summed(WARP_SUM, "sum_of_warp", 32)
    wrong = planted(WARP_SUM, "value += __shfl", "if (threadIdx.x < distance) value += __shfl")
    with pytest.raises(CudaFault, match="sum_of_warp: threads of one block wait for one another"):
        summed(wrong, "sum_of_warp", 32)


def test_shared_memory_that_nobody_wrote() -> None:
    write = "sums[threadIdx.x] = x[threadIdx.x];"
    assert not summed(planted(SUM, write, f"if (threadIdx.x) {write}"), "sum_of_block", 64)


def test_memory_that_is_not_there() -> None:
    with pytest.raises(CudaFault, match=r"halve: memory at .* does not belong to any array"):
        module(HALVE).get_function("halve")((1,), (32,), (np.uint64(0), to_gpu(np.zeros((2, 3), np.float32)), 2, 3, 7))


def test_a_division_by_zero() -> None:
    x, y = to_gpu(np.zeros(9, np.float32)), to_gpu(np.zeros(9, np.float32))
    module(HALVE).get_function("halve")((1,), (32,), (x, y, 2, 0, 7))  # nothing to divide
    with pytest.raises(CudaFault, match=r"halve: .*an integer was divided by zero"):
        module(planted(HALVE, "OH * OW", "OH")).get_function("halve")((1,), (32,), (x, y, 2, 0, 7))


def test_launches_that_cuda_refuses() -> None:
    kernel = module(SUM).get_function("sum_of_block")
    x, y = to_gpu(np.zeros(64, np.float32)), to_gpu(np.zeros(1, np.float32))
    with pytest.raises(CudaFault, match=r"got blocks of .* threads, more than 1024"):
        kernel((1,), (2048,), (x, y))
    with pytest.raises(CudaFault, match="which CUDA does not launch"):
        kernel((1, 70000), (64,), (x, y))
    with pytest.raises(CudaFault, match="got 1 arguments, expected 2"):
        kernel((1,), (64,), (x,))
    with pytest.raises(CudaFault, match="argument 1 has 4 bytes, the kernel takes 8"):
        kernel((1,), (64,), (x, np.float32(1)))
    with pytest.raises(CudaFault, match="gaps, which a pointer hides"):
        kernel((1,), (64,), (to_gpu(np.zeros((64, 2), np.float32))[:, 0], y))
