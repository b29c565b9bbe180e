// A matrix (M, D) whose rows are worked on one by one, each by a team of threads: the blockDim.x threads, a power of two, that share a
// threadIdx.y. Short rows have small teams, several in a warp; long rows have all threads of a block. A thread reads packs of V
// neighbours, number threadIdx.x, + blockDim.x, ... of its row, and keeps the first few in registers: a row that fits is read once,
// however often it is looked at. `row_grid` in grids.py chooses the sizes.
#pragma once
#include "channel_reduce.cuh"
#include "reduce.cuh"

const int KEPT = 4;           // packs that a thread keeps
const int ROW_THREADS = 512;  // of a block at most: so each may have 128 registers, as __launch_bounds__ tells the compiler

// The row of this thread's team; a team beyond the last row has an empty one, and goes along.
template <int V> struct Row {
    const Real* at;
    Pack<V> kept[KEPT];

    __device__ Row(const Real* matrix, Index m, Index D, Index packs) : at(matrix + m * D)
    {
#pragma unroll
        for (int i = 0; i < KEPT; ++i)
            if (threadIdx.x + i * blockDim.x < packs) kept[i] = load_pack<V>(at, (threadIdx.x + i * blockDim.x) * V);
    }

    __device__ Pack<V> pack(int i, Index column) const { return i < KEPT ? kept[i] : load_pack<V>(at, column); }
};

__device__ inline Index row_of_thread() { return (Index)blockIdx.x * blockDim.y + threadIdx.y; }

// visit(i, column) for every pack of this thread: `row.pack(i, column)` is its numbers, from `column` on.
template <int V, class Visit> __device__ void each_pack(Index packs, Visit visit)
{
#pragma unroll
    for (int i = 0; i < KEPT; ++i)
        if (threadIdx.x + i * blockDim.x < packs) visit(i, (Index)(threadIdx.x + i * blockDim.x) * V);
    for (Index p = threadIdx.x + KEPT * blockDim.x; p < packs; p += blockDim.x) visit(KEPT, p * V);
}

// The sum over the team, in every thread of it. All threads of the block must come here. `scratch`: shared memory for 32 numbers.
template <class T> __device__ T row_sum(T value, T* scratch)
{
    if (blockDim.x > 32) return block_sum(value, scratch);
    for (int distance = blockDim.x / 2; distance > 0; distance /= 2) value += __shfl_xor_sync(0xffffffffu, value, distance);
    return value;
}

// The largest over groups of `lanes` neighbours of a warp, in each of them; NaN counts for nothing.
template <class T> __device__ T lanes_max(T value, int lanes)
{
    for (int distance = lanes / 2; distance > 0; distance /= 2) {
        T other = __shfl_xor_sync(0xffffffffu, value, distance);
        value = other > value ? other : value;
    }
    return value;
}

// The largest over the team, in the same way as its sum.
template <class T> __device__ T row_max(T value, T* scratch)
{
    value = lanes_max(value, blockDim.x < 32 ? blockDim.x : 32);
    if (blockDim.x <= 32) return value;
    if (threadIdx.x % 32 == 0) scratch[threadIdx.x / 32] = value;
    __syncthreads();
    value = lanes_max(scratch[threadIdx.x % (blockDim.x / 32)], 32);
    __syncthreads();
    return value;
}
