// Sums over the threads of a warp and of a block.
#pragma once
#include "types.cuh"

// The sum over the 32 lanes of a warp, in every lane. All lanes must come here.
template <class T> __device__ T warp_sum(T value)
{
    for (int distance = 16; distance > 0; distance /= 2) value += __shfl_xor_sync(0xffffffffu, value, distance);
    return value;
}

// The sum over all threads of a block, in every thread. The number of threads is a multiple of 32, and all must come here.
// `scratch`: shared memory for 32 numbers; it may be used again at once.
template <class T> __device__ T block_sum(T value, T* scratch)
{
    int thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
    int warps = blockDim.x * blockDim.y * blockDim.z / 32;
    value = warp_sum(value);
    if (thread % 32 == 0) scratch[thread / 32] = value;
    __syncthreads();
    value = warp_sum(thread % 32 < warps ? scratch[thread % 32] : T(0));
    __syncthreads();
    return value;
}
